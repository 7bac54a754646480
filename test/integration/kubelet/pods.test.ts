/** Pods as real namespaces with real processes, in a lab of their own, as an ordinary user's and as root's. Needs: user namespaces, or root; curl, dig. */
import { describe, expect, test } from 'vitest';
import { missing, scenario, ways } from './sandbox.ts';

const every = Object.entries(ways);

describe.skipIf(missing !== undefined)(`pods${missing ? ` (skipped: ${missing})` : ''}`, () => {
  describe.each(every)('of %s', (who, way) => {
    test('have a network, files of their own, and no privilege', async () => {
      const seen = await scenario<Record<string, unknown>>(way, 'inside');
      expect(seen).toMatchObject({
        ready: true,
        ip: '10.244.1.2',
        http: { pod: 'web', node: 'node1', client: '10.244.1.1', path: '/' },
        clientip: '10.244.1.1',
        tcp: ['web node1 10.244.1.1', 'hello', ''],
        udp: ['web node1 10.244.1.1', 'hello', ''],
        resolvConf: 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5',
        hosts: ['10.244.1.2\tweb', '10.9.9.9\tfar\taway'],
        hostname: 'web',
        addresses: 'lo 127.0.0.1/8\neth0 10.244.1.2/24',
        routes: 'default via 10.244.1.1 dev eth0 \n10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1.2',
        mtu: '1450',
        processes: true,
        first: '1',
        homes: '/home:\n\n/root:',
        applet: 'hello you',
        ping: 0,
        pause: 1,
        log: 'listening on 8080, TCP and UDP',
      });
      // NET_BIND_SERVICE and NET_RAW
      expect(seen.capabilities).toBe('CapEff:\t0000000000002400');
      expect(seen.refused).toEqual([true, true, true, true, true]);
    });

    test('run their containers to the end: init containers first, environment and volumes as wished', async () => {
      expect(await scenario(way, 'life')).toEqual({
        log: `zero blue IP blue http://IP:80/ 10.96.0.11\none\ntwo\nx = 1\n/data\n${who === 'root' ? '4711' : '0'}\nkept\n`,
        terminated: {
          exitCode: 3,
          reason: 'Error',
          message: 'last words\n',
          startedAt: '',
          finishedAt: '',
          containerID: 'kubehop://default/job/main/1',
        },
        init: [
          ['first', true, 0],
          ['second', true, 0],
        ],
        left: ['node1'],
      });
    });
  });

  const way = every[0]?.[1] ?? [];

  test('say what is amiss, and try again', async () => {
    expect(await scenario(way, 'trouble')).toEqual({
      crash: {
        restartCount: 1,
        code: 1,
        message: 'Back-off restarting failed container for 10s: container=c pod=default/crash',
        logs: ['run\n', 'run\n'],
      },
      nowhere: 'exec: "nosuchprogram": executable file not found in $PATH',
      unset: 'configmap "nosuch" not found',
      unknown:
        'Warning Failed: Failed to pull image "example.com/some/thing:v1": images are not fetched here, and "some/thing" stands for no program: known are busybox, coredns/coredns, kubehop/echo',
      phases: ['Running', 'Running', 'Pending', 'Pending'],
    });
  });

  test('end with grace, and nothing of them is left', async () => {
    expect(await scenario(way, 'ending')).toEqual({
      marked: true,
      servedOn: 'web\n',
      words: 'bye\n',
      left: ['node1'],
      anew: true,
      served: 'web\n',
      after: ['node1'],
      events: ['Normal Killing: Stopping container c'],
    });
  });

  test('are looked at by HTTP, TCP and commands', async () => {
    expect(await scenario(way, 'probes')).toEqual({
      http: ['Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500'],
      closed: [false, 'Warning Unhealthy: Readiness probe failed: dial tcp IP:9: connect: connection refused'],
      exec: [
        'Warning Unhealthy: Liveness probe failed: cat: /tmp/alive: No such file or directory',
        'Normal Killing: Container c failed liveness probe, will be restarted',
      ],
      code: 137,
    });
  });

  test('share what a pod shares, and are made again with it', async () => {
    expect(await scenario(way, 'together')).toEqual({
      local: { code: 0, out: '127.0.0.1\n' },
      shared: [true, true, true, false, false],
      order: ['Normal Started: Started container side'],
      newAddress: true,
      restarts: [1, 1],
      failed: [],
    });
  });

  test('take input, have terminals, and open ports', async () => {
    expect(await scenario(way, 'streams')).toEqual({
      piped: { code: 7, out: 'some input' },
      terminal: ['terminal', '24 80', ''],
      plain: 'none\n',
      bytes: true,
      refused: 'dial tcp 127.0.0.1:9: connect: connection refused',
    });
  });

  test('find each other by name', async () => {
    expect(await scenario(way, 'names')).toEqual({
      getent: ['10.96.0.11', 'web.default.svc.cluster.local', ''],
      none: 2,
      nslookup: ['Server:\t\tSERVER', 'Address:\tSERVER:53', '', 'Name:\tweb.default.svc.cluster.local', 'Address: 10.96.0.11', ''],
      missing: ["** server can't find nosuch: REFUSED", '1', ''],
      reverse: true,
      ttl: '9',
      srv: '0 100 80 web.default.svc.cluster.local.\n',
      log: true,
    });
  });
});

import { describe, expect, test } from 'vitest';
import { Pods } from '../../src/cluster/resources/index.ts';
import { settled, World } from './support/world.ts';

const app = (more: object = {}) => ({ name: 'app', image: 'app:v1', ...more });

describe('probes', () => {
  const get = { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 5, failureThreshold: 2 };
  const ports = [{ name: 'http', containerPort: 8080 }];

  test('say when it is ready, and when it is no longer', async () => {
    const world = new World();
    world.machine.amiss.set(8080, 'refused');
    await world.create('pod', { containers: [app({ ports, readinessProbe: { ...get, initialDelaySeconds: 3 } })] });
    expect([world.condition('Ready'), world.machine.checked]).toEqual(['False', []]);
    await world.timers.advance(3000);
    expect(world.machine.checked).toEqual(['http://10.244.1.2:8080/healthz']);
    expect(world.condition('Ready')).toBe('False');
    world.machine.amiss.delete(8080);
    await world.timers.advance(5000);
    expect([world.condition('Ready'), world.container('app').ready]).toEqual(['True', true]);
    world.machine.amiss.set(8080, 'refused');
    await world.timers.advance(5000);
    expect(world.condition('Ready')).toBe('True');
    await world.timers.advance(5000);
    expect(world.condition('Ready')).toBe('False');
    expect(world.machine.runs.app).toHaveLength(1);
    expect(world.events().at(-1)).toBe('Unhealthy: Readiness probe failed: refused (x3)');
  });

  test('end a container that does not live, with its grace, and it is started again', async () => {
    const world = new World();
    await world.create('pod', {
      terminationGracePeriodSeconds: 10,
      containers: [app({ livenessProbe: { ...get, httpGet: undefined, tcpSocket: { port: 9 } } })],
    });
    world.machine.last('app').onTerm = () => undefined;
    world.machine.amiss.set(9, 'refused');
    await world.timers.advance(10_000);
    expect(world.machine.last('app').signals).toEqual(['SIGTERM']);
    await world.timers.advance(5000);
    expect(world.container('app')).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137, signal: 9 } } });
    expect(world.events().filter(event => event.startsWith('Killing'))).toEqual([
      'Killing: Container app failed liveness probe, will be restarted',
    ]);
  });

  test('of its start come first, and make the others wait', async () => {
    const world = new World();
    world.machine.amiss.set(1, 'not yet');
    const startupProbe = { tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 30 };
    await world.create('pod', { containers: [app({ ports, startupProbe, readinessProbe: get, livenessProbe: get })] });
    await world.timers.advance(5000);
    expect(new Set(world.machine.checked)).toEqual(new Set(['tcp 10.244.1.2:1']));
    expect(world.container('app')).toMatchObject({ started: false, ready: false });
    world.machine.amiss.delete(1);
    await world.timers.advance(1000);
    expect(world.container('app')).toMatchObject({ started: true, ready: true });
    const looks = world.machine.checked.filter(check => check.startsWith('tcp')).length;
    await world.timers.advance(10_000);
    expect(world.machine.checked.filter(check => check.startsWith('tcp'))).toHaveLength(looks);
  });

  test('run commands, and do not know gRPC', async () => {
    const world = new World();
    await world.create('pod', {
      containers: [app({ readinessProbe: { exec: { command: ['look'] } } }), app({ name: 'g', readinessProbe: { grpc: { port: 1 } } })],
    });
    await world.timers.advance(0);
    expect(world.container('app').ready).toBe(true);
    expect([world.container('g').ready, world.events().at(-1)]).toEqual([
      false,
      'Unhealthy: Readiness probe failed: gRPC probes are not known here: use httpGet, tcpSocket or exec',
    ]);
    expect(world.condition('Ready')).toBe('False');
  });

  test('change a condition when it changes, and not before', async () => {
    const world = new World();
    await world.create('pod', { containers: [app({ ports, readinessProbe: get })] });
    await world.timers.advance(1000);
    const at = world.pod()!.status!.conditions!.find(condition => condition.type === 'Ready')!.lastTransitionTime;
    await world.timers.advance(60_000);
    world.store.modify(Pods, 'default', 'pod', draft => Object.assign(draft.metadata, { labels: { a: 'b' } }));
    await world.timers.advance(1000);
    const ready = world.pod()!.status!.conditions!.find(condition => condition.type === 'Ready')!;
    expect([ready.status, ready.lastTransitionTime]).toEqual(['True', at]);
  });

  test('of readiness go on while it ends, others do not', async () => {
    const world = new World();
    await world.create('pod', {
      containers: [app({ ports, readinessProbe: get, livenessProbe: { tcpSocket: { port: 9 }, periodSeconds: 1 } })],
    });
    await world.timers.advance(0);
    world.machine.last('app').onTerm = () => undefined;
    world.store.delete(Pods, 'default', 'pod');
    await settled();
    world.machine.checked.length = 0;
    await world.timers.advance(10_000);
    expect(world.machine.checked).toEqual(['http://10.244.1.2:8080/healthz', 'http://10.244.1.2:8080/healthz']);
    expect(world.condition('Ready')).toBe('True');
  });
});

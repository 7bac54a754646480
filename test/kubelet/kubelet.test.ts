import { describe, expect, test } from 'vitest';
import { Pods } from '../../src/cluster/resources/index.ts';
import { app, settled, text, World } from './support/world.ts';

describe('a pod', () => {
  test('gets a sandbox, an address and its files, then its containers', async () => {
    const world = new World();
    await world.create('pod', { containers: [app({ ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] })] });
    const [sandbox] = world.machine.sandboxes;
    expect(sandbox).toMatchObject({ options: { hostName: 'pod', hostNetwork: false } });
    expect(sandbox!.files['resolv.conf']).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(sandbox!.files.hosts).toContain('10.244.1.2\tpod\n');
    const { options } = world.machine.last('app');
    expect(options.argv).toEqual(['serve', '--all']);
    expect(options.environment).toMatchObject({ HOSTNAME: 'pod', KUBEHOP_PORTS: '80,53', KUBEHOP_NODE: 'node1' });
    expect(world.pod()!.status).toMatchObject({
      phase: 'Running',
      podIP: '10.244.1.2',
      hostIP: '192.168.56.11',
      startTime: '2023-11-14T22:13:20Z',
    });
    expect(
      ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(type => world.condition(type)),
    ).toEqual(new Array(5).fill('True'));
    expect(world.container('app')).toMatchObject({
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: '2023-11-14T22:13:20Z' } },
    });
    expect(world.events()).toEqual([
      'Pulled: Container image "app:v1" already present on machine: a stand-in',
      'Created: Created container: app',
      'Started: Started container app',
    ]);
  });

  test('of another node is left alone; one on the network of the node has its address', async () => {
    const world = new World();
    await world.create('far', { nodeName: 'node2', containers: [app()] });
    expect(world.machine.sandboxes).toEqual([]);
    await world.create('pod', { hostNetwork: true, containers: [app()] });
    expect(world.machine.attached.size).toBe(0);
    expect(world.machine.sandboxes[0]).toMatchObject({ options: { hostName: 'node1', hostNetwork: true } });
    expect(world.machine.sandboxes[0]!.files['resolv.conf']).toBe('search lan\nnameserver 192.168.56.1\n');
    expect(world.pod()!.status!.podIP).toBe('192.168.56.11');
  });

  test('whose sandbox cannot be made says so, and is tried again', async () => {
    const world = new World();
    world.machine.failures = ['no room', 'no room'];
    await world.create('pod', { containers: [app()] });
    expect(world.pod()!.status!.phase).toBe('Pending');
    await world.timers.advance(3000);
    expect(world.pod()!.status!.phase).toBe('Running');
    expect(world.events()[0]).toBe('FailedCreatePodSandBox: Failed to create pod sandbox: no room (x2)');
  });

  test('whose sandbox is lost is made again, with its containers', async () => {
    const world = new World();
    await world.create('pod', { containers: [app()] });
    world.machine.sandboxes[0]!.lose();
    await settled();
    expect(world.machine.sandboxes.map(sandbox => sandbox.isRemoved)).toEqual([true, false]);
    expect(world.container('app')).toMatchObject({ restartCount: 1, ready: true });
    expect(world.pod()!.status!.podIP).toBe('10.244.1.3');
    expect(world.events().filter(event => /Sandbox|Failed/.test(event))).toEqual([
      'SandboxChanged: Pod sandbox changed, it will be killed and re-created.',
    ]);
  });

  test('with init containers runs them one after another first', async () => {
    const world = new World();
    await world.create('pod', { initContainers: [app({ name: 'one' }), app({ name: 'two' })], containers: [app()] });
    expect(world.machine.started).toEqual(['one']);
    expect(world.pod()!.status).toMatchObject({ phase: 'Pending' });
    expect(world.container('app').state).toEqual({ waiting: { reason: 'PodInitializing' } });
    expect(world.condition('Initialized')).toBe('False');
    world.machine.last('one').end(1);
    await settled();
    expect(world.machine.started).toEqual(['one', 'one']);
    world.machine.last('one').end(0);
    await settled();
    world.machine.last('two').end(0);
    await settled();
    expect(world.machine.started).toEqual(['one', 'one', 'two', 'app']);
    expect(world.pod()!.status!.phase).toBe('Running');
    expect(world.pod()!.status!.initContainerStatuses!.map(({ name, ready, restartCount }) => [name, ready, restartCount])).toEqual([
      ['one', true, 1],
      ['two', true, 0],
    ]);
  });

  test('runs its init containers again in a new sandbox, before the others', async () => {
    const world = new World();
    await world.create('pod', {
      initContainers: [app({ name: 'one' }), app({ name: 'side', restartPolicy: 'Always' })],
      containers: [app()],
    });
    world.machine.last('one').end(0);
    await settled();
    expect(world.machine.started).toEqual(['one', 'side', 'app']);
    world.machine.sandboxes[0]!.lose();
    await settled();
    expect(world.machine.started.slice(3).sort()).toEqual(['one', 'side']);
    world.machine.last('one').end(0);
    await settled();
    expect(world.machine.started.at(-1)).toBe('app');
    expect([world.condition('Initialized'), world.condition('Ready'), world.machine.runs.app!.length]).toEqual(['True', 'True', 2]);
    world.store.delete(Pods, 'default', 'pod');
    await settled();
    expect(world.pod()).toBeUndefined();
  });

  test('that never restarts fails with its init container', async () => {
    const world = new World();
    await world.create('pod', { restartPolicy: 'Never', initContainers: [app({ name: 'one' })], containers: [app()] });
    world.machine.last('one').end(2);
    await settled();
    expect(world.pod()!.status!.phase).toBe('Failed');
    expect(world.machine.started).toEqual(['one']);
  });

  test('has sidecars before its containers, and ends them after', async () => {
    const world = new World();
    await world.create('pod', { initContainers: [app({ name: 'side', restartPolicy: 'Always' })], containers: [app()] });
    expect(world.machine.started).toEqual(['side', 'app']);
    world.machine.last('app').onTerm = () => undefined;
    world.store.delete(Pods, 'default', 'pod', { gracePeriodSeconds: 5 });
    await settled();
    expect([world.machine.last('app').signals, world.machine.last('side').signals]).toEqual([['SIGTERM'], []]);
    world.machine.last('app').end(0);
    await settled();
    expect(world.machine.last('side').signals).toEqual(['SIGTERM']);
    expect(world.pod()).toBeUndefined();
  });
});

describe('a pod that is deleted', () => {
  test('has its containers end by SIGTERM, and goes when they have', async () => {
    const world = new World();
    await world.create('pod', { containers: [app(), app({ name: 'other' })] });
    const uid = world.pod()!.metadata.uid!;
    world.machine.last('other').onTerm = () => undefined;
    world.store.delete(Pods, 'default', 'pod');
    await settled();
    expect(world.container('app').state!.terminated).toMatchObject({ exitCode: 0 });
    expect(world.machine.last('other').isOver).toBe(false);
    expect(world.machine.attached.has(uid)).toBe(true);
    await world.timers.advance(29_000);
    expect(world.machine.last('other').signals).toEqual(['SIGTERM']);
    await world.timers.advance(1000);
    expect(world.machine.last('other').signals).toEqual(['SIGTERM', 'SIGKILL']);
    expect([world.pod(), world.machine.attached.size, world.machine.sandboxes[0]!.isRemoved]).toEqual([undefined, 0, true]);
    expect(world.events().slice(-2)).toEqual(['Killing: Stopping container app', 'Killing: Stopping container other']);
  });

  test('once more with less grace goes earlier', async () => {
    const world = new World();
    await world.create('pod', { containers: [app()] });
    world.machine.last('app').onTerm = () => undefined;
    world.store.delete(Pods, 'default', 'pod', { gracePeriodSeconds: 300 });
    await world.timers.advance(1000);
    world.store.delete(Pods, 'default', 'pod', { gracePeriodSeconds: 2 });
    await world.timers.advance(2000);
    expect(world.pod()).toBeUndefined();
    expect(world.events().filter(event => event.startsWith('Killing'))).toHaveLength(1);
  });

  test('by force is ended at once, and another one of its name waits for that', async () => {
    const world = new World();
    await world.create('pod', { containers: [app()] });
    const first = world.machine.last('app');
    world.store.delete(Pods, 'default', 'pod', { gracePeriodSeconds: 0 });
    await world.create('pod', { containers: [app()] });
    expect(first.signals).toEqual(['SIGKILL']);
    expect(world.pod()!.status!.phase).toBe('Running');
    expect(world.machine.sandboxes.map(sandbox => sandbox.isRemoved)).toEqual([true, false]);
  });

  test('before it has a sandbox leaves nothing behind', async () => {
    const world = new World();
    world.machine.failures = new Array(3).fill('no room');
    await world.create('pod', { containers: [app()] });
    world.store.delete(Pods, 'default', 'pod');
    await settled();
    expect([world.pod(), world.machine.started]).toEqual([undefined, []]);
  });

  test('while it crashes does not wait for its next start', async () => {
    const world = new World();
    await world.create('pod', { containers: [app()] });
    for (let i = 0; i < 2; i++) {
      world.machine.last('app').end(1);
      await settled();
    }
    expect(world.container('app').state!.waiting!.reason).toBe('CrashLoopBackOff');
    world.store.delete(Pods, 'default', 'pod');
    await settled();
    expect(world.pod()).toBeUndefined();
    expect(world.machine.runs.app).toHaveLength(2);
  });

  test('runs what it asks for before its end, inside its grace', async () => {
    const world = new World();
    const lifecycle = { preStop: { exec: { command: ['drain'] } }, postStart: { exec: { command: ['warm'] } } };
    await world.create('pod', {
      containers: [app({ lifecycle }), app({ name: 'slow', lifecycle: { preStop: { sleep: { seconds: 20 } } } })],
    });
    expect(world.machine.last('app').executed).toEqual([['warm']]);
    world.store.delete(Pods, 'default', 'pod');
    await settled();
    expect(world.machine.last('app').executed).toEqual([['warm'], ['drain']]);
    expect([world.machine.last('app').signals, world.machine.last('slow').signals]).toEqual([['SIGTERM'], []]);
    await world.timers.advance(20_000);
    expect(world.machine.last('slow').signals).toEqual(['SIGTERM']);
    expect(world.pod()).toBeUndefined();
  });

  test('was there before this kubelet: it is let go', async () => {
    const world = new World();
    await world.kubelet.stop();
    await world.create('pod', { containers: [app()] });
    world.store.modify(Pods, 'default', 'pod', draft => Object.assign(draft.status!, { phase: 'Running' }), { subresource: 'status' });
    world.store.delete(Pods, 'default', 'pod');
    world.kubelet.start();
    await settled();
    expect(world.pod()).toBeUndefined();
  });

  test('fails when its time is over', async () => {
    const world = new World();
    await world.create('pod', { activeDeadlineSeconds: 60, containers: [app()] });
    await world.timers.advance(60_000);
    expect(world.pod()!.status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(world.machine.last('app').signals).toEqual(['SIGTERM']);
  });
});

describe('what the API server asks', () => {
  test('is refused in words when it cannot be', async () => {
    const world = new World();
    const place = { namespace: 'default', pod: 'pod' };
    const message = (ask: () => unknown): string => {
      try {
        ask();
      } catch (error) {
        return `${(error as { code: number }).code} ${(error as Error).message}`;
      }
      return '';
    };
    expect(message(() => world.kubelet.log(place))).toBe('404 pod "pod" not found on node node1');
    await world.create('pod', { containers: [app({ image: 'nosuch' })] });
    expect(message(() => world.kubelet.log(place))).toBe('400 container "app" in pod "pod" is waiting to start: ImagePullBackOff');
    expect(message(() => world.kubelet.log(place, { previous: true }))).toBe(
      '400 previous terminated container "app" in pod "pod" not found',
    );
    expect(message(() => world.kubelet.log({ ...place, container: 'x' }))).toBe('400 container x is not valid for pod pod');
    expect(message(() => world.kubelet.attach(place))).toBe('400 container not found ("app")');
  });

  test('is let into the container that is meant', async () => {
    const world = new World();
    await world.create('pod', { containers: [app(), app({ name: 'other' })] });
    await world.kubelet.exec(
      { namespace: 'default', pod: 'pod', container: 'other' },
      { argv: ['ls'], environment: {}, stdin: false, tty: false },
    );
    expect([world.machine.last('app').executed, world.machine.last('other').executed]).toEqual([[], [['ls']]]);
    expect(await text((await world.kubelet.connect({ namespace: 'default', pod: 'pod' }, 80)) as never)).toBe('port 80');
    expect(world.kubelet.sandboxes()).toEqual([{ namespace: 'default', pod: 'pod', netns: '/run/netns/pod', hostNetwork: false }]);
  });
});

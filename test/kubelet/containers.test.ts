import { describe, expect, test } from 'vitest';
import { ConfigMaps, Pods } from '../../src/cluster/resources/index.ts';
import { app, settled, text, World } from './support/world.ts';

describe('a container that ends', () => {
  test('is started again at once, then after 10 s, 20 s and so on', async () => {
    const world = new World();
    await world.create('pod', { containers: [app()] });
    const starts: number[] = [];
    const begin = world.timers.nowMs();
    for (let run = 0; run < 5; run++) {
      starts.push((world.timers.nowMs() - begin) / 1000);
      const runs = world.machine.runs.app!.length;
      world.machine.last('app').end(1);
      for (let i = 0; i < 1000 && world.machine.runs.app!.length === runs; i++) await world.timers.advance(100);
    }
    expect(starts.map(Math.round)).toEqual([0, 0, 10, 30, 70]);
    world.machine.last('app').end(1);
    await settled();
    expect(world.container('app')).toMatchObject({
      ready: false,
      restartCount: 5,
      state: {
        waiting: { reason: 'CrashLoopBackOff', message: 'Back-off restarting failed container for 2m40s: container=app pod=default/pod' },
      },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    expect(world.pod()!.status!.phase).toBe('Running');
    expect(world.events().at(-1)).toBe('BackOff: Back-off restarting failed container app in pod default/pod (x5)');
  });

  test.each([
    ['Never', 0, 'Succeeded', 1],
    ['Never', 3, 'Failed', 1],
    ['OnFailure', 0, 'Succeeded', 1],
    ['OnFailure', 3, 'Running', 2],
    ['Always', 0, 'Running', 2],
  ])('with policy %s and exit code %i makes the pod %s', async (restartPolicy, code, phase, runs) => {
    const world = new World();
    await world.create('pod', { restartPolicy, containers: [app()] });
    world.machine.last('app').message = 'last words';
    world.machine.last('app').end(code);
    await settled();
    expect([world.pod()!.status!.phase, world.machine.runs.app!.length]).toEqual([phase, runs]);
    if (runs > 1) return;
    expect(world.container('app').state!.terminated).toMatchObject({
      exitCode: code,
      reason: code === 0 ? 'Completed' : 'Error',
      message: 'last words',
    });
    expect(world.machine.sandboxes[0]!.isRemoved).toBe(true);
    expect(world.condition('Ready')).toBe('False');
  });

  test('leaves the log of the run before, and its last lines as its message where that is wished', async () => {
    const world = new World();
    await world.create('pod', { containers: [app({ terminationMessagePolicy: 'FallbackToLogsOnError' })] });
    const place = { namespace: 'default', pod: 'pod' };
    const following = text(world.kubelet.log(place, { follow: true }));
    world.machine.last('app').say('one\ntw');
    world.machine.last('app').say('o\n');
    world.machine.last('app').end(1);
    expect(await following).toBe('one\ntwo\n');
    await settled();
    expect(await text(world.kubelet.log(place, { previous: true }))).toBe('one\ntwo\n');
    expect(world.container('app').lastState!.terminated!.message).toBe('one\ntwo\n');
    world.machine.last('app').say('again\n');
    expect(await text(world.kubelet.log(place))).toBe('again\n');
  });

  test('by a signal says which', async () => {
    const world = new World();
    await world.create('pod', { restartPolicy: 'Never', containers: [app()] });
    world.machine.last('app').end(139, 11);
    await settled();
    expect(world.container('app').state!.terminated).toMatchObject({ exitCode: 139, signal: 11 });
  });
});

describe('a container that cannot be started', () => {
  test('has an image that is not here', async () => {
    const world = new World();
    await world.create('pod', { containers: [app({ image: 'quay.io/some/thing:v1' })] });
    expect(world.container('app').state!.waiting).toMatchObject({ reason: 'ImagePullBackOff' });
    expect(world.events()[0]).toMatch(
      /^Failed: Failed to pull image "quay\.io\/some\/thing:v1": images are not fetched here, .* known are app, shell$/,
    );
    expect(world.pod()!.status!.phase).toBe('Pending');
    world.store.modify(Pods, 'default', 'pod', draft => Object.assign(draft.spec!.containers![0]!, { image: 'app' }));
    await settled();
    expect(world.pod()!.status!.phase).toBe('Running');
  });

  test('has a program that is not here', async () => {
    const world = new World();
    await world.create('pod', { containers: [app({ command: ['missing'] })] });
    expect(world.container('app')).toMatchObject({
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 128, reason: 'StartError', message: 'exec: "missing": executable file not found in $PATH' } },
    });
    const once = new World();
    await once.create('pod', { restartPolicy: 'Never', containers: [app({ command: ['missing'] })] });
    expect(once.pod()!.status!.phase).toBe('Failed');
  });

  test('waits for a setting that is missing, and starts when it is there', async () => {
    const world = new World();
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } }];
    await world.create('pod', { containers: [app({ env })] });
    expect(world.container('app').state!.waiting).toEqual({
      reason: 'CreateContainerConfigError',
      message: 'configmap "settings" not found',
    });
    world.store.create(ConfigMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { a: 'x' },
    });
    await world.timers.advance(10_000);
    expect(world.machine.last('app').options.environment.A).toBe('x');
  });
});

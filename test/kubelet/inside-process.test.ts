import { describe, expect, test } from 'vitest';
import { InsideProcess } from '../../src/kubelet/linux/inside-process.ts';

const pod = { namespace: 'kube-system', name: 'kube-proxy-1', uid: 'u' };

function inside() {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const stops: string[] = [];
  const process = new InsideProcess(
    {
      kind: 'inside',
      start: ({ say, pod }) => {
        say(`of ${pod.namespace}/${pod.name}`);
        return { ended: promise, stop: () => stops.push('stop') };
      },
    },
    pod,
  );
  let said = '';
  process.onOutput((_, chunk) => {
    said += Buffer.from(chunk).toString();
  });
  return { process, resolve, reject, stops, said: () => said };
}

describe('a program inside of this process', () => {
  test('has its words kept for the log, and ends with its code', async () => {
    const { process, resolve, said } = inside();
    expect(said()).toBe('of kube-system/kube-proxy-1\n');
    resolve(3);
    expect(await process.exited).toEqual({ code: 3 });
  });

  test('that is killed is over when it has let go', async () => {
    const { process, resolve, stops } = inside();
    let isOver = false;
    void process.exited.then(() => {
      isOver = true;
    });
    process.signal('SIGKILL');
    await new Promise(setImmediate);
    expect([stops, isOver]).toEqual([['stop'], false]);
    resolve(0);
    expect(await process.exited).toEqual({ code: 137, signal: 9 });
  });

  test('that fails says why', async () => {
    const { process, reject, said } = inside();
    reject(new Error('no way'));
    expect(await process.exited).toEqual({ code: 1 });
    expect(said()).toContain('no way\n');
    await expect(process.exec()).rejects.toThrow('runs inside of kubehop');
  });
});

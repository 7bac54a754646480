import { Session } from 'node:inspector';

interface Node {
  selfSize: number;
  children: Node[];
}

/** Bytes that `work` allocates on the JavaScript heap, those that were collected meanwhile too (V8's sampling profiler, one sample in 512 bytes). */
export function allocated(work: () => void): number {
  const session = new Session();
  session.connect();
  const options = { samplingInterval: 512, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };
  session.post('HeapProfiler.startSampling', options as { samplingInterval: number });
  work();
  let bytes = Number.NaN;
  session.post('HeapProfiler.stopSampling', (_error, { profile }) => {
    const sizeOf = (node: Node): number => node.children.reduce((total, child) => total + sizeOf(child), node.selfSize);
    bytes = sizeOf(profile.head as Node);
  });
  session.disconnect();
  return bytes;
}

/** Asks each running lab for its hops, and waits for none: Wireshark asks all extcap programs before its window opens. */
import { DaemonClient } from '../daemon/client.ts';
import { type Instance, runningInstances } from '../daemon/directories.ts';
import type { HopWords, LabHops } from './extcap.ts';

/** A lab that is being built has no hops yet. */
const PATIENCE_MS = 1500;

export async function runningLabs(): Promise<LabHops[]> {
  const lasting = runningInstances().filter(instance => instance.lasting);
  const asked = await Promise.all(lasting.map(async instance => ({ lab: instance.lab, hops: await hopsOf(instance) })));
  return asked.flatMap(({ lab, hops }) => (hops === undefined ? [] : [{ lab, hops }]));
}

async function hopsOf(instance: Instance): Promise<HopWords[] | undefined> {
  let client: DaemonClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    client = await DaemonClient.connect(instance.directory);
    const late = new Promise<undefined>(resolve => {
      timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
    });
    return await Promise.race([client.request({ op: 'hops' }), late]);
  } catch {
    return undefined; // it has just ended
  } finally {
    clearTimeout(timer);
    client?.close();
  }
}

/** The BGP daemon of the machine: BIRD 2, Debian's package bird2. */
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';

export interface BirdPrograms {
  readonly daemon: string;
  /** Its command line, which stands beside it. */
  readonly client: string;
}

/** @returns undefined when there is none. KUBEHOP_BIRD is the path of a daemon elsewhere. */
export function findBird(env: NodeJS.ProcessEnv = process.env): BirdPrograms | undefined {
  const places =
    env.KUBEHOP_BIRD === undefined
      ? `${env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`.split(':').map(folder => join(folder, 'bird'))
      : [env.KUBEHOP_BIRD];
  const daemon = places.find(runs);
  if (daemon === undefined) return undefined;
  const client = join(dirname(daemon), 'birdc');
  return runs(client) ? { daemon, client } : undefined;
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

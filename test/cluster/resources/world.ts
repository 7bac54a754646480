import { VirtualClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { bootstrap, newClusterStore, startHousekeeping } from '../../../src/cluster/bootstrap.ts';
import type { ApiObject } from '../../../src/cluster/store/object.ts';
import { ApiError, type Status } from '../../../src/cluster/store/status.ts';
import type { StoreOptions } from '../../../src/cluster/store/store.ts';

/** A cluster's store whose time stands still and whose turns are taken by hand. */
export function clusterWorld(more: Partial<StoreOptions> = {}) {
  const runs: (() => void)[] = [];
  const clock = new VirtualClock(Date.UTC(2026, 2, 1, 12));
  const store = newClusterStore({ clock, random: new SeededRandom(1), schedule: run => void runs.push(run), ...more });
  bootstrap(store);
  const stop = startHousekeeping(store);
  const turn = (): void => {
    while (runs.length > 0) for (const run of runs.splice(0)) run();
  };
  turn();
  const create = (object: ApiObject & Record<string, unknown>): ApiObject => {
    const type = store.typeOfKind(object.apiVersion, object.kind);
    if (type === undefined) throw new Error(`no such kind: ${object.kind}`);
    return store.create(type, object);
  };
  return { store, clock, turn, create, stop };
}

export function refusal(run: () => unknown): Status {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error.status;
    throw error;
  }
  throw new Error('it was not refused');
}

import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { Collector } from '../../../src/cluster/store/collector.ts';
import type { ApiObject } from '../../../src/cluster/store/object.ts';
import type { ResourceType } from '../../../src/cluster/store/resource-type.ts';
import { Store } from '../../../src/cluster/store/store.ts';

const Owner: ResourceType = { group: '', version: 'v1', resource: 'owners', singular: 'owner', kind: 'Owner', scope: 'namespaced' };
const Child: ResourceType = { group: '', version: 'v1', resource: 'children', singular: 'child', kind: 'Child', scope: 'namespaced' };

function world() {
  const runs: (() => void)[] = [];
  const store = new Store({
    types: [Child, Owner],
    clock: new VirtualClock(0),
    random: new SeededRandom(1),
    schedule: run => void runs.push(run),
  });
  new Collector(store);
  const make = (type: ResourceType, name: string, owners: readonly ApiObject[] = [], finalizers: string[] = []): ApiObject =>
    store.create(type, {
      apiVersion: 'v1',
      kind: type.kind,
      metadata: {
        name,
        finalizers,
        ownerReferences: owners.map(o => ({
          apiVersion: 'v1',
          kind: o.kind,
          name: o.metadata.name!,
          uid: o.metadata.uid!,
          blockOwnerDeletion: true,
        })),
      },
    });
  const turn = (): void => {
    while (runs.length > 0) for (const run of runs.splice(0)) run();
  };
  const left = (): (string | undefined)[] => [Owner, Child].flatMap(type => store.list(type).items.map(o => o.metadata.name));
  return { store, make, turn, left };
}

describe('what depends on what is deleted', () => {
  test('goes in the background, through every level', () => {
    const { store, make, turn, left } = world();
    const top = make(Owner, 'top');
    const middle = make(Child, 'middle', [top]);
    make(Child, 'bottom', [middle]);
    make(Child, 'other');
    turn();
    store.delete(Owner, 'default', 'top');
    turn();
    expect(left()).toEqual(['other']);
  });
  test('stays while another owner is there', () => {
    const { store, make, turn, left } = world();
    const [a, b] = [make(Owner, 'a'), make(Owner, 'b')];
    make(Child, 'child', [a, b]);
    store.delete(Owner, 'default', 'a');
    turn();
    expect(store.get(Child, 'default', 'child').metadata.ownerReferences).toMatchObject([{ name: 'b' }]);
    store.delete(Owner, 'default', 'b');
    turn();
    expect(left()).toEqual([]);
  });
  test('is let go by Orphan', () => {
    const { store, make, turn, left } = world();
    make(Child, 'child', [make(Owner, 'a')]);
    turn();
    store.delete(Owner, 'default', 'a', { propagationPolicy: 'Orphan' });
    turn();
    expect(left()).toEqual(['child']);
    expect(store.get(Child, 'default', 'child').metadata.ownerReferences).toBeUndefined();
  });
  test('goes before its owner in the foreground', () => {
    const { store, make, turn, left } = world();
    make(Child, 'child', [make(Owner, 'a')], ['example.com/hold']);
    turn();
    store.delete(Owner, 'default', 'a', { propagationPolicy: 'Foreground' });
    turn();
    expect(left()).toEqual(['a', 'child']);
    store.modify(Child, 'default', 'child', draft => {
      draft.metadata.finalizers = [];
    });
    turn();
    expect(left()).toEqual([]);
  });
  test('goes when it is made after its owner went, and is not taken for that of another of the same name', () => {
    const { store, make, turn, left } = world();
    const gone = make(Owner, 'a');
    store.delete(Owner, 'default', 'a');
    make(Owner, 'a');
    make(Child, 'late', [gone]);
    turn();
    expect(left()).toEqual(['a']);
  });
});

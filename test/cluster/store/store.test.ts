import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import type { ApiObject, Metadata } from '../../../src/cluster/store/object.ts';
import type { Admission, ResourceType } from '../../../src/cluster/store/resource-type.ts';
import { ApiError } from '../../../src/cluster/store/status.ts';
import { Store, type StoreOptions } from '../../../src/cluster/store/store.ts';
import type { WatchEvent } from '../../../src/cluster/store/watch.ts';

interface Thing extends ApiObject {
  readonly spec?: { readonly size?: number; readonly address?: string };
  readonly status?: { readonly phase?: string };
}

const Thing: ResourceType<Thing> = {
  group: 'example.com',
  version: 'v1',
  resource: 'things',
  singular: 'thing',
  kind: 'Thing',
  scope: 'namespaced',
  hasStatus: true,
  hasGeneration: true,
  selectable: ['status.phase'],
  defaults: draft => {
    draft.spec ??= {};
    draft.spec.size ??= 1;
  },
  validate: ({ spec }, errors) => {
    if ((spec?.size ?? 0) < 0) errors.invalid('spec.size', spec?.size, 'must be greater than or equal to 0');
  },
  gracePeriodSeconds: (_, requested) => requested ?? 0,
};

const START = Date.UTC(2026, 2, 1, 12);

class World {
  readonly clock = new VirtualClock(START);
  #runs: (() => void)[] = [];
  readonly store: Store;
  constructor(more: Partial<StoreOptions> = {}) {
    const schedule = (run: () => void): void => void this.#runs.push(run);
    this.store = new Store({ types: [Thing], clock: this.clock, random: new SeededRandom(1), schedule, ...more });
  }
  /** Lets those who follow see what happened. */
  turn(): void {
    while (this.#runs.length > 0) for (const run of this.#runs.splice(0)) run();
  }
  make(name: string, more: { metadata?: Metadata } & Omit<Partial<Thing>, 'metadata'> = {}): Thing {
    const { metadata, ...rest } = more;
    return this.store.create(Thing, {
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name, namespace: 'default', ...metadata },
      ...rest,
    });
  }
}

function refusal(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('create', () => {
  test('gives identity, defaults and a revision, and freezes all of it', () => {
    const made = new World().make('a', { status: { phase: 'Old' } });
    expect(made).toMatchObject({
      metadata: { name: 'a', namespace: 'default', generation: 1, creationTimestamp: '2026-03-01T12:00:00Z', resourceVersion: '2' },
      spec: { size: 1 },
    });
    expect(made.metadata.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Object.isFrozen(made.spec)).toBe(true);
  });
  test('makes a name from generateName', () => {
    expect(new World().make('', { metadata: { generateName: 'web-' } }).metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });
  test('refuses what is there, and what is not valid, as a Status', () => {
    const world = new World();
    world.make('a');
    expect(refusal(() => world.make('a')).status).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'things.example.com "a" already exists',
    });
    expect(refusal(() => world.make('b', { spec: { size: -1 } })).status).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason: 'Invalid',
      code: 422,
      message: 'Thing.example.com "b" is invalid: spec.size: Invalid value: -1: must be greater than or equal to 0',
      details: {
        name: 'b',
        group: 'example.com',
        kind: 'Thing',
        causes: [{ reason: 'FieldValueInvalid', message: 'Invalid value: -1: must be greater than or equal to 0', field: 'spec.size' }],
      },
    });
  });
  test('keeps nothing of a dry run', () => {
    const world = new World();
    world.store.create(Thing, { apiVersion: '', kind: '', metadata: { name: 'a' } }, { dryRun: true });
    expect(world.store.list(Thing)).toEqual({ items: [], revision: 1 });
  });
});

describe('update', () => {
  test('refuses a stale resourceVersion, takes one that is current or absent', () => {
    const { store, make } = bound();
    const first = make('a');
    const second = store.update(Thing, { ...first, spec: { size: 2 } });
    expect(refusal(() => store.update(Thing, { ...first, spec: { size: 3 } })).message).toBe(
      'Operation cannot be fulfilled on things.example.com "a": the object has been modified; please apply your changes to the latest version and try again',
    );
    expect(second.metadata).toMatchObject({ generation: 2, resourceVersion: '3', uid: first.metadata.uid });
    expect(store.update(Thing, { ...first, metadata: { name: 'a' }, spec: { size: 4 } }).metadata.resourceVersion).toBe('4');
  });
  test('leaves status to the subresource, and the rest to the main one', () => {
    const { store, make } = bound();
    const made = make('a');
    expect(store.update(Thing, { ...made, spec: { size: 2 }, status: { phase: 'No' } }).status).toBeUndefined();
    const after = store.modify(Thing, 'default', 'a', draft => Object.assign(draft, { status: { phase: 'Yes' }, spec: { size: 9 } }), {
      subresource: 'status',
    });
    expect(after).toMatchObject({ status: { phase: 'Yes' }, spec: { size: 2 }, metadata: { generation: 2 } });
  });
  test('writes nothing when nothing changes', () => {
    const { store, make } = bound();
    const made = make('a');
    expect(store.update(Thing, made)).toBe(made);
    expect(store.revision).toBe(2);
  });
  test('counts no generation for labels', () => {
    const { store, make } = bound();
    make('a');
    const after = store.modify(Thing, 'default', 'a', draft => {
      draft.metadata.labels = { app: 'web' };
    });
    expect(after.metadata).toMatchObject({ generation: 1, resourceVersion: '3' });
  });
});

describe('delete', () => {
  test('waits for finalizers', () => {
    const { store, make, clock } = bound();
    make('a', { metadata: { finalizers: ['example.com/hold'] } });
    clock.advance(1000);
    expect(store.delete(Thing, 'default', 'a')).toMatchObject({
      gone: false,
      object: { metadata: { deletionTimestamp: '2026-03-01T12:00:01Z' } },
    });
    expect(refusal(() => store.modify(Thing, 'default', 'a', draft => draft.metadata.finalizers!.push('x/y'))).message).toContain(
      'no new finalizers can be added',
    );
    store.modify(Thing, 'default', 'a', draft => {
      draft.metadata.finalizers = [];
    });
    expect(store.find(Thing, 'default', 'a')).toBeUndefined();
  });
  test('waits for the grace period, which a second delete may shorten', () => {
    const { store, make } = bound();
    make('a');
    expect(store.delete(Thing, 'default', 'a', { gracePeriodSeconds: 30 }).object.metadata).toMatchObject({
      deletionTimestamp: '2026-03-01T12:00:30Z',
      deletionGracePeriodSeconds: 30,
    });
    expect(store.delete(Thing, 'default', 'a', { gracePeriodSeconds: 60 }).object.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(store.delete(Thing, 'default', 'a', { gracePeriodSeconds: 0 }).gone).toBe(true);
  });
  test('asks for preconditions', () => {
    const { store, make } = bound();
    make('a');
    expect(refusal(() => store.delete(Thing, 'default', 'a', { preconditions: { uid: 'other' } })).code).toBe(409);
    expect(refusal(() => store.delete(Thing, 'default', 'b')).status).toMatchObject({
      code: 404,
      message: 'things.example.com "b" not found',
    });
  });
});

describe('list', () => {
  test('selects by namespace, labels and fields', () => {
    const { store, make } = bound();
    make('a', { metadata: { labels: { app: 'web', tier: 'front' } } });
    make('b', { metadata: { labels: { app: 'db' } } });
    make('c', { metadata: { namespace: 'other', labels: { app: 'web' } } });
    const names = (options: object): (string | undefined)[] => store.list(Thing, options).items.map(o => o.metadata.name);
    expect(names({})).toEqual(['a', 'b', 'c']);
    expect(names({ namespace: 'default' })).toEqual(['a', 'b']);
    expect(names({ labelSelector: 'app in (web, x),!tier' })).toEqual(['c']);
    expect(names({ labelSelector: 'app!=web' })).toEqual(['b']);
    expect(names({ fieldSelector: 'metadata.name=b' })).toEqual(['b']);
    expect(refusal(() => names({ fieldSelector: 'spec.size=1' })).message).toBe('field label not supported: spec.size');
    expect(refusal(() => names({ labelSelector: 'a==b==c' })).code).toBe(400);
  });
  test('shows on every page what was there with the first', () => {
    const { store, make } = bound();
    for (const name of ['a', 'b', 'd', 'e']) make(name);
    const first = store.list(Thing, { limit: 2 });
    expect(first).toMatchObject({ items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }], remaining: 2 });
    make('c');
    store.delete(Thing, 'default', 'e');
    const second = store.list(Thing, { limit: 2, continue: first.continue });
    expect(second.items.map(o => o.metadata.name)).toEqual(['d', 'e']);
    expect(second.revision).toBe(first.revision);
    expect(second.continue).toBeUndefined();
  });
  test('says that a page is too old, and how to go on', () => {
    const { store, make } = bound({ history: 3 });
    for (const name of ['a', 'b', 'c']) make(name);
    const first = store.list(Thing, { limit: 1 });
    for (const name of ['d', 'e', 'f', 'g']) make(name);
    const { status } = refusal(() => store.list(Thing, { continue: first.continue }));
    expect(status).toMatchObject({ code: 410, reason: 'Expired' });
    expect(store.list(Thing, { continue: status.metadata.continue }).items.map(o => o.metadata.name)).toEqual([
      'b',
      'c',
      'd',
      'e',
      'f',
      'g',
    ]);
  });
});

describe('watch', () => {
  test('tells what was there, then what changes, also by a selector', () => {
    const { store, make, turn } = bound();
    make('a', { metadata: { labels: { app: 'web' } } });
    const seen: string[] = [];
    store.follow(
      Thing,
      { labelSelector: 'app=web' },
      ({ type, object }: WatchEvent<Thing>) => void seen.push(`${type} ${object.metadata.name}`),
    );
    make('b');
    turn();
    store.modify(Thing, 'default', 'b', draft => label(draft, { app: 'web' }));
    store.modify(Thing, 'default', 'a', draft => label(draft, {}));
    store.delete(Thing, 'default', 'b');
    turn();
    expect(seen).toEqual(['ADDED a', 'ADDED b', 'DELETED a', 'DELETED b']);
  });
  test('goes on after a revision, and says when that is gone', () => {
    const { store, make } = bound({ history: 2 });
    make('a');
    const { revision } = store.list(Thing);
    make('b');
    const watcher = store.watch(Thing, {}, revision, () => {});
    expect(watcher.take().map(e => e.object.metadata.name)).toEqual(['b']);
    for (const name of ['c', 'd', 'e']) make(name);
    expect(refusal(() => watcher.take()).reason).toBe('Expired');
    expect(refusal(() => store.watch(Thing, {}, revision, () => {})).reason).toBe('Expired');
    expect(refusal(() => store.watch(Thing, {}, store.revision + 1, () => {})).reason).toBe('Expired');
  });
  test('a follower misses nothing, however much happens in one turn', () => {
    const { store, make, turn } = bound({ history: 10 });
    const seen = new Set<string>();
    store.follow(Thing, {}, e => void seen.add(e.object.metadata.name!));
    turn();
    for (let i = 0; i < 1000; i++) make(`t${i}`);
    turn();
    expect(seen.size).toBe(1000);
  });
  test('a listener that throws does not stop the others', () => {
    const errors: unknown[] = [];
    const { store, make, turn } = bound({ onListenerError: e => void errors.push(e) });
    let count = 0;
    store.follow(Thing, {}, () => {
      throw new Error('mine');
    });
    store.follow(Thing, {}, () => void count++);
    make('a');
    turn();
    expect([count, errors.length]).toEqual([1, 1]);
  });
});

function label(draft: { metadata: { labels?: Record<string, string> } }, labels: Record<string, string>): void {
  draft.metadata.labels = labels;
}

describe('admission', () => {
  test('may change the draft; what it reserved is kept or given back by how the write went', () => {
    const ended: string[] = [];
    const addresses: Admission<Thing> = {
      name: 'addresses',
      handles: type => type.kind === 'Thing',
      admit: (operation, draft) => {
        if (operation === 'create') draft.spec!.address = '10.96.0.1';
        const end = (how: string) => (): void => void ended.push(`${operation} ${how}`);
        return { commit: end('commit'), revert: end('revert') };
      },
    };
    const { store, make } = bound({ admissions: [addresses as unknown as Admission] });
    expect(make('a').spec?.address).toBe('10.96.0.1');
    refusal(() => make('a'));
    refusal(() => make('b', { spec: { size: -1 } }));
    store.create(Thing, { apiVersion: '', kind: '', metadata: { name: 'c' } }, { dryRun: true });
    store.delete(Thing, 'default', 'a');
    expect(ended).toEqual(['create commit', 'create revert', 'create revert', 'create revert', 'delete commit']);
  });
});

function bound(more: Partial<StoreOptions> = {}) {
  const world = new World(more);
  return { store: world.store, clock: world.clock, make: world.make.bind(world), turn: world.turn.bind(world) };
}

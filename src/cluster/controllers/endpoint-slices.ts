/**
 * EndpointSlices of every Service with a selector, and the Endpoints object of the same name for those who still read that (k/k
 * `pkg/controller/endpointslice`, `pkg/controller/endpoint`).
 */
import { EndpointSlices, Endpoints, Nodes, Pods, Services } from '../resources/index.ts';
import type { EndpointSlice, Endpoints as EndpointsObject, Service, SliceEndpoint } from '../schema/networking.ts';
import type { Pod } from '../schema/pod.ts';
import { type Draft, type Metadata, sameJson } from '../store/object.ts';
import { matchesLabels } from '../store/selectors.ts';
import { isReason } from '../store/status.ts';
import { type Controller, type ControllerContext, keyOf, ownerReference, placeOf, queueOf } from './context.ts';
import { endpointSubsets } from './endpoint-subsets.ts';
import { type EndpointGroup, endpointGroups } from './service-endpoints.ts';
import { planSlices } from './slice-plan.ts';
import { TriggerTimes, writeTriggerTime } from './trigger-times.ts';
import type { WorkQueue } from './work-queue.ts';

export const MANAGED_BY = 'endpointslice-controller.k8s.io';
const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
const SERVICE_LABEL = 'kubernetes.io/service-name';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

export class EndpointSliceController implements Controller {
  readonly #context: ControllerContext;
  readonly #queue: WorkQueue;
  /** Services with a selector, by namespace. */
  readonly #selectors = new Map<string, Map<string, Readonly<Record<string, string>>>>();
  /** Keys of the slices of a Service. */
  readonly #slices = new Map<string, Set<string>>();
  readonly #triggerTimes = new TriggerTimes();
  readonly #stops: (() => void)[];

  constructor(context: ControllerContext) {
    this.#context = context;
    const { store } = context;
    this.#queue = queueOf(context, 'endpoint-slice-controller', key => this.#look(key));
    this.#stops = [
      store.follow(Services, {}, ({ type, object }) => this.#seeService(type === 'DELETED', object)),
      store.follow(Pods, {}, ({ object, old }) => {
        for (const key of new Set([...this.#selecting(object), ...(old === undefined ? [] : this.#selecting(old))])) this.#queue.add(key);
      }),
      store.follow(EndpointSlices, { labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` }, ({ type, object }) => {
        this.#know(object, type === 'DELETED');
        const service = serviceOf(object);
        if (service !== undefined) this.#queue.add(service);
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#queue.stop();
  }

  #seeService(gone: boolean, { metadata, spec }: Service): void {
    const { namespace = '', name = '' } = metadata;
    if (gone) this.#triggerTimes.forget(metadata);
    const selectors = this.#selectors.get(namespace) ?? new Map();
    this.#selectors.set(namespace, selectors);
    if (gone || spec?.selector === undefined || spec.type === 'ExternalName') selectors.delete(name);
    else selectors.set(name, spec.selector);
    this.#queue.add(keyOf(metadata));
  }

  #selecting({ metadata }: Pod): string[] {
    const found: string[] = [];
    for (const [name, matchLabels] of this.#selectors.get(metadata.namespace ?? '') ?? [])
      if (matchesLabels({ matchLabels }, metadata.labels)) found.push(`${metadata.namespace}/${name}`);
    return found;
  }

  #know(slice: EndpointSlice, gone: boolean): void {
    const service = serviceOf(slice);
    if (service === undefined) return;
    const keys = this.#slices.get(service) ?? new Set();
    this.#slices.set(service, keys);
    if (gone) keys.delete(keyOf(slice.metadata));
    else keys.add(keyOf(slice.metadata));
  }

  #look(key: string): void {
    const { store } = this.#context;
    const { namespace, name } = placeOf(key);
    const service = store.find(Services, namespace, name);
    // The slices and Endpoints of one that is gone go with it, as its dependents.
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return;
    if (service.spec?.selector === undefined || service.spec.type === 'ExternalName') return;
    const selector = { matchLabels: service.spec.selector };
    const pods = store.list(Pods, { namespace }).items.filter(pod => matchesLabels(selector, pod.metadata.labels));
    const groups = endpointGroups(service, pods, node => store.find(Nodes, '', node));
    const at = this.#triggerTimes.look(service, pods);
    this.#writeSlices(service, groups, at);
    this.#writeEndpoints(service, groups, at);
  }

  /** @param at when what changes them happened, in milliseconds since 1970 */
  #writeSlices(service: Service, groups: readonly EndpointGroup[], at: number | undefined): void {
    const { store } = this.#context;
    const key = keyOf(service.metadata);
    const existing = [...(this.#slices.get(key) ?? [])].flatMap(sliceKey => {
      const place = placeOf(sliceKey);
      return store.find(EndpointSlices, place.namespace, place.name) ?? [];
    });
    const { create, update, remove } = planSlices(existing, groups);
    const labels = labelsOf(service);
    for (const { slice, endpoints } of update) this.#change(slice, { endpoints, at });
    // An empty slice stays as the last one: whoever follows slices then sees that there is nothing, and not that nobody said anything.
    const spare = create.length === 0 && update.length === 0 && remove.length === existing.length ? remove.slice(0, 1) : [];
    for (const slice of spare) this.#change(slice, { endpoints: [], at });
    if (existing.length === 0 && create.length === 0) this.#create(service, { ports: [], endpoints: [] }, at);
    for (const group of create) this.#create(service, group, at);
    for (const { metadata } of remove)
      if (!spare.some(slice => slice.metadata.uid === metadata.uid)) store.delete(EndpointSlices, metadata.namespace!, metadata.name!);
    for (const slice of existing) if (!sameJson(slice.metadata.labels, labels)) this.#change(slice, { labels });
  }

  #change(
    { metadata: { namespace = '', name = '' } }: EndpointSlice,
    to: { endpoints: readonly Draft<SliceEndpoint>[]; at: number | undefined } | { labels: Record<string, string> },
  ): void {
    const { store } = this.#context;
    if (store.find(EndpointSlices, namespace, name) === undefined) return;
    store.modify(EndpointSlices, namespace, name, draft => {
      if ('labels' in to) draft.metadata.labels = to.labels;
      else if (!sameJson(draft.endpoints ?? [], to.endpoints)) {
        draft.endpoints = structuredClone([...to.endpoints]);
        writeTriggerTime(draft.metadata, to.at);
      }
    });
  }

  #create(service: Service, { ports, endpoints }: EndpointGroup, at: number | undefined): void {
    const { namespace, name } = service.metadata;
    const metadata: Draft<Metadata> = {
      generateName: `${name}-`,
      namespace: namespace!,
      labels: labelsOf(service),
      ownerReferences: [ownerReference(service)],
    };
    writeTriggerTime(metadata, at);
    const slice = this.#context.store.create(EndpointSlices, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata,
      addressType: 'IPv4',
      endpoints: structuredClone([...endpoints]),
      ports: structuredClone([...ports]),
    } as EndpointSlice);
    this.#know(slice, false);
  }

  #writeEndpoints(service: Service, groups: readonly EndpointGroup[], at: number | undefined): void {
    const { store } = this.#context;
    const { namespace = '', name = '', labels = {} } = service.metadata;
    const subsets = endpointSubsets(service, groups);
    const now = { ...labels, ...(service.spec?.clusterIP === 'None' ? { [HEADLESS_LABEL]: '' } : {}) };
    const known = store.find(Endpoints, namespace, name);
    try {
      if (known === undefined) {
        const metadata: Draft<Metadata> = { name, namespace, labels: now, ownerReferences: [ownerReference(service)] };
        writeTriggerTime(metadata, at);
        store.create(Endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets } as EndpointsObject);
      } else
        store.modify(Endpoints, namespace, name, draft => {
          if (sameJson(draft.subsets ?? [], subsets) && sameJson(draft.metadata.labels ?? {}, now)) return;
          draft.subsets = subsets;
          draft.metadata.labels = now;
          writeTriggerTime(draft.metadata, at);
        });
    } catch (error) {
      if (!isReason(error, 'Forbidden')) throw error; // its namespace goes
    }
  }
}

function labelsOf({ metadata, spec }: Service): Record<string, string> {
  return {
    ...metadata.labels,
    [MANAGED_BY_LABEL]: MANAGED_BY,
    [SERVICE_LABEL]: metadata.name!,
    ...(spec?.clusterIP === 'None' ? { [HEADLESS_LABEL]: '' } : {}),
  };
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[SERVICE_LABEL];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

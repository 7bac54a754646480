/** Objects that manifests ask for: made, changed and deleted in a lab's store, as `kubectl apply` and `kubectl delete` would. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { mergePatch } from '../../apiserver/patch/json-patch.ts';
import { LabError } from '../../base/errors.ts';
import { hasEnded, isReady } from '../../cluster/controllers/pod-state.ts';
import { Namespaces, Pods } from '../../cluster/resources/index.ts';
import type { Pod } from '../../cluster/schema/pod.ts';
import type { ApiObject } from '../../cluster/store/object.ts';
import type { ResourceType } from '../../cluster/store/resource-type.ts';
import type { Store } from '../../cluster/store/store.ts';

const WITHIN_MS = 30_000;

export type Change = 'created' | 'configured' | 'unchanged';

export class ClusterObjects {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Unless it is there: a store that was kept has it already. @throws ApiError with every cause */
  createOnce(manifest: ApiObject | object): void {
    const object = manifest as ApiObject;
    const { namespace = '', name = '' } = object.metadata;
    if (this.#store.find(this.#typeOf(object), namespace, name) === undefined) this.create(object);
  }

  /** And the namespace that it is in. @throws ApiError with every cause */
  create(manifest: ApiObject | object): void {
    const object = manifest as ApiObject;
    const { namespace } = object.metadata;
    if (namespace !== undefined && this.#store.find(Namespaces, '', namespace) === undefined)
      this.#store.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    this.#store.create(this.#typeOf(object), object);
  }

  /**
   * Every object of a manifest. Pods of one node are made one after the other, so that they have the same addresses in each run.
   *
   * @param ready waits for the manifest's pods
   * @throws ApiError with every cause; LabError BAD_INPUT for what is no YAML, DAEMON for a pod that takes too long
   */
  apply(path: string, { ready = false } = {}): Promise<void> {
    return this.applyText(readFileSync(path, 'utf8'), path, { ready, told: () => undefined });
  }

  /** The same with the text of a manifest. @param path named in errors @param told what became of each object, `Service default/web` */
  async applyText(
    text: string,
    path: string,
    { ready = false, told }: { ready?: boolean; told: (name: string, change: Change) => void },
  ): Promise<void> {
    const pods: ApiObject[] = [];
    for (const document of parseAllDocuments(text)) {
      if (document.errors[0] !== undefined) throw new LabError('BAD_INPUT', `${path}: ${document.errors[0].message}`);
      const read = document.toJS() as ApiObject | null;
      if (read === null) continue;
      const inNamespace = this.#typeOf(read).scope === 'namespaced';
      const object = inNamespace ? { ...read, metadata: { namespace: 'default', ...read.metadata } } : read;
      if (object.kind === 'Pod') pods.push(object);
      const { namespace, name } = object.metadata;
      told(`${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`, await this.#applyOne(object));
    }
    if (!ready) return;
    const isUp = ({ namespace = '', name = '' }: ApiObject['metadata']): boolean => {
      const pod = this.#store.find(Pods, namespace, name);
      return pod !== undefined && isReady(pod);
    };
    await Promise.all(pods.map(({ metadata }) => this.#until(`pod ${metadata.name} is ready`, Pods, () => isUp(metadata))));
  }

  /** It may go on for as long as it takes to end. @throws ApiError NotFound */
  delete(kind: string, name: string): void {
    const type = this.#store.types.find(each => each.kind === kind);
    if (type === undefined) throw new LabError('BAD_INPUT', `the server doesn't have a resource type "${kind}"`);
    this.#store.delete(type, 'default', name);
  }

  /** @param name `Service default/web`, `Node node1` @returns was it there? */
  remove(name: string): boolean {
    const [kind = '', path = ''] = name.split(' ');
    const [object = '', namespace = ''] = path.split('/').reverse();
    const type = this.#store.types.find(each => each.kind === kind);
    if (type === undefined || this.#store.find(type, namespace, object) === undefined) return false;
    this.#store.delete(type, namespace, object);
    return true;
  }

  async #applyOne(object: ApiObject): Promise<Change> {
    const type = this.#typeOf(object);
    const { namespace = '', name = '' } = object.metadata;
    const there = () => this.#store.find(type, namespace, name);
    if (there()?.metadata.deletionTimestamp !== undefined)
      await this.#until(`${object.kind} ${name} is gone`, type, () => there() === undefined);
    const before = there();
    if (before !== undefined) {
      this.#store.update(type, mergePatch(before, object) as ApiObject);
      return there()?.metadata.resourceVersion === before.metadata.resourceVersion ? 'unchanged' : 'configured';
    }
    if (object.kind === 'Pod') await this.#addressed((object as Pod).spec?.nodeName);
    this.create(object);
    return 'created';
  }

  /** Every pod of the node has its address. */
  async #addressed(node: string | undefined): Promise<void> {
    const waiting = () =>
      this.#store
        .list(Pods)
        .items.some(pod => pod.spec?.nodeName === node && pod.spec?.hostNetwork !== true && !hasEnded(pod) && !pod.status?.podIP);
    if (node !== undefined) await this.#until(`the pods of ${node} have addresses`, Pods, () => !waiting());
  }

  /** Looked at with each change of an object of this type. */
  #until(what: string, type: ResourceType, holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = this.#store.follow(type, {}, () => holds() && resolve());
    const limit = setTimeout(() => reject(new LabError('DAEMON', `not within ${WITHIN_MS / 1000} s: ${what}`)), WITHIN_MS);
    return promise.finally(() => {
      clearTimeout(limit);
      stop();
    });
  }

  /** @throws LabError BAD_INPUT */
  #typeOf({ apiVersion, kind }: ApiObject): ResourceType {
    const type = this.#store.typeOfKind(apiVersion, kind);
    if (type === undefined) throw new LabError('BAD_INPUT', `no matches for kind "${kind}" in version "${apiVersion}"`);
    return type;
  }
}

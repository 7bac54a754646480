/** Which groups, versions and resources there are: as separate documents for older clients, as one for newer ones (apidiscovery.k8s.io). */
import { apiVersionOf, type ResourceType } from '../cluster/store/resource-type.ts';
import type { Accepted } from './accept.ts';

/** Of the API that is spoken. */
export const VERSION = { major: '1', minor: '33', gitVersion: 'v1.33.0+kubehop' } as const;

export const versionInfo = (): object => ({
  ...VERSION,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node ${process.versions.node}`,
  compiler: 'none',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
});

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

const CHANGE = ['get', 'patch', 'update'];
export function subresources(type: ResourceType): Subresource[] {
  const found: Subresource[] = [];
  if (type.resource === 'pods')
    found.push(
      { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
      { name: 'binding', kind: 'Binding', verbs: ['create'] },
      { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
      { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
      { name: 'log', kind: 'Pod', verbs: ['get'] },
      { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
    );
  if (type.resource === 'namespaces') found.push({ name: 'finalize', kind: type.kind, verbs: ['update'] });
  if (type.hasScale === true) found.push({ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: CHANGE });
  if (type.hasStatus === true) found.push({ name: 'status', kind: type.kind, verbs: CHANGE });
  return found;
}

const kindOf = (type: ResourceType, sub?: Subresource): object => ({
  group: sub?.group ?? type.group,
  version: sub?.version ?? type.version,
  kind: sub?.kind ?? type.kind,
});

export class Discovery {
  readonly #types: readonly ResourceType[];
  readonly #host: () => string;
  /** @param host `127.0.0.1:6443`: where clients find this server */
  constructor(types: readonly ResourceType[], host: () => string) {
    this.#types = types;
    this.#host = host;
  }

  get #groups(): string[] {
    return [...new Set(this.#types.map(({ group }) => group))].filter(group => group !== '');
  }
  #versions(group: string): string[] {
    return [...new Set(this.#types.filter(type => type.group === group).map(({ version }) => version))];
  }

  /** @returns undefined for a path that is not discovery's */
  document(path: string, { as, version }: Accepted): object | undefined {
    const parts = path.split('/').filter(part => part !== '');
    if (parts[0] === 'api' && parts.length === 1) return as === '' ? this.#coreVersions() : this.#aggregated(version, ['']);
    if (parts[0] === 'apis' && parts.length === 1) return as === '' ? this.#groupList() : this.#aggregated(version, this.#groups);
    if (parts[0] === 'apis' && parts.length === 2 && this.#groups.includes(parts[1]!))
      return { kind: 'APIGroup', apiVersion: 'v1', ...this.#group(parts[1]!) };
    const apiVersion = parts[0] === 'api' ? parts[1] : parts.slice(1).join('/');
    const isVersion = (parts[0] === 'api' && parts.length === 2) || (parts[0] === 'apis' && parts.length === 3);
    const types = isVersion ? this.#types.filter(type => apiVersionOf(type) === apiVersion) : [];
    return types.length === 0 ? undefined : this.#resources(apiVersion!, types);
  }

  #coreVersions(): object {
    return {
      kind: 'APIVersions',
      versions: this.#versions(''),
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: this.#host() }],
    };
  }
  #groupList(): object {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.#groups.map(group => this.#group(group)) };
  }
  #group(name: string): object {
    const versions = this.#versions(name).map(version => ({ groupVersion: `${name}/${version}`, version }));
    return { name, versions, preferredVersion: versions[0] };
  }

  #resources(groupVersion: string, types: readonly ResourceType[]): object {
    const resources = types.flatMap(type => [
      {
        name: type.resource,
        singularName: type.singular,
        namespaced: type.scope === 'namespaced',
        kind: type.kind,
        verbs: VERBS,
        ...(type.shortNames === undefined ? {} : { shortNames: type.shortNames }),
        ...(type.categories === undefined ? {} : { categories: type.categories }),
      },
      ...subresources(type).map(({ name, kind, group, version, verbs }) => ({
        name: `${type.resource}/${name}`,
        singularName: '',
        namespaced: type.scope === 'namespaced',
        ...(group === undefined ? {} : { group, version }),
        kind,
        verbs,
      })),
    ]);
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
  }

  #aggregated(form: string, groups: readonly string[]): object {
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${form}`,
      metadata: {},
      items: groups.map(group => ({
        metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
        versions: this.#versions(group).map(version => ({
          version,
          freshness: 'Current',
          resources: this.#types
            .filter(type => type.group === group && type.version === version)
            .map(type => ({
              resource: type.resource,
              responseKind: kindOf(type),
              scope: type.scope === 'namespaced' ? 'Namespaced' : 'Cluster',
              singularResource: type.singular,
              verbs: VERBS,
              ...(type.shortNames === undefined ? {} : { shortNames: type.shortNames }),
              ...(type.categories === undefined ? {} : { categories: type.categories }),
              subresources: subresources(type).map(sub => ({ subresource: sub.name, responseKind: kindOf(type, sub), verbs: sub.verbs })),
            })),
        })),
      })),
    };
  }
}

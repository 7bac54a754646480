/** Manifests for a lab that stands: as with an API server, an object that is not valid is refused with every cause, and the others are taken. */
import { readErrors, readObjects } from '../../cluster/objects/read.ts';
import { type ClusterObject, objectName } from '../../cluster/objects/types.ts';

export interface Manifest {
  readonly objects: readonly ClusterObject[];
  /** What was refused, and why. */
  readonly problems: readonly string[];
  /** What was passed over. */
  readonly notes: readonly string[];
}

/** @param file named in problems */
export function readManifest(text: string, file: string): Manifest {
  const { objects, problems, otherKinds } = readObjects(text, file);
  return {
    objects: objects.filter(o => o.errors.length === 0).map(o => o.object),
    problems: [...problems, ...objects.flatMap(readErrors)],
    notes: [...otherKinds].map(([kind, count]) => `${file}: ${count} of kind ${kind} passed over`),
  };
}

const kinds: Readonly<Record<string, ClusterObject['kind']>> = {
  service: 'Service',
  services: 'Service',
  svc: 'Service',
  endpointslice: 'EndpointSlice',
  endpointslices: 'EndpointSlice',
  node: 'Node',
  nodes: 'Node',
  no: 'Node',
};

/**
 * @param word `service/web`, `svc/web`, `endpointslice/web-1`: as kubectl takes it
 * @returns `Service default/web`; undefined for another word
 */
export function nameOfWord(word: string, namespace: string): string | undefined {
  const [kind = '', name = '', ...rest] = word.split('/');
  const found = kinds[kind.toLowerCase()];
  if (found === undefined || name === '' || rest.length > 0) return undefined;
  return found === 'Node' ? `Node ${name}` : `${found} ${namespace}/${name}`;
}

/** `service/web`, as kubectl says it. @param name `Service default/web` */
export function wordOfName(name: string): string {
  const [kind, path] = name.split(' ') as [string, string];
  return `${kind.toLowerCase()}/${path.slice(path.indexOf('/') + 1)}`;
}

export const namesOf = (objects: readonly ClusterObject[]): string[] => objects.map(objectName);

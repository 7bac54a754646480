/** What the containers of a pod see of its volumes: empty folders, ConfigMaps, Secrets, fields of the pod, paths of the machine. Pure. */
import type { ContainerSpec, Pod } from '../cluster/schema/pod.ts';
import { ConfigError, fieldOf, type PodFacts, type Settings } from './environment.ts';
import type { Mount } from './runtime.ts';

type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number];
type Files = Readonly<Record<string, Uint8Array>>;

const DEFAULT_MODE = 0o644;

/** @throws ConfigError */
export function mountsOf(container: ContainerSpec, pod: Pod, facts: PodFacts, settings: Settings): Mount[] {
  const volumes = new Map((pod.spec?.volumes ?? []).map(volume => [volume.name, volume]));
  return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly = false, subPath }) => {
    const source = sourceOf(volumes.get(name), name, pod, facts, settings);
    // The machine under a lab is no node of it: nothing is written there.
    return { at: mountPath, readOnly: readOnly || source.kind !== 'empty', source, ...(subPath === undefined ? {} : { subPath }) };
  });
}

function sourceOf(volume: Volume | undefined, name: string, pod: Pod, facts: PodFacts, settings: Settings): Mount['source'] {
  const files = (found: Files, mode = DEFAULT_MODE): Mount['source'] => ({ kind: 'files', volume: name, files: found, mode });
  if (volume?.configMap !== undefined) return files(configFiles(volume.configMap, settings), volume.configMap.defaultMode);
  if (volume?.secret !== undefined) return files(secretFiles(volume.secret, settings), volume.secret.defaultMode);
  if (volume?.downwardAPI !== undefined) return files(fieldFiles(volume.downwardAPI, pod, facts));
  if (volume?.hostPath !== undefined) return { kind: 'host', path: volume.hostPath.path };
  if (volume?.projected !== undefined) return files(projectedFiles(volume.projected, pod, facts, settings));
  if (volume?.emptyDir !== undefined) return { kind: 'empty', volume: name, inMemory: volume.emptyDir.medium === 'Memory' };
  throw new ConfigError(
    `volume "${name}": no such kind of volume here: use emptyDir, configMap, secret, downwardAPI, projected or hostPath`,
  );
}

interface Selected {
  readonly items?: readonly { readonly key: string; readonly path: string }[];
  readonly optional?: boolean;
}

function configFiles(source: Selected & { readonly name?: string }, settings: Settings): Files {
  const found = settings.configMap(source.name ?? '');
  if (found === undefined && source.optional !== true) throw new ConfigError(`configmap "${source.name}" not found`);
  return selected(found?.data ?? {}, source, value => Buffer.from(value));
}

function secretFiles(source: Selected & { readonly secretName?: string }, settings: Settings): Files {
  const found = settings.secret(source.secretName ?? '');
  if (found === undefined && source.optional !== true) throw new ConfigError(`secret "${source.secretName}" not found`);
  return selected(found?.data ?? {}, source, value => Buffer.from(value, 'base64'));
}

function selected(data: Readonly<Record<string, string>>, { items, optional }: Selected, read: (value: string) => Buffer): Files {
  if (items === undefined) return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, read(value)]));
  return Object.fromEntries(
    items.flatMap(({ key, path }) => {
      if (data[key] !== undefined) return [[path, read(data[key])]];
      if (optional === true) return [];
      throw new ConfigError(`references non-existent config key: ${key}`);
    }),
  );
}

/** The schema keeps these as they came. */
function fieldFiles(source: unknown, pod: Pod, facts: PodFacts): Files {
  const { items = [] } = source as { items?: { path: string; fieldRef?: { fieldPath: string } }[] };
  return Object.fromEntries(
    items.flatMap(i => (i.fieldRef === undefined ? [] : [[i.path, Buffer.from(fieldOf(i.fieldRef.fieldPath, pod, facts))]])),
  );
}

interface Projection {
  readonly configMap?: Selected & { readonly name?: string };
  readonly secret?: Selected & { readonly name?: string };
  readonly downwardAPI?: unknown;
}

function projectedFiles(source: unknown, pod: Pod, facts: PodFacts, settings: Settings): Files {
  const { sources = [] } = source as { sources?: Projection[] };
  const all = sources.map(({ configMap, secret, downwardAPI }) => ({
    ...(configMap === undefined ? {} : configFiles(configMap, settings)),
    ...(secret === undefined
      ? {}
      : secretFiles({ ...secret, ...(secret.name === undefined ? {} : { secretName: secret.name }) }, settings)),
    ...(downwardAPI === undefined ? {} : fieldFiles(downwardAPI, pod, facts)),
  }));
  return Object.assign({}, ...all);
}

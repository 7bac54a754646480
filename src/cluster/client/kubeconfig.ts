/**
 * A kubeconfig (client-go `tools/clientcmd/api/v1/types.go`): which server, how it proves who it is, and how we do. Data beside a path
 * wins; a path that is not absolute is read from the folder of the file. Several files are one kubeconfig (`tools/clientcmd/loader.go`): of
 * each name the first file that has it counts, whole, and of the current context the first that names one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { LabError } from '../../base/errors.ts';

const text = z.string().optional();
const exec = z.object({
  apiVersion: z.string(),
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  provideClusterInfo: z.boolean().optional(),
  installHint: text,
});
const cluster = z.object({
  server: z.string(),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': text,
  'proxy-url': text,
});
const user = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  exec: exec.nullish(),
  'auth-provider': z.unknown().optional(),
});
const context = z.object({ cluster: z.string(), user: z.string().default('') });
interface Named {
  name: string;
}
/** With the file that it stands in. */
type Placed = Named & { file: string };
/** Lists of names with what they name; a list that is empty may be null. */
const named = <T extends z.ZodType>(of: string, shape: T) =>
  z
    .array(z.object({ name: z.string(), [of]: shape }))
    .nullish()
    .transform(list => (list ?? []) as unknown as Named[]);
const kubeconfig = z.object({
  'current-context': text,
  clusters: named('cluster', cluster),
  users: named('user', user.nullish()),
  contexts: named('context', context),
});

export type ExecPlugin = z.infer<typeof exec>;

/** Everything that a client needs. Certificates and keys are PEM. */
export interface ClusterAccess {
  /** Name of the context. */
  readonly context: string;
  readonly server: URL;
  /** Absent: whom the system trusts. */
  readonly ca?: string;
  readonly serverName?: string;
  /** The server may be anybody. */
  readonly insecure: boolean;
  readonly cert?: string;
  readonly key?: string;
  /** Value of the header `Authorization`. */
  readonly authorization?: string;
  /** A program that is asked for a credential. */
  readonly exec?: ExecPlugin;
}

/**
 * @param files one, which has to be there; or several, of which those that are not there are passed over
 * @param name of the context; absent: the current one
 * @throws LabError KUBECONFIG with the file and what is wrong in it
 */
export function readKubeconfig(files: string | readonly string[], name?: string): ClusterAccess {
  const list = typeof files === 'string' ? [files] : files.filter((file, i) => file !== '' && files.indexOf(file) === i);
  const there = list.length === 1 ? list : list.filter(file => existsSync(file));
  if (there.length === 0) throw new LabError('KUBECONFIG', `cannot read kubeconfig: none of ${list.join(', ') || 'no files'} is there`);
  return accessOf(merged(there), there.join(delimiter), name);
}

/** Where kubectl looks when nobody tells it. */
export function usualKubeconfigs(env: Readonly<Record<string, string | undefined>>, home: string): string[] {
  return env.KUBECONFIG ? env.KUBECONFIG.split(delimiter) : [join(home, '.kube', 'config')];
}

type Kubeconfig = z.infer<typeof kubeconfig>;
type Merged = { readonly [List in 'clusters' | 'users' | 'contexts']: readonly Placed[] } & { readonly current: string | undefined };

/** Who asks for a name finds the first that has it. */
function merged(files: readonly string[]): Merged {
  const read = files.map(file => ({ file, config: parseKubeconfig(readFile(file, 'kubeconfig'), file) }));
  const all = (of: 'clusters' | 'users' | 'contexts') => read.flatMap(({ file, config }) => config[of].map(each => ({ ...each, file })));
  return {
    clusters: all('clusters'),
    users: all('users'),
    contexts: all('contexts'),
    current: read.map(({ config }) => config['current-context']).find(Boolean),
  };
}

function parseKubeconfig(content: string, file: string): Kubeconfig {
  let value: unknown;
  try {
    value = parse(content);
  } catch (cause) {
    throw new LabError('KUBECONFIG', `${file}: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
  const { success, data, error } = kubeconfig.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw new LabError('KUBECONFIG', `${file}: ${issue!.path.join('.') || 'the whole file'}: ${issue!.message}`);
}

/** @param from the files, for errors */
function accessOf(config: Merged, from: string, wanted = config.current): ClusterAccess {
  const fail = (message: string, file = from): never => {
    throw new LabError('KUBECONFIG', `${file}: ${message}`);
  };
  const names = [...new Set(config.contexts.map(c => c.name))].join(', ') || 'none';
  if (!wanted) return fail(`no current-context: say --context NAME: there are ${names}`);
  const chosen = find<{ context: z.infer<typeof context> }>(config.contexts, wanted)?.context;
  if (chosen === undefined) return fail(`there is no context "${wanted}": there are ${names}`);
  const served = find<{ cluster: z.infer<typeof cluster> }>(config.clusters, chosen.cluster);
  if (served === undefined) return fail(`context "${wanted}": there is no cluster "${chosen.cluster}"`);
  const who = find<{ user?: z.infer<typeof user> | null }>(config.users, chosen.user);
  if (who === undefined && chosen.user !== '') return fail(`context "${wanted}": there is no user "${chosen.user}"`);
  const { cluster: of, file } = served;
  const no = (message: string): never => fail(`cluster "${chosen.cluster}": ${message}`, file);
  if (of['proxy-url']) return no('proxy-url is not supported');
  if (who?.user?.['auth-provider'])
    return fail(`user "${chosen.user}": auth-provider is not supported, nor is it by kubectl since 1.26`, who.file);
  const server = URL.canParse(of.server) ? new URL(of.server) : no(`server: not a URL: "${of.server}"`);
  if (!/^https?:$/.test(server.protocol)) return no(`server: neither https nor http: "${of.server}"`);
  const own = who?.file ?? file;
  const u: Partial<z.infer<typeof user>> = who?.user ?? {};
  const ca = pemOf(of['certificate-authority-data'], of['certificate-authority'], 'certificate-authority', file);
  const cert = pemOf(u['client-certificate-data'], u['client-certificate'], 'client-certificate', own);
  const key = pemOf(u['client-key-data'], u['client-key'], 'client-key', own);
  const authorization = authorizationOf(u, own);
  return {
    context: wanted,
    server,
    insecure: of['insecure-skip-tls-verify'] ?? false,
    ...(ca !== undefined && { ca }),
    ...(of['tls-server-name'] && { serverName: of['tls-server-name'] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(authorization !== undefined && { authorization }),
    ...(u.exec && { exec: u.exec }),
  };
}

const find = <T>(list: readonly Placed[], name: string): (T & Placed) | undefined =>
  list.find(item => item.name === name) as (T & Placed) | undefined;

function authorizationOf(u: Partial<z.infer<typeof user>>, file: string): string | undefined {
  // The file is the newer one: what is in a pod is written anew before it expires.
  if (u.tokenFile) return `Bearer ${readFile(resolve(dirname(file), u.tokenFile), 'tokenFile').trim()}`;
  if (u.token) return `Bearer ${u.token}`;
  if (u.username === undefined) return undefined;
  return `Basic ${Buffer.from(`${u.username}:${u.password ?? ''}`).toString('base64')}`;
}

function pemOf(data: string | undefined, path: string | undefined, field: string, file: string): string | undefined {
  if (!data) return path ? readFile(resolve(dirname(file), path), field) : undefined;
  const pem = Buffer.from(data, 'base64').toString('latin1');
  if (!pem.includes('-----BEGIN ')) throw new LabError('KUBECONFIG', `${file}: ${field}-data: not PEM in base64`);
  return pem;
}

function readFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LabError('KUBECONFIG', `cannot read ${what}: ${path}: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}

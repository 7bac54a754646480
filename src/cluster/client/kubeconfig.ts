/**
 * A kubeconfig (client-go `tools/clientcmd/api/v1/types.go`): which server, how it proves who it is, and how we do. Data beside a path
 * wins; a path that is not absolute is read from the folder of the file.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
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
/** Lists of names with what they name; a list that is empty may be null. */
const named = <T extends z.ZodType>(of: string, shape: T) =>
  z
    .array(z.object({ name: z.string(), [of]: shape }))
    .nullish()
    .transform(list => (list ?? []) as unknown as { name: string }[]);
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

/** @param name of the context; absent: the current one @throws LabError KUBECONFIG with the file and what is wrong in it */
export function readKubeconfig(file: string, name?: string): ClusterAccess {
  return accessOf(parseKubeconfig(readFile(file, 'kubeconfig'), file), file, name);
}

type Kubeconfig = z.infer<typeof kubeconfig>;

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

function accessOf(config: Kubeconfig, file: string, wanted = config['current-context']): ClusterAccess {
  const fail = (message: string): never => {
    throw new LabError('KUBECONFIG', `${file}: ${message}`);
  };
  const names = config.contexts.map(c => c.name).join(', ') || 'none';
  if (!wanted) return fail(`no current-context: say --context NAME: there are ${names}`);
  const chosen = find<{ context: z.infer<typeof context> }>(config.contexts, wanted)?.context;
  if (chosen === undefined) return fail(`there is no context "${wanted}": there are ${names}`);
  const of = find<{ cluster: z.infer<typeof cluster> }>(config.clusters, chosen.cluster)?.cluster;
  if (of === undefined) return fail(`context "${wanted}": there is no cluster "${chosen.cluster}"`);
  const who = find<{ user?: z.infer<typeof user> | null }>(config.users, chosen.user);
  if (who === undefined && chosen.user !== '') return fail(`context "${wanted}": there is no user "${chosen.user}"`);
  if (of['proxy-url']) return fail(`cluster "${chosen.cluster}": proxy-url is not supported`);
  if (who?.user?.['auth-provider']) return fail(`user "${chosen.user}": auth-provider is not supported, nor is it by kubectl since 1.26`);
  const server = URL.canParse(of.server) ? new URL(of.server) : fail(`cluster "${chosen.cluster}": server: not a URL: "${of.server}"`);
  if (!/^https?:$/.test(server.protocol)) return fail(`cluster "${chosen.cluster}": server: neither https nor http: "${of.server}"`);
  const pem = (data: string | undefined, path: string | undefined, field: string) => pemOf(data, path, field, file);
  const u: Partial<z.infer<typeof user>> = who?.user ?? {};
  const ca = pem(of['certificate-authority-data'], of['certificate-authority'], 'certificate-authority');
  const cert = pem(u['client-certificate-data'], u['client-certificate'], 'client-certificate');
  const key = pem(u['client-key-data'], u['client-key'], 'client-key');
  const authorization = authorizationOf(u, file);
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

const find = <T>(list: readonly { name: string }[], name: string): T | undefined => list.find(item => item.name === name) as T | undefined;

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

/**
 * A credential from a program that a kubeconfig names (client-go `plugin/pkg/client/auth/exec`, ExecCredential of
 * client.authentication.k8s.io v1 and v1beta1): it is told what is asked by KUBERNETES_EXEC_INFO, and writes JSON on stdout.
 */
import { spawnSync } from 'node:child_process';
import { LabError } from '../../base/errors.ts';
import type { ClusterAccess, ExecPlugin } from './kubeconfig.ts';

const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];
/** A person may have to log in meanwhile. */
const WITHIN_MS = 120_000;

/** @returns the access with the credential in place of the program @throws LabError KUBECONFIG */
export function withCredential(access: ClusterAccess): ClusterAccess {
  const { exec, ...rest } = access;
  if (exec === undefined) return access;
  const fail = (message: string): never => {
    throw new LabError('KUBECONFIG', `exec plugin "${exec.command}": ${message}`);
  };
  if (!API_VERSIONS.includes(exec.apiVersion)) return fail(`apiVersion "${exec.apiVersion}": expected one of ${API_VERSIONS.join(', ')}`);
  const { status, stdout, error, signal } = spawnSync(exec.command, exec.args ?? [], {
    encoding: 'utf8',
    env: { ...process.env, ...environment(exec, access) },
    stdio: ['inherit', 'pipe', 'inherit'],
    timeout: WITHIN_MS,
  });
  if (error)
    return fail(`${(error as NodeJS.ErrnoException).code ?? error.message}${exec.installHint ? `: ${exec.installHint.trim()}` : ''}`);
  if (status !== 0) return fail(signal === null ? `exit ${status}` : `ended by ${signal}`);
  const { token, clientCertificateData, clientKeyData } = statusOf(stdout, fail);
  if (token === undefined && clientCertificateData === undefined) return fail('its answer has neither a token nor a certificate');
  return {
    ...rest,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(clientCertificateData !== undefined && { cert: clientCertificateData }),
    ...(clientKeyData !== undefined && { key: clientKeyData }),
  };
}

interface Status {
  readonly token?: string;
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
}

function statusOf(stdout: string, fail: (message: string) => never): Status {
  try {
    return (JSON.parse(stdout) as { status?: Status }).status ?? {};
  } catch {
    return fail('its answer is not JSON');
  }
}

function environment({ apiVersion, env, provideClusterInfo }: ExecPlugin, access: ClusterAccess): Record<string, string> {
  const cluster = {
    server: access.server.href.replace(/\/$/, ''),
    ...(access.serverName && { 'tls-server-name': access.serverName }),
    ...(access.insecure && { 'insecure-skip-tls-verify': true }),
    ...(access.ca && { 'certificate-authority-data': Buffer.from(access.ca).toString('base64') }),
  };
  const spec = { interactive: process.stdin.isTTY === true, ...(provideClusterInfo && { cluster }) };
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec });
  return { KUBERNETES_EXEC_INFO: info, ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])) };
}

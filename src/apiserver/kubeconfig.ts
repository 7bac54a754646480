/** The file by which kubectl finds a lab and is let in. It holds the token: mode 0600, and never half written. */
import { closeSync, fchmodSync, openSync, renameSync, writeSync } from 'node:fs';
import { stringify } from 'yaml';

export interface KubeconfigOptions {
  /** `kubehop-lab-10` */
  readonly name: string;
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM; undefined for plain HTTP. */
  readonly ca: string | undefined;
  readonly token: string;
}

export const kubeconfigText = ({ name, server, ca, token }: KubeconfigOptions): string =>
  stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name, cluster: { server, ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }) } },
      ],
      users: [{ name, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
      'current-context': name,
      preferences: {},
    },
    { lineWidth: 0 },
  );

export function writeKubeconfig(path: string, options: KubeconfigOptions): void {
  const unfinished = `${path}.${process.pid}`;
  const fd = openSync(unfinished, 'w', 0o600);
  try {
    // An old file of this name may have been open to others.
    fchmodSync(fd, 0o600);
    writeSync(fd, kubeconfigText(options));
  } finally {
    closeSync(fd);
  }
  renameSync(unfinished, path);
}

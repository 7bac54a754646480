/** An API server for tests: https with a certificate authority of its own, lists in pages, and a note of all that was asked. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

export const lacking = spawnSync('openssl', ['version']).status === 0 ? '' : 'there is no openssl';

/** PEM files: `ca.crt`, `server.crt` for 127.0.0.1 and for `kubernetes`, `client.crt` of the user `reader`, each with its `.key`. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'kubehop-pki-'));

  constructor() {
    this.#openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=test-ca',
      ...this.#out('ca'),
    );
    this.#signed('server', '/CN=kube-apiserver', 'subjectAltName=IP:127.0.0.1,DNS:kubernetes');
    this.#signed('client', '/CN=reader', 'extendedKeyUsage=clientAuth');
  }

  path(file: string): string {
    return join(this.folder, file);
  }
  text(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }
  /** As a kubeconfig holds it. */
  data(file: string): string {
    return Buffer.from(this.text(file)).toString('base64');
  }
  close(): void {
    rmSync(this.folder, { recursive: true });
  }

  #signed(name: string, subject: string, extension: string): void {
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    this.#openssl('req', ...ec, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    writeFileSync(this.path(`${name}.ext`), extension);
    this.#openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    );
  }
  #out = (name: string): string[] => ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'ignore' });
  }
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  /** Name in the client's certificate. */
  readonly user: string | undefined;
}

export class FakeApi {
  readonly asked: Asked[] = [];
  /** By path. */
  readonly lists = new Map<string, readonly object[]>();
  /** Another answer than the list. */
  answer: (asked: Asked) => { status: number; body: string } | undefined = () => undefined;
  readonly #server: Server;

  constructor(certificates: Certificates) {
    const tls = { ca: certificates.text('ca.crt'), cert: certificates.text('server.crt'), key: certificates.text('server.key') };
    this.#server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      const asked = {
        method: request.method!,
        url: request.url!,
        authorization: request.headers.authorization,
        user: (request.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined,
      };
      this.asked.push(asked);
      const { status, body } = this.answer(asked) ?? this.#page(asked.url);
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  /** Items of a typed list have no kind of their own, as with the real one. */
  #page(url: string): { status: number; body: string } {
    const { pathname, searchParams } = new URL(url, 'https://api');
    const all = this.lists.get(pathname);
    if (all === undefined) return status(404, 'the server could not find the requested resource');
    const from = Number(searchParams.get('continue') ?? 0);
    const end = from + Number(searchParams.get('limit') ?? all.length);
    const [apiVersion, kind] = pathname.startsWith('/apis/')
      ? ['discovery.k8s.io/v1', 'EndpointSlice']
      : ['v1', pathname.endsWith('nodes') ? 'Node' : 'Service'];
    const metadata = { resourceVersion: '7', ...(end < all.length && { continue: String(end) }) };
    return { status: 200, body: JSON.stringify({ kind: `${kind}List`, apiVersion, metadata, items: all.slice(from, end) }) };
  }
}

export const status = (code: number, message: string): { status: number; body: string } => ({
  status: code,
  body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code }),
});

export const service = (name: string, clusterIP: string): object => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }] },
});
export const slice = (of: string, addresses: readonly string[]): object => ({
  metadata: { name: `${of}-abc`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints: addresses.map(a => ({ addresses: [a], conditions: { ready: true } })),
});
export const node = (name: string, address: string): object => ({
  metadata: { name },
  spec: {},
  status: { addresses: [{ type: 'InternalIP', address }] },
});

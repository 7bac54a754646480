/** What runs for the names of images in a lab: the project's own programs, and those of the machine. */
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import type { Store } from '../../cluster/store/store.ts';
import { FeedWriter } from '../../dns/feed.ts';
import { followStore } from '../../dns/follow-store.ts';
import { type Image, type ImageTable, type InsideContext, type InsideProgram, imageTable } from '../../kubelet/images.ts';

export const REPOSITORY = resolve(import.meta.dirname, '../../..');
const program = (path: string): string[] => [process.execPath, '--disable-warning=ExperimentalWarning', resolve(REPOSITORY, path)];

const has = (name: string): boolean =>
  ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].some(folder => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

export interface LabPrograms {
  readonly store: Store;
  /** kube-proxy of the node, for as long as its container runs. */
  readonly kubeProxy: (context: InsideContext) => InsideProgram;
  /** flannel of the node: it has nothing left to do, and says what it did. */
  readonly flannel: (context: InsideContext) => InsideProgram;
}

export function labImages({ store, kubeProxy, flannel }: LabPrograms): ImageTable {
  const echo: Image = {
    kind: 'process',
    entrypoint: program('src/kubelet/programs/echo.ts'),
    arguments: [],
    knowsPorts: true,
    serving: 'listening',
  };
  const web: Image = has('nginx')
    ? {
        kind: 'process',
        entrypoint: ['nginx', '-g', 'daemon off;'],
        arguments: [],
        note: "the machine's nginx stands in for that of the image",
      }
    : { ...echo, arguments: ['--port', '80'], note: 'nginx is not installed here: kubehop/echo answers on port 80 in its place' };
  const tools: Image = {
    kind: 'process',
    entrypoint: [],
    arguments: ['sh'],
    note: "the machine's own programs stand in for those of the image",
  };
  const curl: Image = { ...tools, entrypoint: ['curl'], arguments: ['--help'] };
  const coredns: Image = {
    kind: 'process',
    entrypoint: program('src/dns/program.ts'),
    arguments: [],
    feed: to => followStore(store, new FeedWriter(line => to.write(line))),
    serving: 'cluster.local',
  };
  return imageTable({
    'kubehop/echo': echo,
    nginx: web,
    httpd: { ...web, ...(has('nginx') ? { note: "the machine's nginx stands in for httpd" } : {}) },
    busybox: tools,
    alpine: tools,
    debian: tools,
    ubuntu: tools,
    bash: { ...tools, arguments: ['bash'] },
    'nicolaka/netshoot': tools,
    'curlimages/curl': curl,
    'appropriate/curl': curl,
    'radial/busyboxplus': tools,
    'coredns/coredns': coredns,
    coredns,
    'kube-proxy': { kind: 'inside', start: kubeProxy },
    'flannel-io/flannel': { kind: 'inside', start: flannel },
  });
}

/** Hairpin mode of the ports of a userspace node's bridge, as `bridge link` says it: the real bridge is asked, its router does it. */
import { inNetns, runOrThrow } from '../shell.ts';

interface Link {
  ifname: string;
  hairpin?: boolean;
}
interface Entry {
  mac: string;
  ifname?: string;
  state?: string;
}

/** @param namespace of the node @returns MACs behind ports in hairpin mode, as far as the bridge has been told them */
export async function hairpinMacs(namespace: string): Promise<string[]> {
  const ask = async (...words: string[]) => JSON.parse((await runOrThrow(inNetns(namespace, ['bridge', '-j', ...words]))) || '[]');
  const links: Link[] = await ask('-d', 'link', 'show');
  const ports = new Set(links.filter(link => link.hairpin === true).map(link => link.ifname));
  const entries: Entry[] = ports.size === 0 ? [] : await ask('fdb', 'show');
  return [...new Set(entries.filter(e => e.state === 'static' && ports.has(e.ifname ?? '')).map(e => e.mac))];
}

/**
 * flannel of one node: reads from the Node objects where the pods of others are, and gives its own node the way to each (flannel
 * `pkg/subnet/kube`, `pkg/backend/vxlan`, `pkg/backend/hostgw`). A node without its annotations has no flannel yet, and no way to it.
 */
import { isDeepStrictEqual } from 'node:util';
import { parseCidr } from '../../base/address.ts';
import { Nodes } from '../../cluster/resources/index.ts';
import type { Node as NodeObject } from '../../cluster/schema/cluster.ts';
import type { Store } from '../../cluster/store/store.ts';
import { podCidr } from '../topology/addresses.ts';
import type { Node, Peer } from '../topology/model.ts';

const ANNOTATION = 'flannel.alpha.coreos.com/';

export interface FlannelOptions {
  readonly store: Store;
  readonly name: string;
  readonly node: Node;
  readonly directRouting: boolean;
  /** These are the others from now on. */
  readonly setPeers: (peers: readonly Peer[]) => Promise<void>;
  readonly say: (line: string) => void;
}

export interface Flannel {
  /** Resolves when the ways are there that it knows of. */
  readonly settled: () => Promise<void>;
  /** The ways that it made stay. */
  readonly stop: () => void;
}

export function startFlannel({ store, name, node, directRouting, setPeers, say }: FlannelOptions): Flannel {
  let known: readonly Peer[] = [];
  let turn = Promise.resolve();
  const look = async (): Promise<void> => {
    const peers = store.list(Nodes).items.flatMap(object => (object.metadata.name === name ? [] : peerOf(object, node, directRouting)));
    if (isDeepStrictEqual(peers, known)) return;
    for (const gone of known.filter(peer => !peers.some(p => isDeepStrictEqual(p, peer)))) say(`Subnet removed: ${podCidr(gone.number)}`);
    for (const added of peers.filter(peer => !known.some(p => isDeepStrictEqual(p, peer))))
      say(
        added.way === 'none'
          ? `${added.address} is on another network: no way to ${podCidr(added.number)}`
          : `Subnet added: ${podCidr(added.number)} via ${added.address} (${added.way})`,
      );
    await setPeers(peers);
    known = peers;
  };
  const stop = store.follow(Nodes, {}, () => {
    turn = turn
      .then(look)
      .catch(error => say(`the ways to other nodes cannot be set: ${error instanceof Error ? error.message : String(error)}`));
  });
  return { stop, settled: () => turn };
}

function peerOf({ metadata, spec }: NodeObject, own: Node, directRouting: boolean): Peer[] {
  const annotation = (key: string): string | undefined => metadata.annotations?.[`${ANNOTATION}${key}`];
  const address = annotation('public-ip');
  if (address === undefined || spec?.podCIDR === undefined || metadata.deletionTimestamp !== undefined) return [];
  const number = (parseCidr(spec.podCIDR).address >>> 8) & 255;
  const { address: ownAddress, mask } = parseCidr(own.address);
  const beside = ((ownAddress ^ parseCidr(`${address}/32`).address) & mask) === 0;
  if (annotation('backend-type') !== 'vxlan') return [{ number, address, way: beside ? 'route' : 'none' }];
  return [{ number, address, way: beside && directRouting ? 'route' : 'tunnel' }];
}

/** A lab's node as the API shows it: its object, with what flannel writes on it, and the lease by which it says that it lives. */
import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import type { Timers } from '../../base/timers.ts';
import { Leases, Nodes } from '../../cluster/resources/index.ts';
import type { Lease, Node as NodeObject } from '../../cluster/schema/cluster.ts';
import { microTimeText, timeText } from '../../cluster/store/object.ts';
import type { Store } from '../../cluster/store/store.ts';
import { podCidr, VXLAN } from '../topology/addresses.ts';
import type { Node } from '../topology/model.ts';

/** The API that is spoken: what `kubectl get nodes` shows as the kubelet's version. */
export const KUBERNETES_VERSION = 'v1.34.0';
/** `nodeLeaseDurationSeconds` 40, renewed every quarter of it. */
const LEASE_SECONDS = 40;
const RENEW_MS = (LEASE_SECONDS / 4) * 1000;
const LEASES = 'kube-node-lease';
const MOST_PODS = 110;

/** Registers the node, and renews its lease until it is stopped. @returns stops it; the object stays */
export function registerNode(store: Store, timers: Timers, name: string, node: Node): () => void {
  const wanted = nodeObject(name, node);
  if (store.find(Nodes, '', name) === undefined) store.create(Nodes, wanted);
  else
    store.modify(Nodes, '', name, draft =>
      Object.assign(draft.metadata, { labels: wanted.metadata.labels, annotations: wanted.metadata.annotations }),
    );
  store.modify(Nodes, '', name, draft => Object.assign(draft, { status: nodeStatus(name, node, timers.nowMs()) }), {
    subresource: 'status',
  });
  let cancel = (): void => {};
  const renew = (): void => {
    renewLease(store, name, timers.nowMs());
    cancel = timers.after(RENEW_MS, renew);
  };
  renew();
  return () => cancel();
}

function nodeObject(name: string, node: Node): NodeObject {
  const address = node.address.split('/')[0]!;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': arch() === 'x64' ? 'amd64' : arch(),
        'kubehop.io/data-plane': node.plane,
      },
      annotations: flannelAnnotations(node, address),
    },
    spec: { podCIDR: podCidr(node.number), podCIDRs: [podCidr(node.number)] },
  };
}

/** What flannel's kube subnet manager writes, and the flannels of other nodes read (flannel `pkg/subnet/kube/annotations.go`). */
export const flannelAnnotations = (node: Node, address: string): Record<string, string> => ({
  'flannel.alpha.coreos.com/backend-type': node.tunnel ? 'vxlan' : 'host-gw',
  'flannel.alpha.coreos.com/backend-data': node.tunnel ? JSON.stringify({ VNI: VXLAN.vni, VtepMAC: node.vtepMac }) : 'null',
  'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  'flannel.alpha.coreos.com/public-ip': address,
});

function nodeStatus(name: string, node: Node, nowMs: number): NodeObject['status'] {
  const amounts = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: String(MOST_PODS) };
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
    ...{ type, status, reason, message, lastHeartbeatTime: timeText(nowMs), lastTransitionTime: timeText(nowMs) },
  });
  return {
    capacity: amounts,
    allocatable: amounts,
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ],
    addresses: [
      { type: 'InternalIP', address: node.address.split('/')[0]! },
      { type: 'Hostname', address: name },
    ],
    nodeInfo: {
      ...{ machineID: '', systemUUID: '', bootID: '', kubeProxyVersion: '' },
      kernelVersion: node.plane === 'kernel' ? release() : `${release()} (router in userspace)`,
      osImage: osName(),
      containerRuntimeVersion: 'kubehop://1',
      kubeletVersion: KUBERNETES_VERSION,
      operatingSystem: 'linux',
      architecture: arch() === 'x64' ? 'amd64' : arch(),
    },
  };
}

function osName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}

function renewLease(store: Store, name: string, nowMs: number): void {
  const renewTime = microTimeText(nowMs);
  if (store.find(Leases, LEASES, name) !== undefined)
    store.modify(Leases, LEASES, name, draft => {
      draft.spec = { ...draft.spec, renewTime };
    });
  else
    store.create(Leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: LEASES },
      spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
    } as Lease);
}

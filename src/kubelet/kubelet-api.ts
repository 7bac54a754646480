/** What a kubelet reads and writes of the cluster's objects. `store-api.ts` does it on the store. */
import type { Pod, PodStatus } from '../cluster/schema/pod.ts';
import type { Settings } from './environment.ts';

export interface PodEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Pod;
}

/** What happened to a pod, or to one of its containers, told to people. */
export interface Happening {
  readonly type: 'Normal' | 'Warning';
  /** `Started`, `BackOff` */
  readonly reason: string;
  readonly message: string;
  readonly container?: string;
}

export interface KubeletApi {
  /** Pods that are bound to the node: those that are there, then each change. @returns stops it */
  followPods(node: string, listener: (event: PodEvent) => void): () => void;
  /** Writes the status. A pod that is gone, or another one of this name, is left alone. @returns the pod as it is now */
  updateStatus(pod: Pod, status: PodStatus): Pod;
  /** Lets go of a pod whose containers have ended. */
  removePod(pod: Pod): void;
  tell(pod: Pod, happening: Happening): void;
  settings(namespace: string): Settings;
}

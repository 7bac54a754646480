/** exec, attach and port-forward: the kubelet of the Pod's node runs what the API server's streams ask for. */
import type { Duplex } from 'node:stream';
import type { PodStreams } from '../../apiserver/pod-streams.ts';
import { openStreams } from '../../apiserver/streams/serve.ts';
import type { Pod } from '../../cluster/schema/pod.ts';
import { ApiError } from '../../cluster/store/status.ts';
import { StartError } from '../../kubelet/runtime.ts';
import { asApiError, type KubeletOf, kubeletOf } from './pod-requests.ts';

export const podStreams = (kubelets: KubeletOf): PodStreams['open'] =>
  openStreams({
    exec: (pod, { container, command, stdin, tty }) =>
      said(() => kubeletOf(kubelets, pod).exec({ ...placeOf(pod), container }, { argv: command, environment: {}, stdin, tty })),
    attach: (pod, { container }) => said(async () => kubeletOf(kubelets, pod).attach({ ...placeOf(pod), container })),
    connect: (pod, port) => said(async () => (await kubeletOf(kubelets, pod).connect(placeOf(pod), port)) as Duplex),
  });

const placeOf = ({ metadata: { namespace = '', name = '' } }: Pod): { namespace: string; pod: string } => ({ namespace, pod: name });

/** What the kubelet refuses, in the API's words. */
async function said<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof StartError) throw new ApiError('InternalError', `Internal error occurred: ${error.message}`);
    throw asApiError(error);
  }
}

/** exec, attach and port-forward: who asks is told what works instead. */
import type { PodStreams } from '../../apiserver/pod-streams.ts';
import { badRequest } from '../../cluster/store/status.ts';
import type { KubeletOf } from './pod-requests.ts';

export const podStreams =
  (_: KubeletOf): PodStreams['open'] =>
  (kind, pod) => {
    throw badRequest(`${kind} is not offered: use kubehop exec ${pod.metadata.name} -- COMMAND`);
  };

/** What the API server asks of pods: their logs. Streams into them are refused in words until somebody offers them. */
import type { ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import type { PodStreams } from '../../apiserver/pod-streams.ts';
import type { Pod } from '../../cluster/schema/pod.ts';
import { ApiError, badRequest } from '../../cluster/store/status.ts';
import { type Kubelet, PodRequestError } from '../../kubelet/kubelet.ts';

export type KubeletOf = (node: string) => Kubelet | undefined;

export const podRequests = (kubelets: KubeletOf, streams: PodStreams['open']): PodStreams => ({
  log: (pod, query, response) => sendLog(kubeletOf(kubelets, pod), pod, query, response),
  open: streams,
});

/** @throws ApiError BadRequest */
export function kubeletOf(kubelets: KubeletOf, { metadata, spec }: Pod): Kubelet {
  const found = kubelets(spec?.nodeName ?? '');
  if (found === undefined) throw badRequest(`pod ${metadata.name} does not have a host assigned`);
  return found;
}

/** @throws ApiError for what the kubelet refuses */
export function asApiError(error: unknown): unknown {
  if (!(error instanceof PodRequestError)) return error;
  return error.code === 404 ? new ApiError('NotFound', error.message) : badRequest(error.message);
}

function sendLog(kubelet: Kubelet, pod: Pod, query: URLSearchParams, response: ServerResponse): void {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const number = (name: string) => (query.has(name) ? { [name]: Number(query.get(name)) } : {});
  const flag = (name: string) => (query.get(name) === 'true' ? { [name]: true } : {});
  const sinceMs = sinceOf(query);
  const container = query.get('container');
  try {
    const lines = kubelet.log(
      { namespace: pod.metadata.namespace!, pod: pod.metadata.name!, ...(container === null ? {} : { container }) },
      {
        ...number('tailLines'),
        ...number('limitBytes'),
        ...(sinceMs === undefined ? {} : { sinceMs }),
        ...flag('follow'),
        ...flag('timestamps'),
        ...flag('previous'),
      },
      gone.signal,
    );
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    pipeline(Readable.from(lines), response, () => undefined); // who asked has gone
  } catch (error) {
    throw asApiError(error);
  }
}

/** `sinceTime` is a date, `sinceSeconds` an age. */
function sinceOf(query: URLSearchParams): number | undefined {
  const time = query.get('sinceTime');
  if (time !== null) return Date.parse(time);
  const seconds = query.get('sinceSeconds');
  return seconds === null ? undefined : Date.now() - Number(seconds) * 1000;
}

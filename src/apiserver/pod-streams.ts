/** What the API server hands on to whoever runs a Pod: its logs, and streams into its containers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Pod } from '../cluster/schema/pod.ts';

export const streamKinds = ['exec', 'attach', 'portforward'] as const;
export type StreamKind = (typeof streamKinds)[number];

export interface PodStreams {
  /**
   * `GET .../log?container=web&follow=true&tailLines=5`: answers the request, as text.
   *
   * @throws ApiError before anything was sent
   */
  log(pod: Pod, query: URLSearchParams, response: ServerResponse): void | Promise<void>;
  /**
   * A WebSocket whose handshake has not been answered yet; the client was let in already. The subprotocols that it offers are in its headers:
   * `v5.channel.k8s.io` and older ones.
   *
   * @throws ApiError before anything was sent: the request is answered with its Status
   */
  open(kind: StreamKind, pod: Pod, query: URLSearchParams, request: IncomingMessage, socket: Duplex, head: Buffer): void | Promise<void>;
}

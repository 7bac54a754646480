/** Streams into Pods over WebSocket: what is asked for is read here, and handed to whoever runs the Pod. */
import type { Pod } from '../../cluster/schema/pod.ts';
import { ApiError, badRequest } from '../../cluster/store/status.ts';
import type { PodStreams } from '../pod-streams.ts';
import { isTrue } from '../request.ts';
import type { PodProcess, PodPrograms } from './pod-programs.ts';
import { servePortForward } from './port-forward.ts';
import { type Attached, ProcessStream } from './remote-command.ts';

/** The container that is meant. Without a name: the one that is marked, or the first. @throws ApiError BadRequest */
function containerOf({ metadata, spec }: Pod, query: URLSearchParams): string {
  const names = [...(spec?.containers ?? []), ...(spec?.initContainers ?? []), ...(spec?.ephemeralContainers ?? [])].map(
    ({ name }) => name,
  );
  const asked = query.get('container') ?? metadata.annotations?.['kubectl.kubernetes.io/default-container'] ?? '';
  if (asked === '') return names[0]!;
  if (!names.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
  return asked;
}

export const openStreams =
  (programs: PodPrograms): PodStreams['open'] =>
  async (kind, pod, query, request, socket, head) => {
    if (kind === 'portforward') {
      servePortForward(port => programs.connect(pod, port), request, socket, head);
      return;
    }
    const attached: Attached = { stdout: isTrue(query, 'stdout'), stderr: isTrue(query, 'stderr'), endsWithClient: kind === 'exec' };
    const stdin = isTrue(query, 'stdin');
    const command = query.getAll('command');
    if (!stdin && !attached.stdout && !attached.stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
    if (kind === 'exec' && command.length === 0) throw badRequest('you must specify at least one argument for the command');
    // From here on errors go to the client by the stream: it takes a refused handshake for a server that does not speak WebSocket.
    const stream = new ProcessStream(attached, request, socket, head);
    try {
      const asked = { container: containerOf(pod, query), stdin, tty: isTrue(query, 'tty') };
      const process: PodProcess = kind === 'exec' ? await programs.exec(pod, { ...asked, command }) : await programs.attach(pod, asked);
      stream.join(process);
    } catch (error) {
      stream.fail(
        error instanceof ApiError
          ? error.status
          : new ApiError('InternalError', `Internal error occurred: ${(error as Error).message}`).status,
      );
    }
  };

/** The lines of a node's `conntrack -E`, from the moment when it listens. */
import { LabError } from '../../base/errors.ts';
import type { DataPlane } from '../plane/data-plane.ts';
import { inNetns, runOrThrow } from '../shell.ts';

const READY_WITHIN_MS = 5000;
const LOOK_MS = 5;

export class EventLog {
  readonly #gone = new AbortController();
  #text = '';
  #ended: Promise<unknown> = Promise.resolve();

  /** @throws LabError DAEMON when it does not listen in time */
  static async start(node: string, plane: DataPlane, filter: readonly string[]): Promise<EventLog> {
    const log = new EventLog();
    const add = (text: string) => {
      log.#text += text;
    };
    const ended = plane.tool('conntrack', ['-E', ...filter], '', add, log.#gone.signal);
    log.#ended = ended.catch(() => undefined); // told by whoever waits for it
    // A userspace node hears the request before any frame that comes later: nothing to wait for.
    if (plane.kind === 'kernel') await Promise.race([listening(node), ended.then(endedEarly)]);
    return log;
  }

  text(): string {
    return this.#text;
  }

  /** It has ended when this resolves: its socket would pass for that of the next one. */
  async stop(): Promise<void> {
    this.#gone.abort();
    await this.#ended;
  }
}

function endedEarly({ stderr }: { stderr: string }): never {
  throw new LabError('DAEMON', `conntrack -E has ended: ${stderr.trim()}`);
}

/** Has a netlink socket of netfilter (protocol 12) of this namespace joined a group? The columns of netlink(7) in /proc/net/netlink. */
async function listening(node: string): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const sockets = await runOrThrow(inNetns(node, ['cat', '/proc/self/net/netlink']));
    const listens = sockets.split('\n').some(line => {
      const [, protocol, , groups] = line.trim().split(/ +/);
      return protocol === '12' && Number.parseInt(groups!, 16) !== 0;
    });
    if (listens) return;
    if (performance.now() > deadline) throw new LabError('DAEMON', `${node}: conntrack -E does not listen within ${READY_WITHIN_MS} ms`);
    await new Promise(resolve => setTimeout(resolve, LOOK_MS));
  }
}

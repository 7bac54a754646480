/** Captures that somebody looks at while a lab stands: of its hops on whichever data plane, beside whatever else goes on in it. */
import { LabError } from '../base/errors.ts';
import { Capture, type CaptureReport, type TraceRingInput } from '../capture/capture.ts';
import { createTraceRing } from '../packet/trace-ring.ts';
import { hopDescription, interfaceHop } from './hop-point.ts';
import type { Instance } from './instance.ts';
import { namesOf } from './journey.ts';
import type { UserspacePlane } from './plane/userspace.ts';
import type { HopWords } from './wireshark/extcap.ts';

const RING_BYTES = 1 << 20;

export interface LiveRequest {
  /** `node1/flannel.1`, `lan0`; `node1` is all of its hops, `all` every interface of the lab. */
  where: readonly string[];
  /** Path of the named pipe that is written. */
  pipe: string;
}

export class LiveCaptures {
  readonly #running = new Map<string, () => void>();

  /** @param started is told when frames are seen @returns when it was ended @throws LabError BAD_INPUT for a hop that is not there */
  async run(instance: Instance, { where, pipe }: LiveRequest, started: (line: string) => void, gone: AbortSignal): Promise<CaptureReport> {
    const names = hopNames(instance, where);
    const hops = instance.topology.hops.filter(hop => names.has(hop.name) && !hop.logical).map(hop => interfaceHop(instance.topology, hop));
    const taps = instance.traceRings.flatMap(input => tapOf(instance, input, names) ?? []);
    const ended = Promise.withResolvers<void>();
    this.#running.set(pipe, ended.resolve);
    gone.addEventListener('abort', () => ended.resolve(), { once: true });
    if (gone.aborted) ended.resolve();
    try {
      const capture = await Capture.start({
        hops,
        rings: taps.map(tap => tap.input),
        output: { stream: pipe },
        names: Object.fromEntries(namesOf(instance.lab, instance.topology)),
        comment: instance.lab.title,
      });
      started([...names].join(' '));
      // Its reader may go first: then it has failed by itself, and stop says so.
      await Promise.race([ended.promise, capture.finished.catch(() => undefined)]);
      return await capture.stop();
    } finally {
      for (const tap of taps) tap.end();
      this.#running.delete(pipe);
    }
  }

  /** @throws LabError BAD_INPUT when there is none of that name */
  end(pipe: string): null {
    const end = this.#running.get(pipe);
    if (end === undefined) throw new LabError('BAD_INPUT', `there is no capture into "${pipe}"`);
    end();
    return null;
  }
}

/** Interfaces along the path, then the hooks of userspace nodes. */
export function hopsToCapture({ topology, traceRings }: Pick<Instance, 'topology' | 'traceRings'>): HopWords[] {
  const interfaces = topology.hops.map(hop => ({ name: hop.name, description: hopDescription(topology, hop), hook: false }));
  const known = new Set(interfaces.map(hop => hop.name));
  const hooks = traceRings.flatMap(ring => ring.hops.filter(hop => !known.has(hop.name)));
  return [
    ...interfaces,
    ...hooks.map(({ name, description }) => ({ name, description: description ?? 'a hook of the router', hook: true })),
  ];
}

function hopNames({ topology, traceRings }: Instance, where: readonly string[]): Set<string> {
  const interfaces = topology.hops.map(hop => hop.name);
  const known = [...new Set([...interfaces, ...traceRings.flatMap(ring => ring.hops.map(hop => hop.name))])];
  const found = new Set<string>();
  for (const word of where) {
    const chosen =
      word === 'all' ? interfaces : known.filter(name => name === word || (interfaces.includes(name) && name.startsWith(`${word}/`)));
    if (chosen.length === 0) throw new LabError('BAD_INPUT', `there is no hop "${word}" in this lab: it has ${known.join(', ')}`);
    for (const name of chosen) found.add(name);
  }
  return found;
}

/** A ring of its own for what only the router can tell. */
function tapOf(
  instance: Instance,
  input: TraceRingInput,
  names: ReadonlySet<string>,
): { input: TraceRingInput; end: () => void } | undefined {
  const hops = input.hops.filter(hop => names.has(hop.name));
  if (hops.length === 0) return undefined;
  const shared = createTraceRing(RING_BYTES);
  const plane = instance.plane(input.node) as UserspacePlane; // kernel nodes have no ring
  const end = plane.tap(
    shared,
    hops.map(hop => hop.id),
  );
  return { input: { ...input, shared, hops }, end };
}

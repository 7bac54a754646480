/** Where walks come from: the kernel's trace of marked packets, and the router's own. */
import type { TraceLine } from '../../../src/capture/trace-text.ts';
import { KernelTrace, TRACE_TABLE } from '../../../src/lab/plane/kernel-trace.ts';
import type { Packet } from '../../../src/packet/packet.ts';
import { Hook, Verdict } from '../../../src/packet/verdict.ts';
import { u16 } from '../../../src/wire/bytes.ts';
import type { Case } from '../case.ts';
import type { KernelSide } from '../kernel-side.ts';
import { type Played, play } from '../play.ts';
import type { MemoryRouter } from '../router-side.ts';
import { lines, runOnce } from '../sides.ts';
import { SENTINEL_PROTOCOL } from '../wires.ts';
import { matched, matchedBy, policy, type Walk } from './walk.ts';

/** For this verdict xtables-monitor has no word. */
const NFT_RETURN = '0xfffffffb';

const CATCH_UP_MS = 100;

export interface Walked {
  played: Played;
  walks: Walk[];
  /** Messages that nobody has read: the walks are not whole. */
  lost: number;
}

/** @param kernel with rules by iptables-nft: those of iptables-legacy cannot be traced */
export async function walkKernel(kernel: KernelSide, c: Case, firstId: number): Promise<Walked> {
  const trace = await KernelTrace.start(kernel.name, { which: `ip protocol != ${SENTINEL_PROTOCOL}`, handles: true });
  if (typeof trace === 'string') throw new Error(trace);
  const inject = kernel.inject.bind(kernel);
  kernel.inject = (link, frame) => {
    // A monitor that does not keep up loses lines.
    for (const end = performance.now() + CATCH_UP_MS; trace.backlog().waiting > 0 && performance.now() < end; );
    return inject(link, frame);
  };
  const played = await play(kernel, c, firstId);
  kernel.inject = inject;
  const { lost } = trace.backlog();
  const told = await trace.stop();
  return { played, walks: kernelWalks(told, rulesByHandle(kernel.name), played), lost };
}

/** `TABLE HANDLE`: the number of the rule in its chain, from 1. */
function rulesByHandle(netns: string): Map<string, number> {
  const text = runOnce('ip', ['netns', 'exec', netns, 'nft', '-a', 'list', 'ruleset', 'ip']);
  const numbers = new Map<string, number>();
  let table = '';
  let number = 0;
  for (const line of lines(text)) {
    const opened = /^\s*(table ip|chain) (\S+) \{/.exec(line);
    if (opened?.[1] === 'table ip') table = opened[2]!;
    else if (opened) number = 0;
    else {
      const handle = / # handle (\d+)$/.exec(line)?.[1];
      if (handle !== undefined && table !== TRACE_TABLE) numbers.set(`${table} ${handle}`, ++number);
    }
  }
  return numbers;
}

/** A packet that came in is known by its identification; one of the node's own belongs to the one that came before it. */
function kernelWalks(told: readonly TraceLine[], numbers: ReadonlyMap<string, number>, { frames }: Played): Walk[] {
  const steps = stepsById(frames);
  const walks: Walk[] = [];
  const byPacket = new Map<number, Walk>();
  let step = -1;
  for (const { kind, packet, header, rule, event, verdict } of told) {
    if (kind === 'packet') {
      const own = header!.iif === undefined;
      if (!own) step = steps.get(header!.identification) ?? -1;
      const walk: Walk = { step, own, met: [] };
      walks.push(walk);
      byPacket.set(packet, walk);
    } else if (rule) {
      const { table, chain, handle, said } = rule;
      const met = byPacket.get(packet)!.met;
      if (event === 'policy') met.push(policy(table, chain, verdict!));
      else met.push(matched(table, chain, numbers.get(`${table} ${handle}`) ?? 0, said === NFT_RETURN ? 'RETURN' : said!));
    }
  }
  return walks;
}

function stepsById(frames: Played['frames']): Map<number, number> {
  const steps = new Map<number, number>();
  for (const [step, frame] of frames.entries()) if (frame && frame.length >= 20) steps.set(u16(frame, 18), step);
  return steps;
}

export async function walkRouter(router: MemoryRouter, c: Case, firstId: number): Promise<Walked> {
  const walks: (Walk & { id: number })[] = [];
  const { programText } = router;
  let open = new Map<Packet, { walk: Walk & { id: number }; hook: number }>();
  const metBy = (p: Packet, hook: number): string[] => {
    let its = open.get(p);
    const id = u16(p.bytes, p.l3 + 4);
    // The object serves the next packet, too.
    const begins = hook === Hook.Prerouting || hook === Hook.Output;
    if (its === undefined || (begins && (its.hook !== hook || its.walk.id !== id))) {
      const walk = { step: -1, own: hook === Hook.Output, id, met: [] };
      its = { walk, hook };
      open.set(p, its);
      if (p.bytes[p.l3 + 9] !== SENTINEL_PROTOCOL) walks.push(walk);
    }
    its.hook = hook;
    return its.walk.met;
  };
  router.watch({
    rule: (p, hook, counter) => void metBy(p, hook).push(matchedBy(programText, counter)),
    // The kernel does not tell it: where the packet goes on does.
    end: () => {},
    policy: (p, hook, counter, verdict) => {
      const { table, chain } = programText.of(counter);
      metBy(p, hook).push(policy(table, chain, verdict === Verdict.Drop ? 'DROP' : 'ACCEPT'));
    },
  });
  const inject = router.inject.bind(router);
  router.inject = (link, frame) => {
    open = new Map();
    return inject(link, frame);
  };
  try {
    const played = await play(router, c, firstId);
    const steps = stepsById(played.frames);
    let step = -1;
    for (const walk of walks) {
      if (!walk.own) step = steps.get(walk.id) ?? -1;
      walk.step = step;
    }
    return { played, walks, lost: 0 };
  } finally {
    router.watch(null);
    router.inject = inject;
  }
}

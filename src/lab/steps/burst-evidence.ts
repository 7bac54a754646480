/** What a run with bursts leaves besides its captures, and what it leaves out. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CapturedFrame } from '../../capture/captured-frame.ts';
import { inPhase, type Phase } from '../evidence.ts';
import type { Shares } from './shares.ts';
import { sharesLines, sharesSvg } from './shares-text.ts';

/** Thousands of connections that differ in a port: they stand in the captures, and a journey of each would tell nothing more. */
export function withoutBursts(frames: Map<string, CapturedFrame[]>, phases: readonly Phase[]): Map<string, CapturedFrame[]> {
  const bursts = phases.filter(phase => phase.kind === 'burst');
  if (bursts.length === 0) return frames;
  return new Map([...frames].map(([hop, list]) => [hop, list.filter(frame => !bursts.some(burst => inPhase(burst, frame)))]));
}

/** `shares.txt` and `shares.svg`, of a run with bursts. */
export function writeShares(out: string, title: string, all: readonly Shares[]): void {
  if (all.length === 0) return;
  writeFileSync(join(out, 'shares.txt'), all.map(shares => `${sharesLines(shares).join('\n')}\n`).join('\n'));
  writeFileSync(join(out, 'shares.svg'), sharesSvg(all, title));
}

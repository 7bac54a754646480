/** What a capture says of the machine that made it: the section header of a pcapng file. */
import { arch, cpus, release, type as systemName } from 'node:os';
import type { SectionInfo } from './pcapng/writer.ts';

export const machine = (): Required<Omit<SectionInfo, 'comment'>> => ({
  hardware: `${cpus()[0]?.model ?? 'unknown CPU'} (${arch()})`,
  os: `${systemName()} ${release()}`,
  application: 'kubehop',
});

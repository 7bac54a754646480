/**
 * A journal in a file: one line for each write, appended before anybody sees it, so that a process killed at any moment loses nothing that was
 * answered. A line is the CRC-32 of its text, a space, and the text: JSON. A last line that is not whole was never answered, and is cut off.
 *
 * When the file is much longer than what it says, it is written anew beside the old one and takes its place by a rename. Its first line says up to
 * which revision the past is no longer in it.
 */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { LabError } from '../../base/errors.ts';
import type { Journal, JournalRecord } from './journal.ts';

interface Head {
  readonly format: 'kubehop journal 1';
  /** What was written up to this revision is there as state only, not as a sequence of changes. */
  readonly floor: number;
}

export interface JournalContent {
  readonly floor: number;
  readonly records: readonly JournalRecord[];
}

export interface FileJournalOptions {
  /** Wait for the disk at every write: then it survives a power cut too. */
  readonly sync?: boolean;
  /** Bytes below which the file is never written anew. */
  readonly compactFrom?: number;
}

const COMPACT_FROM = 16 << 20;
/** The file may be so many times as long as it was when it was written anew. */
const GROWTH = 4;
const CRC_DIGITS = 8;

const line = (value: Head | JournalRecord): Buffer => {
  const text = JSON.stringify(value);
  return Buffer.from(`${crc32(text).toString(16).padStart(CRC_DIGITS, '0')} ${text}\n`);
};
const head = (floor: number): Head => ({ format: 'kubehop journal 1', floor });

export class FileJournal implements Journal {
  readonly #path: string;
  readonly #sync: boolean;
  readonly #compactFrom: number;
  #fd: number;
  #size = 0;
  #compactAt: number;
  /** What it says now; set by the store that writes it. */
  #state: (() => JournalContent) | undefined;
  #broken: unknown;

  /** What the file said when it was opened. */
  readonly content: JournalContent;

  /** @throws LabError when the file is there and is no journal, or is damaged before its end */
  constructor(path: string, { sync = false, compactFrom = COMPACT_FROM }: FileJournalOptions = {}) {
    this.#path = path;
    this.#sync = sync;
    this.#compactFrom = compactFrom;
    rmSync(this.#newPath, { force: true });
    this.#fd = openSync(path, 'a+', 0o600);
    const { content, end } = readContent(readFileSync(path), path);
    this.content = content;
    if (end < fstatSync(this.#fd).size) ftruncateSync(this.#fd, end);
    this.#size = end;
    if (end === 0) this.#write(line(head(1)));
    this.#compactAt = Math.max(compactFrom, GROWTH * this.#size);
  }

  get #newPath(): string {
    return `${this.#path}.new`;
  }

  /** From now on the file is written anew when it has grown too long. @param state the whole of what is to be kept */
  compactFrom(state: () => JournalContent): void {
    this.#state = state;
  }

  append(record: JournalRecord): void {
    if (this.#broken !== undefined) throw new LabError('STATE', `the journal ${this.#path} cannot be written`, { cause: this.#broken });
    if (this.#size > this.#compactAt && this.#state !== undefined) this.#compact(this.#state());
    this.#write(line(record));
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(bytes: Buffer): void {
    const before = this.#size;
    try {
      writeAll(this.#fd, bytes);
      if (this.#sync) fsyncSync(this.#fd);
      this.#size += bytes.length;
    } catch (cause) {
      // Half a line in the middle would be damage: what came of it is taken back, or nothing is written any more.
      try {
        ftruncateSync(this.#fd, before);
      } catch {
        this.#broken = cause;
      }
      throw new LabError('STATE', `cannot write ${bytes.length} bytes to the journal ${this.#path}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  #compact({ floor, records }: JournalContent): void {
    const fd = openSync(this.#newPath, 'w', 0o600);
    let size = 0;
    try {
      for (const part of [head(floor), ...records]) {
        const bytes = line(part);
        writeAll(fd, bytes);
        size += bytes.length;
      }
      // The name must not point to bytes that are not on the disk.
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(this.#newPath, this.#path);
    closeSync(this.#fd);
    this.#fd = openSync(this.#path, 'a+', 0o600);
    this.#size = size;
    this.#compactAt = Math.max(this.#compactFrom, GROWTH * size);
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** @returns what it says, and where the last whole line ends */
function readContent(bytes: Buffer, path: string): { content: JournalContent; end: number } {
  const records: JournalRecord[] = [];
  let floor = 1;
  let at = 0;
  for (let count = 0; at < bytes.length; count++) {
    const newline = bytes.indexOf(0x0a, at);
    const value = newline < 0 ? undefined : readLine(bytes.toString('utf8', at, newline));
    if (value === undefined) {
      if (newline < 0 || newline === bytes.length - 1) break;
      throw new LabError('STATE', `${path}: line ${count + 1} of the journal is damaged, and others follow it`);
    }
    if (count > 0) records.push(value as JournalRecord);
    else if ((value as Partial<Head>).format !== head(0).format) throw new LabError('STATE', `${path} is no journal of this version`);
    else floor = (value as Head).floor;
    at = newline + 1;
  }
  return { content: { floor, records }, end: at };
}

function readLine(text: string): unknown {
  const json = text.slice(CRC_DIGITS + 1);
  if (text.slice(0, CRC_DIGITS) !== crc32(json).toString(16).padStart(CRC_DIGITS, '0')) return undefined;
  return JSON.parse(json) as unknown;
}

/**
 * A stream of pcapng blocks cut into files of a size: each begins with the section, its interfaces and names, so that each can be read by
 * itself. Little endian, as the writer makes it.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { extname } from 'node:path';
import { BlockType } from './format.ts';

const heading: readonly number[] = [BlockType.SectionHeader, BlockType.InterfaceDescription, BlockType.NameResolution];

export class RotatingFiles {
  /** Paths of the files so far. */
  readonly files: string[] = [];
  readonly #path: string;
  readonly #maxBytes: number;
  #rest: Buffer = Buffer.alloc(0);
  readonly #heading: Buffer[] = [];
  #fd = -1;
  #written = 0;

  /** @param path `trace.pcapng` becomes `trace_00001.pcapng` and so on, unless `maxBytes` is Infinity */
  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** @throws what writing throws */
  write(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (this.#rest.length - at >= 8 && this.#rest.length - at >= this.#rest.readUInt32LE(at + 4)) {
      const length = this.#rest.readUInt32LE(at + 4);
      this.#block(this.#rest.subarray(at, at + length));
      at += length;
    }
    this.#rest = this.#rest.subarray(at);
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #block(block: Buffer): void {
    const head = heading.includes(block.readUInt32LE(0));
    if (head) this.#heading.push(Buffer.from(block));
    if (this.#fd < 0) this.#open(!head);
    else if (!head && this.#written > 0 && this.#size() + block.length > this.#maxBytes) {
      this.close();
      this.#open(true);
    }
    writeSync(this.#fd, block);
    if (!head) this.#written += block.length;
  }

  #open(withHeading: boolean): void {
    const number = String(this.files.length + 1).padStart(5, '0');
    const extension = extname(this.#path);
    const path =
      this.#maxBytes === Number.POSITIVE_INFINITY
        ? this.#path
        : `${this.#path.slice(0, this.#path.length - extension.length)}_${number}${extension}`;
    this.#fd = openSync(path, 'w');
    this.files.push(path);
    this.#written = 0;
    if (withHeading) for (const block of this.#heading) writeSync(this.#fd, block);
  }

  #size(): number {
    return this.#written + this.#heading.reduce((n, block) => n + block.length, 0);
  }
}

/** An Int32Array that grows. */
export class Words {
  words: Int32Array;
  length = 0;
  constructor(capacity: number) {
    this.words = new Int32Array(capacity);
  }
  push(word: number): void {
    if (this.length === this.words.length) this.#grow(this.length + 1);
    this.words[this.length++] = word;
  }
  /** So many words more, to be filled. */
  reserve(count: number): void {
    if (this.length + count > this.words.length) this.#grow(this.length + count);
    this.length += count;
  }
  #grow(least: number): void {
    const grown = new Int32Array(Math.max(least, this.words.length * 2));
    grown.set(this.words);
    this.words = grown;
  }
  get filled(): Int32Array {
    return this.words.subarray(0, this.length);
  }
}

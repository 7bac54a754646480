/** An Int32Array that grows. */
export class Words {
  words: Int32Array;
  length = 0;
  constructor(capacity: number) {
    this.words = new Int32Array(capacity);
  }
  push(word: number): void {
    if (this.length === this.words.length) {
      const grown = new Int32Array(this.words.length * 2);
      grown.set(this.words);
      this.words = grown;
    }
    this.words[this.length++] = word;
  }
  get filled(): Int32Array {
    return this.words.subarray(0, this.length);
  }
}

/** Keys in order, in pieces of bounded length: a key goes in anywhere among 100,000 others without moving them all. */

/** A piece that grows longer is cut in two. */
const LONGEST = 512;

export class SortedKeys {
  /** None is empty, but for the only one. */
  readonly #pieces: string[][] = [[]];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The first piece whose last key is not before `key`; the last piece when there is none. */
  #pieceOf(key: string): number {
    const pieces = this.#pieces;
    let [low, high] = [0, pieces.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pieces[middle]!.at(-1)! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Does nothing when it is there already. */
  add(key: string): void {
    const at = this.#pieceOf(key);
    const piece = this.#pieces[at]!;
    const place = lowerBound(piece, key);
    if (piece[place] === key) return;
    piece.splice(place, 0, key);
    this.#size++;
    if (piece.length > LONGEST) this.#pieces.splice(at + 1, 0, piece.splice(piece.length >>> 1));
  }

  delete(key: string): void {
    const at = this.#pieceOf(key);
    const piece = this.#pieces[at]!;
    const place = lowerBound(piece, key);
    if (piece[place] !== key) return;
    piece.splice(place, 1);
    this.#size--;
    if (piece.length === 0 && this.#pieces.length > 1) this.#pieces.splice(at, 1);
  }

  /** Keys in [from, to), in order. Nothing may be added or deleted meanwhile. */
  *range(from: string, to?: string): Generator<string> {
    const first = this.#pieceOf(from);
    for (let at = first; at < this.#pieces.length; at++) {
      const piece = this.#pieces[at]!;
      for (let place = at === first ? lowerBound(piece, from) : 0; place < piece.length; place++) {
        const key = piece[place]!;
        if (to !== undefined && key >= to) return;
        yield key;
      }
    }
  }

  /** How many are before `key`. */
  #before(key: string): number {
    const at = this.#pieceOf(key);
    let count = lowerBound(this.#pieces[at]!, key);
    for (let i = 0; i < at; i++) count += this.#pieces[i]!.length;
    return count;
  }
  /** How many are in [from, to). */
  count(from: string, to?: string): number {
    return (to === undefined ? this.#size : this.#before(to)) - this.#before(from);
  }
}

/** Place of the first key that is not before `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

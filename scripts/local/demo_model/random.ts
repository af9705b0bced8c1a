import { createHash } from "node:crypto";

/** A repeatable source of choices, so that the same request always gets the same answer. */
export interface Random {
  /** A number from 0 (inclusive) to 1 (exclusive). */
  next(): number;
  /** An integer from min to max, both inclusive. */
  integer(min: number, max: number): number;
  /** One entry of a list that is not empty. */
  pick<Item>(list: readonly Item[]): Item;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/** A digest of a request in 16 hex digits, so that equal requests can be recognized without storing them. */
export function fingerprintOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Seeds the sfc32 generator with a hash of the text: small, fast and the same on every platform. */
export function createRandom(seedText: string): Random {
  const digest = createHash("sha256").update(seedText).digest();
  let a = digest.readInt32LE(0), b = digest.readInt32LE(4), c = digest.readInt32LE(8), counter = 1;

  function next(): number {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  }
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    pick: (list) => list[integer(0, list.length - 1)]!,
    chance: (probability) => next() < probability,
  };
}

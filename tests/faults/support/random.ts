/** Numbers from 0 to 1 that a seed repeats. https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a run: FAULT_SEED, to repeat one, or a new one; printed, so that a failure can be repeated. */
export function seedOfRun(what: string): number {
  const seed = Number(Deno.env.get("FAULT_SEED")) || Math.floor(Math.random() * 1e9) + 1;
  console.log(`${what}: FAULT_SEED=${seed}`);
  return seed;
}

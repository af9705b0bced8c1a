/** Random numbers that are the same in each run with the same seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Above 0 and below 1: mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
  uniform(): number {
    this.#state = this.#state + 0x6d2b79f5 >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ mixed >>> 15, mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32 + 2 ** -33;
  }

  /** Integers from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  exponential(mean: number): number {
    return -mean * Math.log(this.uniform());
  }

  logNormal(mu: number, sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
    return Math.exp(mu + sigma * normal);
  }
}

/** Users by a Zipf law: the share of the k-th is proportional to `k ** -exponent`. User 0 is the hottest. */
export class Popularity {
  readonly exponent: number;
  readonly #cumulative: Float64Array;

  /** The exponent is derived from the hottest user's share, which is easier to state and to measure. */
  constructor(users: number, hottestShare: number) {
    this.exponent = exponentOf(users, hottestShare);
    this.#cumulative = new Float64Array(users);
    let sum = 0;
    for (let user = 0; user < users; user++) {
      sum += (user + 1) ** -this.exponent;
      this.#cumulative[user] = sum;
    }
  }

  pick(chance: Chance): number {
    const target = chance.uniform() * this.#cumulative.at(-1)!;
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = low + high >> 1;
      if (this.#cumulative[middle]! < target) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function exponentOf(users: number, hottestShare: number): number {
  if (hottestShare * users <= 1) return 0;
  let low = 0;
  let high = 8;
  for (let step = 0; step < 40; step++) {
    const exponent = (low + high) / 2;
    let sum = 0;
    for (let user = 1; user <= users; user++) sum += user ** -exponent;
    if (1 / sum < hottestShare) low = exponent;
    else high = exponent;
  }
  return (low + high) / 2;
}

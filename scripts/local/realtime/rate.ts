const SECONDS = 60;

/** Counts events by the second, and judges their average over the last minute, or since the start if that is shorter. */
export class Rate {
  readonly #counts = new Float64Array(SECONDS);
  #firstSecond: number;
  #lastSecond: number;
  #sum = 0;

  constructor(readonly limit: number, nowMs: number = Date.now()) {
    this.#firstSecond = this.#lastSecond = Math.floor(nowMs / 1_000);
  }

  add(count = 1, nowMs: number = Date.now()): void {
    this.#forget(nowMs);
    this.#counts[this.#lastSecond % SECONDS]! += count;
    this.#sum += count;
  }

  average(nowMs: number = Date.now()): number {
    this.#forget(nowMs);
    return this.#sum / Math.min(SECONDS, this.#lastSecond - this.#firstSecond + 1);
  }

  isExceeded(nowMs: number = Date.now()): boolean {
    return this.average(nowMs) > this.limit;
  }

  #forget(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    if (second <= this.#lastSecond) return;
    if (second - this.#lastSecond >= SECONDS) {
      this.#counts.fill(0);
      this.#sum = 0;
    } else {
      for (let at = this.#lastSecond + 1; at <= second; at++) {
        this.#sum -= this.#counts[at % SECONDS]!;
        this.#counts[at % SECONDS] = 0;
      }
    }
    this.#lastSecond = second;
  }
}

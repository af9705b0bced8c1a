const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 30_000;

/** A circuit breaker: after a failure it is open for a time that doubles with each consecutive failure. */
export class Circuit {
  #failures = 0;
  #retryAtMs = 0;
  /** Since when it is in its state; undefined before the first failure. */
  sinceMs?: number;

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Whether it must not be called now. */
  get isOpen(): boolean {
    return this.isFailing && performance.now() < this.#retryAtMs;
  }

  /** Returns whether this is the first failure in a row. */
  failed(): boolean {
    const isFirst = !this.isFailing;
    if (isFirst) this.sinceMs = Date.now();
    // Calls that ran at the same time count as one failure.
    if (this.isOpen) return isFirst;
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    this.#retryAtMs = performance.now() + pauseMs;
    return isFirst;
  }

  /** Returns whether it had failed before. */
  succeeded(): boolean {
    if (!this.isFailing) return false;
    this.#failures = 0;
    this.sinceMs = Date.now();
    return true;
  }
}

/** Named timers: setting one replaces the earlier timer of that name. */
export class Alarms<Name extends string> {
  readonly #timers = new Map<Name, ReturnType<typeof setTimeout>>();
  #isOver = false;

  set(name: Name, seconds: number, ring: () => void): void {
    this.clear(name);
    if (!this.#isOver) this.#timers.set(name, setTimeout(ring, Math.max(0, seconds * 1000)));
  }

  clear(name: Name): void {
    clearTimeout(this.#timers.get(name));
  }

  /** Clears all alarms for good: no later one is set. */
  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}

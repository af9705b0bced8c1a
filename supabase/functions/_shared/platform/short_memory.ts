/** About how many bytes an entry takes besides its texts. */
const ENTRY_BYTES = 500;

/**
 * A cache with a time limit and a size limit in bytes: keys come from callers, who must not fill the memory. When it
 * is full, the oldest entries are dropped; each new entry also drops the oldest expired ones.
 */
export class ShortMemory<Value> {
  readonly #entries = new Map<string, { value: Value; untilMs: number; byteCount: number }>();
  #byteCount = 0;

  /** Keys longer than `maxKeyCharacters` are not stored. */
  constructor(readonly limits: { maxBytes: number; maxKeyCharacters: number }) {}

  /** The size of its contents, in bytes as counted here. */
  get byteCount(): number {
    return this.#byteCount;
  }

  get(key: string, nowMs: number = Date.now()): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs > nowMs) return entry.value;
    this.#forget(key);
    return undefined;
  }

  /** `valueBytes`: the size of the value without the key. */
  set(key: string, value: Value, untilMs: number, { valueBytes = 0, nowMs = Date.now() } = {}): void {
    if (key.length > this.limits.maxKeyCharacters || untilMs <= nowMs) return;
    this.#forget(key);
    const byteCount = key.length + valueBytes + ENTRY_BYTES;
    this.#entries.set(key, { value, untilMs, byteCount });
    this.#byteCount += byteCount;
    for (const [oldest, entry] of this.#entries) {
      if (entry.untilMs > nowMs && this.#byteCount <= this.limits.maxBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#byteCount -= entry.byteCount;
  }
}

/** What an entry takes beside its texts, roughly. */
const ENTRY_BYTES = 500;

/**
 * Remembers values by text keys for a time, within so many bytes: keys come from callers, who must not fill the memory with
 * them. The oldest go first, and with each new entry the oldest ones that have ended.
 */
export class ShortMemory<Value> {
  readonly #entries = new Map<string, { value: Value; untilMs: number; byteCount: number }>();
  #byteCount = 0;

  /** A longer key than `maxKeyCharacters` is not remembered. */
  constructor(readonly limits: { maxBytes: number; maxKeyCharacters: number }) {}

  /** What is kept of it, in bytes as they are counted here. */
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

  /** `valueBytes`: what the value takes beside the key. */
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

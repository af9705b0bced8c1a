import type { Context } from "./context.ts";
import type { Limits } from "./settings.ts";

/** What a presence call comes to: a reply, or the end of the channel with these words. */
export type PresenceOutcome = { reply: "ok" | "error"; response?: unknown } | { end: string };

/** Where a channel's presence is. */
export interface PresentIn {
  /** Adds or changes the presence. */
  track(payload: Record<string, unknown>): void;
  untrack(): void;
  /** Undefined where it need not be asked. */
  mayWrite: (() => Promise<boolean>) | undefined;
}

/** A channel's presence calls, and what they are limited to. */
export class PresenceCalls {
  #calls = 0;
  #windowEndsMs = 0;
  #tracked: string | undefined;

  constructor(readonly context: Context) {}

  async handle(payload: unknown, byteLength: number, channel: PresentIn): Promise<PresenceOutcome> {
    const { event, payload: told = {} } = (payload ?? {}) as { event?: unknown; payload?: unknown };
    if (typeof event !== "string") return { reply: "ok" };
    if (!this.#isWithin(this.context.limits)) return { end: "Client presence rate limit exceeded" };
    switch (event.toLowerCase()) {
      case "track":
        return await this.#track(told, byteLength, channel);
      case "untrack":
        this.#tracked = undefined;
        channel.untrack();
        return { reply: "ok" };
      default:
        return { reply: "error" };
    }
  }

  async #track(told: unknown, byteLength: number, channel: PresentIn): Promise<PresenceOutcome> {
    const { limits, presenceEvents } = this.context;
    if (channel.mayWrite && !await channel.mayWrite()) return { reply: "error" };
    if (typeof told !== "object" || told === null || Array.isArray(told)) {
      return { reply: "error", response: { reason: "Presence track payload must be a map" } };
    }
    const text = JSON.stringify(told);
    if (text === this.#tracked) return { reply: "ok" };
    if (isTooLarge(byteLength, limits)) return { end: "Track message size exceeded" };
    if (presenceEvents.isExceeded()) return { end: "Too many presence messages per second" };
    presenceEvents.add();
    this.#tracked = text;
    channel.track(told as Record<string, unknown>);
    return { reply: "ok" };
  }

  #isWithin({ presence_calls, presence_window_ms }: Limits): boolean {
    const nowMs = performance.now();
    if (nowMs > this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + presence_window_ms;
      this.#calls = 0;
    }
    return ++this.#calls <= presence_calls;
  }
}

/** The real server measures the payload in its own form, which this allowance stands for. */
export function isTooLarge(byteLength: number, limits: Limits): boolean {
  return byteLength > limits.payload_kb * 1_000 + 500;
}

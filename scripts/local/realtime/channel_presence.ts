import type { ChannelRights } from "./channel_rights.ts";
import type { Context } from "./context.ts";
import type { PresenceDiff } from "./presence.ts";
import type { Member } from "./rooms.ts";
import type { Limits } from "./settings.ts";

/** What a presence call comes to: a reply, or the end of the channel with these words. */
export type PresenceOutcome = { reply: "ok" | "error"; response?: unknown } | { end: string };

/** The channel around it. */
export interface PresentIn {
  readonly member: Member;
  readonly room: string;
  readonly key: string;
  /** Of a private channel. */
  readonly rights: ChannelRights | undefined;
  /** Whether others are shown from the join on; a `track` begins it otherwise. */
  readonly isEnabled: boolean;
  readonly isOver: boolean;
}

/** A channel's presence, its calls, and what they are limited to. */
export class ChannelPresence {
  /** Whether the channel is shown who is there. */
  isOn: boolean;
  #calls = 0;
  #windowEndsMs = 0;
  #tracked: string | undefined;

  constructor(readonly context: Context, readonly channel: PresentIn) {
    this.isOn = channel.isEnabled;
  }

  async handle(payload: unknown, byteLength: number): Promise<PresenceOutcome> {
    const { event, payload: told = {} } = (payload ?? {}) as { event?: unknown; payload?: unknown };
    if (typeof event !== "string") return { reply: "ok" };
    if (!this.#isWithin(this.context.limits)) return { end: "Client presence rate limit exceeded" };
    switch (event.toLowerCase()) {
      case "track":
        return await this.#track(told, byteLength);
      case "untrack":
        this.#tracked = undefined;
        this.leave();
        return { reply: "ok" };
      default:
        return { reply: "error" };
    }
  }

  /** Takes its presence away, and tells the others. */
  leave(): void {
    const { room, member } = this.channel;
    const diff = this.context.presences.untrack(room, member);
    if (diff) this.#tell(diff);
  }

  async #track(told: unknown, byteLength: number): Promise<PresenceOutcome> {
    const { limits, presenceEvents, presences } = this.context;
    const { rights, room, member, key } = this.channel;
    if (rights) {
      await rights.learnToRead("presence");
      if (!await rights.mayWrite("presence")) return { reply: "error" };
      // Its client may have gone meanwhile, and nobody would take this presence away again.
      if (this.channel.isOver) return { reply: "error" };
    }
    if (typeof told !== "object" || told === null || Array.isArray(told)) {
      return { reply: "error", response: { reason: "Presence track payload must be a map" } };
    }
    const text = JSON.stringify(told);
    if (text === this.#tracked) return { reply: "ok" };
    if (isTooLarge(byteLength, limits)) return { end: "Track message size exceeded" };
    if (presenceEvents.isExceeded()) return { end: "Too many presence messages per second" };
    presenceEvents.add();
    this.#tracked = text;
    this.isOn = true;
    this.#tell(presences.track(room, member, key, told as Record<string, unknown>));
    return { reply: "ok" };
  }

  #tell(diff: PresenceDiff): void {
    this.context.rooms.send(this.channel.room, { kind: "json", event: "presence_diff", payload: diff });
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

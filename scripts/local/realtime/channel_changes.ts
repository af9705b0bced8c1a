import type { Answer, PostgresChanges } from "./changes/changes.ts";
import type { Claims } from "./credentials.ts";
import { Refusal } from "./refusal.ts";

const RETRY_MS = { first: 5_000, last: 10_000 };

/** The channel around it. */
export interface HearsChanges {
  readonly isOver: boolean;
  readonly claims: Claims;
  /** Sends an event: its data as JSON, and the bindings that it is for. */
  deliver(json: string, ids: number[]): void;
  /** Says how it stands, in a `system` message. */
  say(status: "ok" | "error", message: string): void;
  later(delayMs: number, work: () => void): void;
}

/** What a channel hears of changes of tables. */
export class ChannelChanges {
  constructor(
    readonly changes: PostgresChanges,
    readonly bindings: Record<string, unknown>[],
    readonly channel: HearsChanges,
  ) {}

  /** The bindings with their ids, as a join is answered with them. */
  get answered(): unknown[] {
    return this.bindings.map((binding) => ({ ...binding, id: this.changes.idOf(binding) }));
  }

  /** Subscribes before the join is answered; throws a Refusal. */
  async wait(limitMs: number): Promise<void> {
    const endMs = performance.now() + limitMs;
    for (let waitMs = 100;; waitMs = Math.min(waitMs * 2, 1_000)) {
      const outcome = await this.#subscribe();
      if (outcome.ok) return;
      if (!outcome.mayRetry) throw new Refusal("RealtimeDisabledForConfiguration", outcome.error);
      if (performance.now() > endMs) {
        throw new Refusal(
          "PostgresChangesSubscribeTimeout",
          `Timed out after ${limitMs}ms waiting for the postgres_changes subscription`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** Subscribes with the channel's present claims, and says what came of it; tries again where that may help. */
  async follow(): Promise<void> {
    if (this.channel.isOver || this.bindings.length === 0) return;
    const { claims } = this.channel;
    const outcome = await this.#subscribe();
    if (claims === this.channel.claims) this.#tell(outcome);
  }

  saySubscribed(): void {
    this.channel.say("ok", "Subscribed to PostgreSQL");
  }

  end(): void {
    this.changes.unsubscribe(this);
  }

  #subscribe(): Promise<Answer> {
    const { channel, changes, bindings } = this;
    return changes.subscribe({
      channel: this,
      bindings,
      claims: channel.claims,
      deliver: (json, ids) => channel.isOver || channel.deliver(json, ids),
      onAnew: (answer) => this.#tell(answer),
    });
  }

  #tell(answer: Answer): void {
    const { channel } = this;
    if (channel.isOver) return;
    if (answer.ok) return this.saySubscribed();
    channel.say("error", answer.error);
    if (!answer.mayRetry) return;
    const { claims } = channel;
    channel.later(RETRY_MS.first + Math.random() * (RETRY_MS.last - RETRY_MS.first), () => {
      if (claims === channel.claims) void this.follow();
    });
  }
}

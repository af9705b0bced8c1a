/** What a salon needs of supabase-js: a client that `createClient()` made fits. */
export interface SupabaseLike {
  // deno-lint-ignore no-explicit-any -- what a function returns is known to who calls it
  rpc(name: string, args: Record<string, unknown>): PromiseLike<{ data: any; error: unknown }>;
  channel(topic: string, options: { config: { private: boolean } }): ChannelLike;
  // deno-lint-ignore no-explicit-any -- gets what channel() returned
  removeChannel(channel: any): Promise<unknown>;
}

interface ChannelLike {
  on(type: "broadcast", filter: { event: string }, heard: (message: Broadcast) => void): ChannelLike;
  subscribe(follow: (status: string) => void): ChannelLike;
}

interface Broadcast {
  event: string;
  // deno-lint-ignore no-explicit-any -- what its sender says
  payload?: any;
}

export interface TopicListeners {
  /** It is joined, the first time or again: what was told before may have been missed. */
  joined(): void;
  /** It is not joined any more; it will be again. */
  lost(): void;
  heard(message: Broadcast): void;
}

/** Keeps a private topic joined. supabase-js joins again by itself, but not once the server has closed the channel. */
export class Topic {
  #channel: ChannelLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(
    private readonly supabase: SupabaseLike,
    private readonly name: string,
    private readonly listeners: TopicListeners,
    private readonly pauseMs = 1_000,
  ) {
    this.#open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#channel) await this.supabase.removeChannel(this.#channel);
  }

  #open(): void {
    const channel: ChannelLike = this.supabase.channel(this.name, { config: { private: true } });
    this.#channel = channel;
    channel.on("broadcast", { event: "*" }, (message) => {
      if (this.#channel === channel && !this.#isClosed) this.listeners.heard(message);
    });
    channel.subscribe((status) => {
      if (this.#channel !== channel || this.#isClosed) return;
      if (status === "SUBSCRIBED") return this.listeners.joined();
      this.listeners.lost();
      if (status === "CLOSED") this.#openLater();
    });
  }

  #openLater(): void {
    this.#channel = undefined;
    this.#timer = setTimeout(() => this.#open(), this.pauseMs);
  }
}

import { Channel, type ChannelHost } from "./channel.ts";
import type { Context } from "./context.ts";
import { Rate } from "./rate.ts";
import { Refusal, refusalFor } from "./refusal.ts";
import type { ClientMessage, Frame, Serializer } from "./wire/message.ts";

/** The WebSocket under a connection. */
export interface Transport {
  send(frame: Frame): void;
  /** What was sent and is not gone yet, in bytes. */
  readonly unsentBytes: number;
  close(code: number): void;
  /** Ends it at once, without a word. */
  destroy(): void;
  pause(): void;
  resume(): void;
}

/** So many messages of a client wait at most; then it is not read until there are fewer. */
const MAX_WAITING = 64;
const HEARTBEAT_TOPIC = "phoenix";
/** As the real server's process falls over what it cannot read. */
const CRASHED = 1011;
const NORMAL = 1000;

/** One client: what it says, in its order, and the topics that it joined. */
export class Connection implements ChannelHost {
  readonly #channels = new Map<string, Channel>();
  readonly #waiting: ClientMessage[] = [];
  readonly #events: Rate;
  #isBusy = false;
  #isPaused = false;
  #isOver = false;

  constructor(
    readonly context: Context,
    readonly transport: Transport,
    readonly serializer: Serializer,
    readonly apiKey: string,
    readonly headers: Record<string, string>,
  ) {
    this.#events = new Rate(context.limits.events_per_second);
    context.measures.connections++;
  }

  receive(data: Uint8Array, isBinary: boolean): void {
    if (this.#isOver) return;
    this.context.measures.messagesIn++;
    let message: ClientMessage;
    try {
      message = { ...this.serializer.decode(data, isBinary), byteLength: data.byteLength };
    } catch {
      this.transport.close(CRASHED);
      return;
    }
    this.#waiting.push(message);
    if (!this.#isBusy) void this.#work();
    else if (this.#waiting.length >= MAX_WAITING && !this.#isPaused) {
      this.#isPaused = true;
      this.transport.pause();
    }
  }

  send(frame: Frame): void {
    if (this.#isOver) return;
    const { transport, context } = this;
    transport.send(frame);
    context.measures.messagesOut++;
    if (transport.unsentBytes <= context.limits.unread_bytes) return;
    context.measures.slowReaders++;
    transport.destroy();
    this.end();
  }

  count(): boolean {
    this.#events.add();
    return !this.#events.isExceeded();
  }

  forget(channel: Channel): void {
    if (this.#channels.get(channel.topic) !== channel) return;
    this.#channels.delete(channel.topic);
    this.context.measures.channels--;
  }

  /** The socket is gone. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.context.measures.connections--;
    for (const channel of this.#channels.values()) {
      channel.end();
      this.context.measures.channels--;
    }
    this.#channels.clear();
    this.#waiting.length = 0;
  }

  /** One after the other, so that a join is answered before what came after it is looked at. */
  async #work(): Promise<void> {
    this.#isBusy = true;
    for (;;) {
      const message = this.#waiting.shift();
      if (!message || this.#isOver) break;
      try {
        const working = this.#handle(message);
        if (working) await working;
      } catch (error) {
        console.error(`${message.event} on ${message.topic}:`, error);
        this.#channels.get(message.topic)?.crash();
      }
      if (this.#isPaused && this.#waiting.length < MAX_WAITING / 2) {
        this.#isPaused = false;
        this.transport.resume();
      }
    }
    this.#isBusy = false;
  }

  #handle(message: ClientMessage): void | Promise<void> {
    const { topic, event } = message;
    if (topic === HEARTBEAT_TOPIC && event === "heartbeat") return this.#reply(message, "ok", {});
    if (event === "phx_join") return this.#join(message);
    const channel = this.#channels.get(topic);
    if (channel) return channel.handle(message);
    if (event === "phx_leave") return this.#reply(message, "ok", {});
    this.#reply(message, "error", { reason: "unmatched topic" });
  }

  async #join(message: ClientMessage): Promise<void> {
    const { topic } = message;
    if (!topic.startsWith("realtime:")) return this.#reply(message, "error", { reason: "unmatched topic" });
    const before = this.#channels.get(topic);
    before?.end();
    if (before) this.forget(before);
    try {
      this.#limit(topic);
      const { channel, response, begin } = await Channel.join(this.context, this, message);
      if (this.#isOver) return channel.end();
      this.#channels.set(topic, channel);
      this.context.measures.channels++;
      this.#reply(message, "ok", response);
      begin();
    } catch (error) {
      const refusal = refusalFor(error, topic.slice("realtime:".length));
      if (refusal.code === undefined) console.error(`phx_join on ${topic}:`, error);
      this.context.measures.refusedJoins++;
      this.#reply(message, "error", { reason: refusal.reason });
      if (refusal.endsConnection) this.transport.close(NORMAL);
    }
    if (before) this.send(this.serializer.end(before.joinRef, topic, "phx_close"));
  }

  /** What may not be joined at all. */
  #limit(topic: string): void {
    const { limits, joins } = this.context;
    if (topic === "realtime:") throw new Refusal("TopicNameRequired", "You must provide a topic name");
    if (joins.isExceeded()) {
      throw new Refusal("ClientJoinRateLimitReached", "Too many joins per second", true);
    }
    joins.add();
    if (this.#channels.size >= limits.channels_per_connection) {
      throw new Refusal("ChannelRateLimitReached", "Too many channels");
    }
  }

  #reply(message: ClientMessage, status: "ok" | "error", response: unknown): void {
    this.send(this.serializer.reply(message, status, response));
  }
}

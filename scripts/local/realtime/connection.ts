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

/** So much of a client waits at most; then it is not read until there is less. */
const MAX_WAITING = { messages: 64, bytes: 8_000_000 };
/** What the joins of a connection asked for is kept as long as their channels; hosted, a process may grow as large. */
const MAX_JOINED_BYTES = 1_000_000;
const HEARTBEAT_TOPIC = "phoenix";
/** As the real server's process falls over what it cannot read. */
const CRASHED = 1011;
const NORMAL = 1000;

/** One client: what it says, on each topic in its order, and the topics that it joined. */
export class Connection implements ChannelHost {
  readonly #channels = new Map<string, Channel>();
  /** What was said on topics where something is still at work: a join is answered before what came after it is looked at. */
  readonly #waiting = new Map<string, ClientMessage[]>();
  readonly #events: Rate;
  #waitingCount = 0;
  #waitingBytes = 0;
  #joining = 0;
  #joinedBytes = 0;
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
    const queue = this.#waiting.get(message.topic);
    if (!queue) return this.#begin(message);
    queue.push(message);
    this.#noteWaiting(1, message.byteLength);
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
    this.#joinedBytes -= channel.joinBytes;
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
    this.#waiting.clear();
  }

  #begin(message: ClientMessage): void {
    const working = this.#handleSafely(message);
    if (!working) return;
    const queue: ClientMessage[] = [];
    this.#waiting.set(message.topic, queue);
    void this.#work(message.topic, queue, working);
  }

  async #work(topic: string, queue: ClientMessage[], first: Promise<void>): Promise<void> {
    await first;
    for (let message = queue.shift(); message && !this.#isOver; message = queue.shift()) {
      this.#noteWaiting(-1, -message.byteLength);
      await this.#handleSafely(message);
    }
    if (this.#waiting.get(topic) === queue) this.#waiting.delete(topic);
  }

  #noteWaiting(messages: number, bytes: number): void {
    this.#waitingCount += messages;
    this.#waitingBytes += bytes;
    const isTooMuch = this.#waitingCount >= MAX_WAITING.messages || this.#waitingBytes >= MAX_WAITING.bytes;
    if (isTooMuch === this.#isPaused) return;
    this.#isPaused = isTooMuch;
    if (isTooMuch) this.transport.pause();
    else this.transport.resume();
  }

  /** What goes wrong ends a channel, as a process of the real server, or else the connection; never more. */
  #handleSafely(message: ClientMessage): void | Promise<void> {
    try {
      return this.#handle(message)?.catch((error) => this.#fail(message, error));
    } catch (error) {
      this.#fail(message, error);
    }
  }

  #fail({ event, topic }: ClientMessage, error: unknown): void {
    console.error(`${event} on ${topic}:`, error);
    try {
      this.#channels.get(topic)?.crash();
    } catch {
      this.transport.close(CRASHED);
    }
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
      this.#limit(message);
      this.#joining++;
      this.#joinedBytes += message.byteLength;
      const { channel, response, begin } = await Channel.join(this.context, this, message)
        .catch((error) => {
          this.#joinedBytes -= message.byteLength;
          throw error;
        })
        .finally(() => this.#joining--);
      if (this.#isOver) return channel.end();
      this.#channels.set(topic, channel);
      this.context.measures.channels++;
      this.#reply(message, "ok", response);
      begin();
    } catch (error) {
      const refusal = refusalFor(error, topic.slice("realtime:".length));
      if (refusal.code === undefined) console.error(`phx_join on ${topic}:`, error);
      this.context.measures.refusedJoins++;
      this.#leave(topic);
      this.#reply(message, "error", { reason: refusal.reason });
      if (refusal.endsConnection) this.transport.close(NORMAL);
    }
    if (before) this.send(this.serializer.end(before.joinRef, topic, "phx_close"));
  }

  /** Of a join that failed when it was about to be answered. */
  #leave(topic: string): void {
    const channel = this.#channels.get(topic);
    if (!channel) return;
    channel.end();
    this.forget(channel);
  }

  /** What may not be joined at all. */
  #limit({ topic, byteLength }: ClientMessage): void {
    const { limits, joins } = this.context;
    if (topic === "realtime:") throw new Refusal("TopicNameRequired", "You must provide a topic name");
    if (joins.isExceeded()) {
      throw new Refusal("ClientJoinRateLimitReached", "Too many joins per second", true);
    }
    joins.add();
    if (this.#channels.size + this.#joining >= limits.channels_per_connection) {
      throw new Refusal("ChannelRateLimitReached", "Too many channels");
    }
    if (this.#joinedBytes + byteLength > MAX_JOINED_BYTES) {
      throw new Refusal("InvalidJoinPayload", "The joins of this connection ask for too much");
    }
  }

  #reply(message: ClientMessage, status: "ok" | "error", response: unknown): void {
    this.send(this.serializer.reply(message, status, response));
  }
}

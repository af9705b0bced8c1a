import { AuthorizationFailure, type Extension } from "./authorization.ts";
import { ChannelChanges, type HearsChanges } from "./channel_changes.ts";
import { ChannelPresence, isTooLarge, type PresentIn } from "./channel_presence.ts";
import { ChannelRights } from "./channel_rights.ts";
import { ChannelToken } from "./channel_token.ts";
import type { Context } from "./context.ts";
import { type JoinConfig, readJoinConfig } from "./join_config.ts";
import { mayNotRead, Refusal, wordsAtRenewal } from "./refusal.ts";
import { type Member, roomOf } from "./rooms.ts";
import { replay, type StoredMessage } from "./stored_messages.ts";
import {
  BinaryPayload,
  type ClientMessage,
  type Frame,
  type Reference,
  type RoomMessage,
  type Serializer,
  UserBroadcast,
} from "./wire/message.ts";

/** The connection that a channel belongs to. */
export interface ChannelHost {
  readonly serializer: Serializer;
  /** The API key that it came with. */
  readonly apiKey: string;
  readonly headers: Record<string, string>;
  send(frame: Frame): void;
  /** Counts one event; false once there were too many. */
  count(): boolean;
  /** The channel is over. */
  forget(channel: Channel): void;
}

const READY_CHECK_MS = 500;
const READY_LIMIT_MS = 10_000;
const PREFIX = "realtime:";

/** One topic that a connection has joined. */
export class Channel implements Member {
  readonly topic: string;
  readonly serializer: Serializer;
  readonly joinRef: Reference;
  /** Of the message that it was joined with. */
  readonly joinBytes: number;
  /** The topic without its prefix. */
  readonly #name: string;
  readonly #room: string;
  readonly #config: JoinConfig;
  /** Of a private channel. */
  readonly #rights: ChannelRights | undefined;
  readonly #token: ChannelToken;
  readonly #presence: ChannelPresence;
  readonly #changes: ChannelChanges;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #replayed = new Set<string>();
  /** What came while the join was still at work; it ends with its join where that is more than may wait. */
  #held: [RoomMessage, Frame, string | undefined][] | undefined = [];
  #heldBytes = 0;
  /** Why it ends as soon as the join is answered. */
  #lastWords: string | undefined;
  /** While a renewed token is judged: what its client says meanwhile is judged after it. */
  #renewing: Promise<void> | undefined;
  #isOver = false;

  private constructor(readonly context: Context, readonly host: ChannelHost, join: ClientMessage) {
    this.topic = join.topic;
    this.serializer = host.serializer;
    this.joinRef = join.joinRef ?? join.ref;
    this.joinBytes = join.byteLength;
    this.#name = join.topic.slice(PREFIX.length);
    this.#config = readJoinConfig(join.payload);
    this.#room = roomOf(this.#name, this.#config.isPrivate);
    this.#token = new ChannelToken(tokenOf(join.payload, host.apiKey), {
      credentials: context.credentials,
      throttleMs: context.limits.token_window_ms,
      later: (delayMs, work) => this.#later(delayMs, work),
      onExpired: (message) => this.shutDown(message),
      onRenewal: () => this.#beginRenewal(),
    });
    if (this.#config.isPrivate) {
      this.#rights = new ChannelRights(context.authorization, () => ({
        topic: this.#name,
        claims: this.#token.claims,
        headers: host.headers,
      }));
    }
    this.#presence = new ChannelPresence(context, this.#presentIn());
    this.#changes = new ChannelChanges(context.changes, this.#config.postgresChanges, this.#hearsChanges());
  }

  /** Joins; throws a Refusal, or what refusalFor takes. */
  static async join(
    context: Context,
    host: ChannelHost,
    message: ClientMessage,
  ): Promise<{ channel: Channel; response: unknown; begin(): void }> {
    const channel = new Channel(context, host, message);
    try {
      const begin = await channel.#join();
      return { channel, response: { postgres_changes: channel.#changes.answered }, begin };
    } catch (error) {
      channel.end();
      throw error;
    }
  }

  /** Handles what the client says on this topic. */
  handle(message: ClientMessage): void | Promise<void> {
    if (this.#renewing) return this.#renewing.then(() => this.#isOver ? undefined : this.handle(message));
    switch (message.event) {
      case "broadcast":
        return this.#broadcast(message);
      case "presence":
        return this.#callPresence(message);
      case "access_token":
        return this.#offerToken(message.payload);
      case "phx_leave":
        this.host.send(this.serializer.reply(message, "ok", {}));
        return this.#close("phx_close");
      default:
        this.host.count();
    }
  }

  deliver(message: RoomMessage, frame: Frame, id: string | undefined): void {
    if (this.#held) return this.#hold(message, frame, id);
    const isPresence = message.kind === "json" && message.event === "presence_diff";
    if (this.#rights && !this.#rights.mayRead(isPresence ? "presence" : "broadcast")) return;
    if (id !== undefined && this.#replayed.has(id)) return;
    this.host.send(frame);
    if (isPresence) this.context.presenceEvents.add();
    else this.#count();
  }

  #hold(message: RoomMessage, frame: Frame, id: string | undefined): void {
    this.#heldBytes += frame.bytes.length;
    if (this.#heldBytes <= this.context.limits.unread_bytes) this.#held!.push([message, frame, id]);
    else this.#held!.length = 0;
  }

  /** Ends it without a word: the connection is gone. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.context.rooms.leave(this.#room, this);
    this.#changes.end();
    this.#presence.leave();
  }

  /** Ends it, saying why. */
  shutDown(message: string): void {
    if (this.#isOver) return;
    if (this.#held) {
      this.#lastWords = message;
      return;
    }
    this.#system("system", "error", message);
    this.#close("phx_close");
  }

  /** Ends it as a process of the real server that fell over does: its client joins again. */
  crash(): void {
    this.#close("phx_error");
  }

  #close(event: "phx_close" | "phx_error"): void {
    if (this.#isOver) return;
    this.end();
    this.host.send(this.serializer.end(this.joinRef, this.topic, event));
    this.host.forget(this);
  }

  async #join(): Promise<() => void> {
    const { rooms, sql } = this.context;
    await this.#token.confirm();
    await this.#rights?.ask(this.#extensions);
    // In the room before the stored messages are read, so that none falls between.
    rooms.join(this.#room, this);
    const stored = await this.#replay(sql);
    this.#replayed = new Set(stored.map(({ id }) => id));
    const { changesWaitMs } = this.#config;
    const isSubscribed = changesWaitMs !== undefined && this.#config.postgresChanges.length > 0;
    if (isSubscribed) await this.#changes.wait(changesWaitMs);
    return () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      // Its token ended while it was at work.
      if (this.#lastWords !== undefined) return this.shutDown(this.#lastWords);
      if (this.#heldBytes > this.context.limits.unread_bytes) return this.crash();
      for (const message of stored) this.#pushStored(message);
      for (const one of held) this.deliver(...one);
      if (isSubscribed) this.#changes.saySubscribed();
      else void this.#changes.follow();
      if (this.#presence.isOn) this.#pushPresences();
      if (this.#config.broadcast.isReplicationReadyAsked) this.#waitUntilFollowing();
    };
  }

  /** What a private channel asks to read. */
  get #extensions(): Extension[] {
    return this.#presence.isOn ? ["broadcast", "presence"] : ["broadcast"];
  }

  async #replay(sql: Context["sql"]): Promise<StoredMessage[]> {
    const { replay: wish, isPrivate } = this.#config;
    if (wish === undefined) return [];
    if (this.#rights && !this.#rights.mayRead("broadcast")) throw mayNotRead(this.#name);
    if (!isPrivate) {
      throw new Refusal("UnableToReplayMessages", "Replay is not allowed for public channels");
    }
    if (typeof wish !== "object" || wish === null) return [];
    const stored = await replay(sql, this.#name, wish).catch(() => {
      throw new Refusal("UnableToReplayMessages", "Realtime was unable to replay messages");
    });
    if (!stored) throw new Refusal("UnableToReplayMessages", "Replay params are not valid");
    return stored;
  }

  #pushStored({ id, event, payload, bytes }: StoredMessage): void {
    const meta = { replayed: true, id };
    // As it was heard by who was there: the database's JSON goes out as it is.
    if (bytes) {
      const broadcast = new UserBroadcast(event, "binary", bytes);
      const frame = this.serializer.room(this.topic, { kind: "user", broadcast, meta });
      if (frame) this.host.send(frame);
    } else {
      const fields = [
        `"payload":${payload ?? "null"}`,
        `"event":${JSON.stringify(event)}`,
        `"type":"broadcast"`,
        `"meta":${JSON.stringify(meta)}`,
      ];
      this.host.send(this.serializer.push(this.joinRef, this.topic, "broadcast", `{${fields.join(",")}}`));
    }
  }

  #broadcast(message: ClientMessage): void | Promise<void> {
    const right = this.#rights ? this.#rights.knownToWrite("broadcast") : true;
    if (right === true) return this.#broadcastNow(message);
    if (right === false) return this.#acknowledge(message, { error: "unauthorized" });
    return this.#rights!.mayWrite("broadcast").then(
      (isAllowed) =>
        isAllowed ? this.#broadcastNow(message) : this.#acknowledge(message, { error: "unauthorized" }),
      (error) => this.#acknowledge(message, { error: codeOf(error) }),
    );
  }

  #broadcastNow(message: ClientMessage): void {
    const { payload, byteLength } = message;
    if (this.#isOver) return;
    if (!this.#count()) return;
    if (isTooLarge(byteLength, this.context.limits)) {
      return this.#acknowledge(message, { error: "payload_size_exceeded" });
    }
    const sent = roomMessageOf(payload);
    if (!sent) return this.crash();
    const except = this.#config.broadcast.self ? undefined : this;
    this.context.rooms.send(this.#room, sent, { except });
    this.#acknowledge(message);
  }

  #acknowledge(message: ClientMessage, failure?: { error: string }): void {
    if (!this.#config.broadcast.ack || this.#isOver) return;
    this.host.send(this.serializer.reply(message, failure ? "error" : "ok", failure ?? {}));
  }

  async #callPresence(message: ClientMessage): Promise<void> {
    const wasOn = this.#presence.isOn;
    const outcome = await this.#presence.handle(message.payload, message.byteLength)
      .catch((): { reply: "error" } => ({ reply: "error" }));
    if (this.#isOver) return;
    if ("end" in outcome) return this.shutDown(outcome.end);
    if (this.#presence.isOn && !wasOn) this.#pushPresences();
    const response = "response" in outcome ? outcome.response : {};
    this.host.send(this.serializer.reply(message, outcome.reply, response ?? {}));
  }

  #pushPresences(): void {
    if (this.#rights && !this.#rights.mayRead("presence")) return;
    if (this.context.presenceEvents.isExceeded()) {
      return this.shutDown("Too many presence messages per second");
    }
    this.context.presenceEvents.add();
    this.#push("presence_state", this.context.presences.state(this.#room));
  }

  #offerToken(payload: unknown): void {
    const token = (payload as { access_token?: unknown } | null)?.access_token;
    if (token === null) return;
    if (typeof token !== "string") return this.crash();
    if (!token.startsWith("sb_")) this.#token.offer(token);
  }

  #beginRenewal(): void {
    // One at a time, in their order.
    const renewing = (this.#renewing ?? Promise.resolve()).then(() => this.#renew()).finally(() => {
      if (this.#renewing === renewing) this.#renewing = undefined;
    });
    this.#renewing = renewing;
  }

  async #renew(): Promise<void> {
    if (this.#isOver) return;
    try {
      await this.#token.confirm();
      const answer = await this.#rights?.ask(this.#extensions);
      if (answer?.isLess) {
        return this.shutDown(
          `You no longer have permission to read from this Channel topic: ${this.#name}`,
        );
      }
    } catch (error) {
      return this.shutDown(wordsAtRenewal(error));
    }
    void this.#changes.follow();
  }

  #waitUntilFollowing(limitMs = performance.now() + READY_LIMIT_MS): void {
    if (this.context.measures.isFollowing) {
      return this.#system("system", "ok", "Replication connection established");
    }
    if (performance.now() > limitMs) {
      return this.shutDown("Replication connection was not established in time");
    }
    this.#later(READY_CHECK_MS, () => this.#waitUntilFollowing(limitMs));
  }

  #presentIn(): PresentIn {
    const isOver = () => this.#isOver;
    return {
      member: this,
      room: this.#room,
      key: this.#config.presence.key,
      rights: this.#rights,
      isEnabled: this.#config.presence.isEnabled,
      get isOver() {
        return isOver();
      },
    };
  }

  #hearsChanges(): HearsChanges {
    const [isOver, claims] = [() => this.#isOver, () => this.#token.claims];
    return {
      get isOver() {
        return isOver();
      },
      get claims() {
        return claims();
      },
      deliver: (json, ids) => {
        const payload = `{"ids":${JSON.stringify(ids)},"data":${json}}`;
        const frame = this.serializer.room(this.topic, { kind: "text", event: "postgres_changes", payload });
        if (frame) this.host.send(frame);
        this.#count();
      },
      say: (status, message) => this.#system("postgres_changes", status, message),
      later: (delayMs, work) => this.#later(delayMs, work),
    };
  }

  /** Counts an event of the connection; false when the channel ended over it. */
  #count(): boolean {
    if (this.host.count()) return true;
    this.shutDown("Too many messages per second");
    return false;
  }

  #system(extension: string, status: "ok" | "error", message: string): void {
    this.#push("system", { channel: this.#name, extension, message, status });
  }

  #push(event: string, payload: unknown): void {
    this.host.send(this.serializer.push(this.joinRef, this.topic, event, JSON.stringify(payload)));
  }

  /** Does something later, unless it is over by then; returns what takes that back. */
  #later(delayMs: number, work: () => void): () => void {
    // What was waited for may come when nobody is there any more.
    if (this.#isOver) return () => {};
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, delayMs);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }
}

/** A user's own token, or else the API key of the connection. */
function tokenOf(payload: unknown, apiKey: string): string {
  const { access_token: access, user_token: user } = (payload ?? {}) as Record<string, unknown>;
  const first = access ?? user;
  if (typeof first === "string" && first.startsWith("sb_")) return apiKey;
  return typeof user === "string" ? user : typeof access === "string" ? access : apiKey;
}

function roomMessageOf(payload: unknown): RoomMessage | undefined {
  if (payload instanceof UserBroadcast) return { kind: "user", broadcast: payload };
  if (payload instanceof BinaryPayload) return undefined;
  const isMap = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  return isMap ? { kind: "json", event: "broadcast", payload } : undefined;
}

function codeOf(error: unknown): string {
  if (!(error instanceof AuthorizationFailure)) return "unable_to_set_policies";
  switch (error.kind) {
    case "policy":
      return "rls_policy_error";
    case "canceled":
      return "query_canceled";
    case "partition":
      return "missing_partition";
    case "unavailable":
      return "unable_to_connect_to_project";
  }
}

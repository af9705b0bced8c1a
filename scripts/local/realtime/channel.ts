import { type AskedAs, AuthorizationFailure, type Extension } from "./authorization.ts";
import { isTooLarge, PresenceCalls } from "./channel_presence.ts";
import type { Context } from "./context.ts";
import { type Claims, expired } from "./credentials.ts";
import { type JoinConfig, readJoinConfig } from "./join_config.ts";
import { mayNotRead, Refusal, wordsAtRenewal } from "./refusal.ts";
import { type Member, roomOf } from "./rooms.ts";
import { replay, type StoredMessage } from "./stored_messages.ts";
import {
  BinaryPayload,
  type ClientMessage,
  type Frame,
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

/** What a private channel's policies said; undefined where they were not asked yet. */
type Rights = Partial<Record<`${"read" | "write"} ${Extension}`, boolean>>;

/** How often a token is looked at, however long it lives. */
const TOKEN_CHECK_MS = 3_600_000;
const READY_CHECK_MS = 500;
const READY_LIMIT_MS = 10_000;
const CHANGES_RETRY_MS = { first: 5_000, last: 10_000 };
const PREFIX = "realtime:";

/** One topic that a connection has joined. */
export class Channel implements Member {
  readonly topic: string;
  readonly serializer: Serializer;
  readonly joinRef: string | null;
  /** The topic without its prefix. */
  readonly #name: string;
  readonly #room: string;
  readonly #config: JoinConfig;
  readonly #calls: PresenceCalls;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #rights: Rights = {};
  #token: string;
  #claims!: Claims;
  #isPresenceOn: boolean;
  #replayed = new Set<string>();
  /** What came while the join was still at work. */
  #held: [RoomMessage, Frame, string | undefined][] | undefined = [];
  #isOver = false;

  private constructor(readonly context: Context, readonly host: ChannelHost, join: ClientMessage) {
    this.topic = join.topic;
    this.serializer = host.serializer;
    this.joinRef = join.joinRef ?? join.ref;
    this.#name = join.topic.slice(PREFIX.length);
    this.#config = readJoinConfig(join.payload);
    this.#room = roomOf(this.#name, this.#config.isPrivate);
    this.#isPresenceOn = this.#config.presence.isEnabled;
    this.#calls = new PresenceCalls(context);
    this.#token = tokenOf(join.payload, host.apiKey);
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
      return { channel, response: channel.#response(), begin };
    } catch (error) {
      channel.end();
      throw error;
    }
  }

  /** Handles what the client says on this topic. */
  handle(message: ClientMessage): void | Promise<void> {
    switch (message.event) {
      case "broadcast":
        return this.#broadcast(message);
      case "presence":
        return this.#presence(message);
      case "access_token":
        return this.#renew(message.payload);
      case "phx_leave":
        this.host.send(this.serializer.reply(message, "ok", {}));
        return this.#close("phx_close");
      default:
        this.host.count();
    }
  }

  deliver(message: RoomMessage, frame: Frame, id: string | undefined): void {
    if (this.#held) {
      this.#held.push([message, frame, id]);
      return;
    }
    const isPresence = message.kind === "json" && message.event === "presence_diff";
    if (this.#config.isPrivate && this.#rights[isPresence ? "read presence" : "read broadcast"] !== true) {
      return;
    }
    if (id !== undefined && this.#replayed.has(id)) return;
    this.host.send(frame);
    if (isPresence) this.context.presenceEvents.add();
    else this.#count();
  }

  /** Ends it without a word: the connection is gone. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const { rooms, presences, changes } = this.context;
    rooms.leave(this.#room, this);
    changes.unsubscribe(this);
    const diff = presences.untrack(this.#room, this);
    if (diff) rooms.send(this.#room, { kind: "json", event: "presence_diff", payload: diff });
  }

  /** Ends it, saying why. */
  shutDown(message: string): void {
    if (this.#isOver) return;
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
    await this.#confirm();
    if (this.#config.isPrivate) await this.#askToRead();
    // In the room before the stored messages are read, so that none falls between.
    rooms.join(this.#room, this);
    const stored = await this.#replay(sql);
    this.#replayed = new Set(stored.map(({ id }) => id));
    const { changesWaitMs } = this.#config;
    const isSubscribed = changesWaitMs !== undefined && this.#config.postgresChanges.length > 0;
    if (isSubscribed) await this.#waitForChanges(changesWaitMs);
    return () => {
      for (const message of stored) this.#pushStored(message);
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const one of held) this.deliver(...one);
      if (isSubscribed) this.#saySubscribed();
      else void this.#followChanges();
      if (this.#isPresenceOn) this.#pushPresences();
      if (this.#config.broadcast.isReplicationReadyAsked) this.#waitUntilFollowing();
    };
  }

  #response(): unknown {
    const { changes } = this.context;
    return {
      postgres_changes: this.#config.postgresChanges.map((binding) => ({
        ...binding,
        id: changes.idOf(binding),
      })),
    };
  }

  async #confirm(): Promise<void> {
    const claims = await this.context.credentials.claimsOf(this.#token);
    this.#claims = claims;
    this.#later(
      Math.max(0, Math.min(claims.exp * 1_000 - Date.now(), TOKEN_CHECK_MS)),
      () => this.#onTokenTime(claims),
    );
  }

  #onTokenTime(claims: Claims): void {
    // Of an earlier token, which a new one has replaced.
    if (claims !== this.#claims) return;
    const leftMs = claims.exp * 1_000 - Date.now();
    if (leftMs <= 0) return this.shutDown(expired(claims.exp).message);
    this.#later(Math.min(leftMs, TOKEN_CHECK_MS), () => this.#onTokenTime(claims));
  }

  get #asked(): AskedAs {
    return { topic: this.#name, claims: this.#claims, headers: this.host.headers };
  }

  async #askToRead(): Promise<void> {
    const allowed = await this.context.authorization.mayRead(
      this.#asked,
      this.#isPresenceOn ? ["broadcast", "presence"] : ["broadcast"],
    );
    for (const [extension, isAllowed] of allowed) this.#rights[`read ${extension}`] = isAllowed;
    if (![...allowed.values()].some(Boolean)) throw mayNotRead(this.#name);
  }

  async #replay(sql: Context["sql"]): Promise<StoredMessage[]> {
    const { replay: wish, isPrivate } = this.#config;
    if (wish === undefined) return [];
    if (isPrivate && this.#rights["read broadcast"] !== true) throw mayNotRead(this.#name);
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
    if (bytes) {
      const broadcast = new UserBroadcast(event, "binary", bytes);
      const frame = this.serializer.room(this.topic, { kind: "user", broadcast, meta });
      if (frame) this.host.send(frame);
    } else {
      const stored = { payload: JSON.parse(payload ?? "null"), event, type: "broadcast", meta };
      this.#push("broadcast", stored);
    }
  }

  #broadcast(message: ClientMessage): void | Promise<void> {
    const right = this.#rights["write broadcast"];
    if (!this.#config.isPrivate || right === true) return this.#broadcastNow(message);
    if (right === false) return this.#acknowledge(message, { error: "unauthorized" });
    return this.context.authorization.mayWrite(this.#asked, "broadcast").then((isAllowed) => {
      this.#rights["write broadcast"] = isAllowed;
      return this.#broadcast(message);
    }, (error) => this.#acknowledge(message, { error: codeOf(error) }));
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

  async #presence(message: ClientMessage): Promise<void> {
    const { rooms, presences } = this.context;
    const tell = (payload: unknown) =>
      rooms.send(this.#room, { kind: "json", event: "presence_diff", payload });
    const outcome = await this.#calls.handle(message.payload, message.byteLength, {
      mayWrite: this.#config.isPrivate ? () => this.#mayWritePresence() : undefined,
      track: (payload) => {
        const wasOn = this.#isPresenceOn;
        this.#isPresenceOn = true;
        tell(presences.track(this.#room, this, this.#config.presence.key, payload));
        if (!wasOn) this.#pushPresences();
      },
      untrack: () => {
        const diff = presences.untrack(this.#room, this);
        if (diff) tell(diff);
      },
    }).catch((): { reply: "error" } => ({ reply: "error" }));
    if (this.#isOver) return;
    if ("end" in outcome) return this.shutDown(outcome.end);
    const response = "response" in outcome ? outcome.response : {};
    this.host.send(this.serializer.reply(message, outcome.reply, response ?? {}));
  }

  async #mayWritePresence(): Promise<boolean> {
    const { authorization } = this.context;
    if (this.#rights["read presence"] === undefined) {
      const allowed = await authorization.mayRead(this.#asked, ["presence"]);
      this.#rights["read presence"] = allowed.get("presence");
    }
    return this.#rights["write presence"] ??= await authorization.mayWrite(this.#asked, "presence");
  }

  #pushPresences(): void {
    if (this.#config.isPrivate && this.#rights["read presence"] !== true) return;
    if (this.context.presenceEvents.isExceeded()) {
      return this.shutDown("Too many presence messages per second");
    }
    this.context.presenceEvents.add();
    this.#push("presence_state", this.context.presences.state(this.#room));
  }

  async #renew(payload: unknown): Promise<void> {
    const token = (payload as { access_token?: unknown } | null)?.access_token;
    if (token === null || token === this.#token) return;
    if (typeof token !== "string") return this.crash();
    if (token.startsWith("sb_")) return;
    const before: Rights = { ...this.#rights };
    this.#token = token;
    for (const right of Object.keys(this.#rights) as (keyof Rights)[]) delete this.#rights[right];
    try {
      await this.#confirm();
      if (this.#config.isPrivate) await this.#askToRead();
    } catch (error) {
      return this.shutDown(wordsAtRenewal(error));
    }
    for (const right of ["read broadcast", "read presence"] as const) {
      if (before[right] === true && this.#rights[right] === false) {
        return this.shutDown(
          `You no longer have permission to read from this Channel topic: ${this.#name}`,
        );
      }
    }
    void this.#followChanges();
  }

  async #waitForChanges(limitMs: number): Promise<void> {
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

  async #followChanges(): Promise<void> {
    if (this.#isOver || this.#config.postgresChanges.length === 0) return;
    const claims = this.#claims;
    const outcome = await this.#subscribe();
    if (this.#isOver || claims !== this.#claims) return;
    if (outcome.ok) return this.#saySubscribed();
    this.#refuseChanges(outcome, claims);
  }

  #refuseChanges({ error, mayRetry }: { error: string; mayRetry: boolean }, claims: Claims): void {
    this.#system("postgres_changes", "error", error);
    if (!mayRetry) return;
    const { first, last } = CHANGES_RETRY_MS;
    this.#later(first + Math.random() * (last - first), () => {
      if (claims === this.#claims) void this.#followChanges();
    });
  }

  #subscribe() {
    return this.context.changes.subscribe({
      channel: this,
      bindings: this.#config.postgresChanges,
      claims: this.#claims,
      deliver: (json, ids) => {
        if (this.#isOver) return;
        const payload = `{"ids":${JSON.stringify(ids)},"data":${json}}`;
        const frame = this.serializer.room(this.topic, { kind: "text", event: "postgres_changes", payload });
        if (frame) this.host.send(frame);
        this.#count();
      },
      onAnew: (answer) => {
        if (this.#isOver) return;
        if (answer.ok) this.#saySubscribed();
        else this.#refuseChanges(answer, this.#claims);
      },
    });
  }

  #saySubscribed(): void {
    this.#system("postgres_changes", "ok", "Subscribed to PostgreSQL");
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
    this.host.send(this.serializer.push(this.joinRef, this.topic, event, payload));
  }

  #later(delayMs: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, delayMs);
    this.#timers.add(timer);
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

import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { messageOf } from "../../errors.ts";
import { type Binding, bindingId, parseBinding } from "./binding.ts";
import { changeFeed } from "./feed.ts";
import { type Following, followPublication } from "./replication.ts";
import {
  publishedTables,
  removeAllSubscriptions,
  removeSubscriptions,
  type Subscription,
  writeSubscriptions,
} from "./subscriptions.ts";

export { type Binding, bindingId } from "./binding.ts";

/** Where changes come from. */
export interface ChangesOptions {
  /** As `supabase_realtime_admin`. */
  databaseUrl: string;
  log(message: string): void;
}

/** What a channel asks for when it is joined. */
export interface SubscribeRequest {
  /** `config.postgres_changes` of the join, as the client sent it. */
  bindings: Binding[];
  /** The token's claims, for row level security; their `role` is the one that reads. */
  claims: Record<string, unknown>;
  /** Gets the `data` of an event as JSON, and the ids of the bindings that it is for: those of `bindingId`. */
  deliver(json: string, ids: number[]): void;
  /** Told when it was subscribed anew: Postgres was away, or what is published has changed. */
  onStatus?(answer: Answer): void;
}

/** Whether a channel hears changes; where not, why, and whether it is worth asking again. */
export type Answer = { ok: true; ids: number[] } | { ok: false; error: string; mayRetry: boolean };

/** A channel that hears changes. */
export interface Subscribed {
  ok: true;
  /** One for each binding, in their order. */
  ids: number[];
  /** Judges from now on by the claims of a new token; its bindings stay. */
  renew(claims: Record<string, unknown>): Promise<Answer>;
  unsubscribe(): Promise<void>;
}

/** What there is to measure. */
export interface ChangesState {
  channels: number;
  subscriptions: number;
  isFollowing: boolean;
  /** Changes that wait to be judged. */
  waiting: number;
  /** From a change's arrival until it was told, the last time. */
  delayMs: number;
  /** Events that were told so far, each to all of its listeners. */
  toldCount: number;
}

/** Tells channels of what changes in the published tables. */
export interface PostgresChanges {
  subscribe(request: SubscribeRequest): Promise<Subscribed | (Answer & { ok: false })>;
  readonly state: ChangesState;
  close(): Promise<void>;
}

const PUBLICATION = "supabase_realtime";
const SLOT = "supabase_realtime_replication_slot";
/** As long as the real server follows for nobody. */
const IDLE_AFTER_MS = 10 * 60_000;
/** How often it looks whether other tables are published; each change of the schema tells it, too. */
const CHECK_TABLES_EVERY_MS = 60_000;
/** How long a policy may think. */
const STATEMENT_TIMEOUT_MS = 15_000;
/** How long a channel waits for the stream of changes to begin. */
const START_TIMEOUT_MS = 10_000;

interface Channel {
  request: SubscribeRequest;
  subscriptions: Subscription[];
  /** Binding ids by subscription id. */
  ids: Map<string, number>;
  tables: Set<number>;
}

export function createPostgresChanges({ databaseUrl, log }: ChangesOptions): PostgresChanges {
  const connect = (name: string, max: number) =>
    postgres(databaseUrl, {
      max,
      onnotice: (notice) => log(String(notice.message)),
      connection: { application_name: name, statement_timeout: STATEMENT_TIMEOUT_MS },
    });
  // Apart, so that a join never waits for a policy.
  const judging = connect("realtime_rls", 1);
  const writing = connect("realtime_subscription_manager", 2);
  const channels = new Set<Channel>();
  const channelOf = new Map<string, Channel>();
  let heardTables = new Set<number>();
  let follower: { following: Following; stop: () => Promise<void> } | undefined;
  let idleTimer: ReturnType<typeof setTimeout> | undefined;
  let publishedBefore: string | undefined;
  let checking: Promise<void> | undefined;
  let isClosed = false;
  const cleaned = removeAllSubscriptions(writing).catch((error) => log(messageOf(error)));

  const feed = changeFeed({
    sql: judging,
    isHeard: (tableOid) => heardTables.has(tableOid),
    onTrouble: log,
    tell({ json, subscriptionIds }) {
      const idsFor = new Map<Channel, number[]>();
      for (const id of subscriptionIds) {
        const channel = channelOf.get(id);
        if (!channel) continue;
        const ids = idsFor.get(channel);
        if (ids) ids.push(channel.ids.get(id)!);
        else idsFor.set(channel, [channel.ids.get(id)!]);
      }
      for (const [channel, ids] of idsFor) channel.request.deliver(json, ids);
    },
  });

  function noteTables(): void {
    heardTables = new Set([...channels].flatMap(({ tables }) => [...tables]));
  }

  /** Begins to follow unless it does already. */
  async function follow(): Promise<void> {
    clearTimeout(idleTimer);
    follower ??= startFollower();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("Postgres does not stream its changes")), START_TIMEOUT_MS);
    });
    await Promise.race([follower.following.started, timeout]).finally(() => clearTimeout(timer));
  }

  function startFollower() {
    const ending = new AbortController();
    let beginnings = 0;
    const following = followPublication({
      databaseUrl,
      slot: SLOT,
      publication: PUBLICATION,
      temporary: true,
      onTransaction: feed.add,
      onTrouble: log,
      onFollowing() {
        // What was committed in between is not told: a channel hears that it begins anew.
        if (++beginnings > 1) subscribeAllAnew().catch((error) => log(messageOf(error)));
      },
      signal: ending.signal,
    });
    const checks = setInterval(checkTables, CHECK_TABLES_EVERY_MS);
    const listening = writing.listen("pgrst", () => void checkTables()).catch((error) =>
      log(messageOf(error))
    );
    return {
      following,
      async stop() {
        clearInterval(checks);
        ending.abort();
        await Promise.all([following.ended, listening.then((listener) => listener?.unlisten())]);
      },
    };
  }

  function stopWhenIdle(): void {
    if (channels.size > 0) return;
    clearTimeout(idleTimer);
    idleTimer = setTimeout(() => {
      const stopping = follower;
      follower = undefined;
      stopping?.stop().catch((error) => log(messageOf(error)));
    }, IDLE_AFTER_MS);
  }

  /** A table that is published later is heard by those who asked for all; one that no longer is, is not. */
  function checkTables(): Promise<void> {
    return checking ??= (async () => {
      const published = await publishedTables(writing, PUBLICATION);
      const isChanged = publishedBefore !== undefined && publishedBefore !== published;
      publishedBefore = published;
      if (isChanged) await subscribeAllAnew();
    })().catch((error) => log(messageOf(error))).finally(() => checking = undefined);
  }

  async function subscribeAllAnew(): Promise<void> {
    for (const channel of [...channels]) {
      await removeSubscriptions(writing, [...channel.ids.keys()]);
      if (!channels.has(channel)) continue;
      const answer = await write(channel);
      channel.request.onStatus?.(answer);
    }
  }

  async function write(channel: Channel): Promise<Answer> {
    const written = await writeSubscriptions(writing, PUBLICATION, channel.subscriptions);
    channel.tables = new Set("tables" in written ? written.tables : []);
    noteTables();
    if ("error" in written) return { ok: false, ...written };
    return { ok: true, ids: [...channel.ids.values()] };
  }

  async function forget(channel: Channel): Promise<void> {
    if (!channels.delete(channel)) return;
    for (const id of channel.ids.keys()) channelOf.delete(id);
    noteTables();
    stopWhenIdle();
    if (!isClosed) await removeSubscriptions(writing, [...channel.ids.keys()]);
  }

  async function subscribe(request: SubscribeRequest): Promise<Subscribed | (Answer & { ok: false })> {
    const subscriptions: Subscription[] = [];
    const ids = new Map<string, number>();
    for (const binding of request.bindings) {
      const parsed = parseBinding(binding);
      if ("error" in parsed) return { ok: false, error: parsed.error, mayRetry: false };
      const id = randomUUID();
      subscriptions.push({ id, wanted: parsed.wanted, claims: request.claims });
      ids.set(id, bindingId(binding));
    }
    const channel: Channel = { request, subscriptions, ids, tables: new Set() };
    try {
      await cleaned;
      await follow();
      publishedBefore ??= await publishedTables(writing, PUBLICATION);
    } catch (error) {
      return { ok: false, error: messageOf(error), mayRetry: true };
    }
    channels.add(channel);
    for (const id of ids.keys()) channelOf.set(id, channel);
    const answer = await write(channel);
    if (!answer.ok) {
      await forget(channel).catch((error) => log(messageOf(error)));
      return answer;
    }
    return {
      ok: true,
      ids: answer.ids,
      renew(claims) {
        for (const subscription of subscriptions) subscription.claims = claims;
        return write(channel);
      },
      unsubscribe: () => forget(channel).catch((error) => log(messageOf(error))),
    };
  }

  return {
    subscribe,
    get state() {
      return {
        channels: channels.size,
        subscriptions: channelOf.size,
        isFollowing: follower?.following.isFollowing ?? false,
        ...feed.state,
      };
    },
    async close() {
      isClosed = true;
      clearTimeout(idleTimer);
      await follower?.stop();
      await feed.close();
      await Promise.all([judging.end({ timeout: 1 }), writing.end({ timeout: 1 })]);
    },
  };
}

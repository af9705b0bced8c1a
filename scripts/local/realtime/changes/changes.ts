import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import postgres from "postgres";
import { messageOf } from "../../errors.ts";
import { type Binding, bindingId, parseBinding, tooManyBindings } from "./binding.ts";
import { changeFeed } from "./feed.ts";
import { type Following, followPublication } from "./replication.ts";
import {
  mayHear,
  type Published,
  publishedTables,
  removeAllSubscriptions,
  removeSubscriptions,
  type Subscription,
  writeSubscriptions,
} from "./subscriptions.ts";

/** Where changes come from. */
export interface ChangesOptions {
  /** As a role that may take every role that listens, and may follow. */
  databaseUrl: string;
  /** Of its own for each that follows a server; by default the real server's name. */
  slot?: string;
  log(message: string): void;
}

/** What a channel asks of the changes of tables. */
export interface ChangesRequest {
  channel: object;
  /** `config.postgres_changes` of the join, as the client sent it. */
  bindings: Binding[];
  /** The token's, for row level security; their `role` is the one that reads. */
  claims: Record<string, unknown>;
  /** Given the `data` of an event as JSON, whose numbers keep every digit, and the ids of the bindings that it is for. */
  deliver(json: string, ids: number[]): void;
  /** Told when it was subscribed anew: Postgres was away, or other tables are published. */
  onAnew?(answer: Answer): void;
}

/** Whether a channel hears changes; where not, why, and whether it is worth asking again. */
export type Answer = { ok: true } | { ok: false; error: string; mayRetry: boolean };

/** Tells channels of what changes in the published tables. */
export interface PostgresChanges {
  /** The id of a binding: the same whenever the same is asked for. */
  idOf(binding: Binding): number;
  /** Follows what a channel asks for, in place of what it asked for before. */
  subscribe(request: ChangesRequest): Promise<Answer>;
  unsubscribe(channel: object): void;
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

/** A channel that hears changes. */
interface Listener {
  request: ChangesRequest;
  subscriptions: Subscription[];
  /** Binding ids by subscription id. */
  ids: Map<string, number>;
  tables: Set<number>;
  writing: Promise<unknown>;
}

export function createPostgresChanges({ databaseUrl, slot = SLOT, log }: ChangesOptions): PostgresChanges {
  const connect = (name: string, max: number) =>
    postgres(databaseUrl, {
      max,
      onnotice: (notice) => log(String(notice.message)),
      connection: { application_name: name, statement_timeout: STATEMENT_TIMEOUT_MS },
    });
  // Apart, so that a join never waits for a policy.
  const judging = connect("realtime_rls", 1);
  const writing = connect("realtime_subscription_manager", 2);
  const listeners = new Map<object, Listener>();
  const listenerOf = new Map<string, Listener>();
  /** The newest request of each channel that is there: an answer to an older one is dropped. */
  const asked = new Map<object, ChangesRequest>();
  let heardTables = new Set<number>();
  /** Subscriptions that are still in the database and belong to nobody. */
  const gone = new Set<string>();
  let removing: Promise<void> | undefined;
  let follower: { following: Following; stop: () => Promise<void> } | undefined;
  let idleTimer: ReturnType<typeof setTimeout> | undefined;
  let published: Map<number, Published> | undefined;
  let isChecking = false;
  let isCheckWanted = false;
  let isClosed = false;
  /** Resolves once what an earlier process has left is removed: before anybody subscribes. */
  let cleaned: Promise<void> | undefined;

  const feed = changeFeed({
    sql: judging,
    isHeard: (tableOid) => heardTables.has(tableOid),
    onTrouble: log,
    tell({ json, subscriptionIds }) {
      const idsFor = new Map<Listener, number[]>();
      for (const id of subscriptionIds) {
        const listener = listenerOf.get(id);
        if (!listener) continue;
        const ids = idsFor.get(listener) ?? [];
        idsFor.set(listener, ids);
        ids.push(listener.ids.get(id)!);
      }
      for (const [listener, ids] of idsFor) listener.request.deliver(json, ids);
    },
  });

  function noteTables(): void {
    heardTables = new Set([...listeners.values()].flatMap(({ tables }) => [...tables]));
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
      slot,
      publication: PUBLICATION,
      temporary: true,
      isWanted: ({ kind, tableOid }) => kind !== "truncate" && heardTables.has(tableOid),
      onTransaction: feed.add,
      onTrouble: log,
      onFollowing() {
        // What was committed in between is not told, so each channel is told that it begins anew.
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
    if (listeners.size > 0) return;
    clearTimeout(idleTimer);
    idleTimer = setTimeout(() => {
      const stopping = follower;
      follower = undefined;
      stopping?.stop().catch((error) => log(messageOf(error)));
    }, IDLE_AFTER_MS);
  }

  /** Who asked for all tables hears those that are published later, and no longer those that are taken away. */
  async function checkTables(): Promise<void> {
    isCheckWanted = true;
    if (isChecking) return;
    isChecking = true;
    try {
      // A notice during a check may be about what the check has not seen yet.
      while (isCheckWanted) {
        isCheckWanted = false;
        const before = published;
        published = await publishedTables(writing, PUBLICATION);
        if (before) await subscribeToNew(differenceOf(before, published));
      }
    } catch (error) {
      log(messageOf(error));
    } finally {
      isChecking = false;
    }
  }

  /** After Postgres was away, all are told: they may have missed some. */
  async function subscribeAllAnew(): Promise<void> {
    if (gone.size > 0) await removeGone();
    for (const listener of [...listeners.values()]) {
      const answer = await write(listener);
      if (isListening(listener)) listener.request.onAnew?.(answer);
    }
  }

  async function subscribeToNew(changed: Published[]): Promise<void> {
    for (const listener of [...listeners.values()]) {
      if (!listener.subscriptions.some(({ wanted }) => changed.some((table) => mayHear(wanted, table)))) {
        continue;
      }
      const before = listener.tables;
      const answer = await write(listener);
      const isAsBefore = answer.ok && isDeepStrictEqual(before, listener.tables);
      if (isListening(listener) && !isAsBefore) listener.request.onAnew?.(answer);
    }
  }

  /**
   * What cannot be removed while Postgres is away is removed when it is back. One removal at a time takes all that are gone by
   * then: many channels go at once.
   */
  function removeGone(): Promise<void> {
    return removing ??= (async () => {
      try {
        while (gone.size > 0) {
          const ids = [...gone];
          await removeSubscriptions(writing, ids);
          for (const id of ids) gone.delete(id);
        }
      } finally {
        removing = undefined;
      }
    })();
  }

  function isListening(listener: Listener): boolean {
    return listeners.get(listener.request.channel) === listener;
  }

  /** One after the other for each listener: two writes at once would be in each other's way. */
  function write(listener: Listener): Promise<Answer> {
    const written = listener.writing.then(() => writeNow(listener));
    listener.writing = written;
    return written;
  }

  async function writeNow(listener: Listener): Promise<Answer> {
    if (!isListening(listener)) return { ok: false, error: "Not asked any more", mayRetry: false };
    const written = await writeSubscriptions(writing, PUBLICATION, listener.subscriptions);
    // It may have left meanwhile: then what was written belongs to nobody.
    if (!isListening(listener)) {
      for (const id of listener.ids.keys()) gone.add(id);
      await removeGone().catch((error) => log(messageOf(error)));
    }
    listener.tables = new Set("tables" in written ? written.tables : []);
    noteTables();
    return "error" in written ? { ok: false, ...written } : { ok: true };
  }

  async function forget(listener: Listener): Promise<void> {
    if (isListening(listener)) listeners.delete(listener.request.channel);
    for (const id of listener.ids.keys()) {
      listenerOf.delete(id);
      gone.add(id);
    }
    noteTables();
    stopWhenIdle();
    if (!isClosed) await removeGone();
  }

  /** The same bindings keep their ids, so that a new token leaves no gap. */
  function listenerFor(request: ChangesRequest): Listener | { error: string } {
    const before = listeners.get(request.channel);
    if (before && isDeepStrictEqual(before.request.bindings, request.bindings)) {
      before.request = request;
      for (const subscription of before.subscriptions) subscription.claims = request.claims;
      return before;
    }
    const excess = tooManyBindings(request.bindings);
    if (excess) return { error: excess };
    const subscriptions: Subscription[] = [];
    const ids = new Map<string, number>();
    for (const binding of request.bindings) {
      const parsed = parseBinding(binding);
      if ("error" in parsed) return parsed;
      const id = randomUUID();
      subscriptions.push({ id, wanted: parsed.wanted, claims: request.claims });
      ids.set(id, bindingId(binding));
    }
    return { request, subscriptions, ids, tables: new Set(), writing: Promise.resolve() };
  }

  async function subscribe(request: ChangesRequest): Promise<Answer> {
    asked.set(request.channel, request);
    const listener = listenerFor(request);
    if ("error" in listener) return { ok: false, error: listener.error, mayRetry: false };
    try {
      cleaned ??= removeAllSubscriptions(writing);
      await cleaned.catch((error) => {
        cleaned = undefined;
        throw error;
      });
      await follow();
      published ??= await publishedTables(writing, PUBLICATION);
    } catch (error) {
      return { ok: false, error: messageOf(error), mayRetry: true };
    }
    if (asked.get(request.channel) !== request) {
      return { ok: false, error: "Not asked any more", mayRetry: false };
    }
    const before = listeners.get(request.channel);
    if (before && before !== listener) forget(before).catch((error) => log(messageOf(error)));
    listeners.set(request.channel, listener);
    for (const id of listener.ids.keys()) listenerOf.set(id, listener);
    const answer = await write(listener);
    if (!answer.ok) await forget(listener).catch((error) => log(messageOf(error)));
    return answer;
  }

  return {
    idOf: bindingId,
    subscribe,
    unsubscribe(channel) {
      asked.delete(channel);
      const listener = listeners.get(channel);
      if (listener) forget(listener).catch((error) => log(messageOf(error)));
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

/** The tables that only one of them has, or has under another name. */
function differenceOf(one: Map<number, Published>, other: Map<number, Published>): Published[] {
  const missingIn = (first: Map<number, Published>, second: Map<number, Published>) =>
    [...first].filter(([oid, table]) => !isDeepStrictEqual(second.get(oid), table)).map(([, table]) => table);
  return [...missingIn(one, other), ...missingIn(other, one)];
}

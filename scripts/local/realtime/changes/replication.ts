import { Socket } from "node:net";

import { LogicalReplicationService } from "pg-logical-replication";
import { messageOf } from "../../errors.ts";
import { delay } from "../../process_ids.ts";
import { type Change, changesOf, lettersOf, timestampOf } from "./change.ts";
import { previousLsn } from "./lsn.ts";
import { type ReplicationMessage, SlotPlugin } from "./replication_plugin.ts";

export type { Change } from "./change.ts";

/** How a publication is followed. */
export interface FollowOptions {
  /** As a role with the right to replication. */
  databaseUrl: string;
  /** The slot's name: small letters, digits, `_`. */
  slot: string;
  publication: string;
  /**
   * A temporary slot ends with its connection: what is committed while there is none is not told. A kept slot tells of it
   * later, at least once, and keeps the WAL until then.
   */
  temporary: boolean;
  /**
   * Gets what a transaction changed, in the order of commits; the next call waits until this one has ended. A large
   * transaction comes in parts. What it throws is logged, and those changes count as handled.
   */
  onTransaction(changes: Change[], commitLsn: string): Promise<void> | void;
  /** What nobody wants is not kept. */
  isWanted?(change: Change): boolean;
  /** Told whenever following begins, for the first time and after each loss of the connection. */
  onFollowing?(): void;
  /** Told when the connection is lost, or that changes are missing. */
  onTrouble?(message: string): void;
  /** Ends it. */
  signal: AbortSignal;
}

/** A publication that is followed. */
export interface Following {
  /** Resolves when it is followed for the first time; rejects when it is ended before. */
  started: Promise<void>;
  /** Resolves when it ended, after the signal. */
  ended: Promise<void>;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** Below the minute after which Postgres takes a silent follower for gone. */
const ALIVE_EVERY_MS = 10_000;
/** Postgres is told what was handled at most so often. */
const ACKNOWLEDGE_EVERY_MS = 500;
/** How much of a transaction is handed over at once, at most. */
const PART = { changes: 1_000, letters: 8_000_000 };
/** After this time a connection that does not end by itself is cut. */
const GOODBYE_MS = 2_000;
/** Postgres's error in a slot that is older than its publication: it cannot go on there. */
const UNDEFINED_OBJECT = "42704";

/** Follows a publication through a slot until it is told to stop, and connects again as often as it must. */
export function followPublication(options: FollowOptions): Following {
  if (!/^[a-z0-9_]{1,63}$/.test(options.slot)) throw new TypeError(`Not a slot's name: ${options.slot}`);
  const { promise: started, resolve, reject } = Promise.withResolvers<void>();
  started.catch(() => {});
  const ended = (async () => {
    let retryMs = FIRST_RETRY_MS;
    let anew = false;
    while (!options.signal.aborted) {
      const error = await followOnce(options, anew, () => {
        anew = false;
        retryMs = FIRST_RETRY_MS;
        resolve();
        options.onFollowing?.();
      });
      if (options.signal.aborted) break;
      options.onTrouble?.(`The connection to Postgres is lost: ${messageOf(error)}`);
      anew = (error as { code?: unknown } | undefined)?.code === UNDEFINED_OBJECT;
      // So that not all followers come back at the same moment.
      await waitOrAbort(retryMs * (0.5 + Math.random() / 2), options.signal);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
    reject(new Error("It was ended before it began"));
  })();
  return { started, ended };
}

/** Follows through one connection; resolves with why it ended. */
async function followOnce(options: FollowOptions, anew: boolean, onStart: () => void): Promise<unknown> {
  const { databaseUrl: connectionString, slot, publication, temporary, signal } = options;
  // The library loses its own socket when it is ended while it connects, and a stopping Postgres would wait for that one.
  const socket = new Socket();
  const service = new LogicalReplicationService(
    {
      connectionString,
      application_name: `realtime ${slot}`,
      keepAlive: true,
      replication: "database",
      stream: () => socket,
    } as never,
    // The library's own timer acknowledges what has come, not what was handled.
    { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: true } },
  );
  const { promise: over, resolve: end } = Promise.withResolvers<unknown>();
  const plugin = new SlotPlugin({
    slot,
    publication,
    temporary,
    anew,
    onChangesLost: (reason) => options.onTrouble?.(`Changes are lost, as ${reason}`),
  });
  const acknowledge = acknowledger(service);
  const reader = transactionReader(options, acknowledge.handled, end);
  const abort = () => end(signal.reason);
  signal.addEventListener("abort", abort);
  service.on("start", onStart);
  service.on("data", (_lsn: string, message: ReplicationMessage) => reader.read(message));
  service.on("heartbeat", (lsn: string, _time: number, isAsked: boolean) => {
    // All before it has been read: Postgres need not keep WAL that has no change for us either.
    if (reader.isIdle && reader.readCount === plugin.parsedCount) acknowledge.handled(lsn);
    if (isAsked) acknowledge.now();
  });
  service.on("error", end);
  service.subscribe(plugin, slot).then(() => end(new Error("Postgres ended it")), end);
  const why = await over;
  signal.removeEventListener("abort", abort);
  acknowledge.stop();
  await Promise.race([service.destroy().catch(() => {}), delay(GOODBYE_MS)]);
  socket.destroy();
  await reader.ended();
  return why;
}

/** Puts the messages of a stream together into transactions. */
function transactionReader(
  { onTransaction, onTrouble, isWanted = () => true }: FollowOptions,
  onHandled: (lsn: string) => void,
  onUnreadable: (error: unknown) => void,
) {
  let part: Change[] = [];
  let letters = 0;
  let commitLsn = "0/0";
  let commitTimestamp = "";
  let isIdle = true;
  let readCount = 0;
  let working: Promise<void> = Promise.resolve();
  const handOver = async () => {
    if (part.length === 0) return;
    const changes = part;
    part = [];
    letters = 0;
    try {
      await onTransaction(changes, commitLsn);
    } catch (error) {
      onTrouble?.(`Changes could not be handled: ${messageOf(error)}`);
    }
  };
  const readOne = async (message: ReplicationMessage) => {
    switch (message.tag) {
      case "unreadable":
        return onUnreadable(message.error);
      case "begin":
        isIdle = false;
        commitLsn = message.commitLsn ?? "0/0";
        commitTimestamp = timestampOf(message.commitTime as bigint);
        return;
      case "commit":
        await handOver();
        isIdle = true;
        return onHandled(message.commitEndLsn ?? "0/0");
      default:
        for (const change of changesOf(message, commitTimestamp)) {
          if (!isWanted(change)) continue;
          part.push(change);
          letters += lettersOf(change);
        }
        if (part.length >= PART.changes || letters >= PART.letters) await handOver();
    }
  };
  return {
    get isIdle() {
      return isIdle;
    },
    get readCount() {
      return readCount;
    },
    read(message: ReplicationMessage) {
      readCount++;
      return working = readOne(message);
    },
    ended: () => working,
  };
}

/** Tells Postgres what was handled, but not after every transaction. */
function acknowledger(service: LogicalReplicationService) {
  let handledLsn: string | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const now = () => {
    clearTimeout(timer);
    timer = undefined;
    // The library adds one to what it is given. A transaction that commits right after would begin before that, and not
    // be told after the next connect.
    if (handledLsn) service.acknowledge(previousLsn(handledLsn)).catch(() => {});
  };
  const alive = setInterval(now, ALIVE_EVERY_MS);
  return {
    now,
    handled(lsn: string) {
      handledLsn = lsn;
      timer ??= setTimeout(now, ACKNOWLEDGE_EVERY_MS);
    },
    stop() {
      now();
      clearInterval(alive);
    },
  };
}

function waitOrAbort(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, durationMs);
    signal.addEventListener("abort", over);
  });
}

import { sealAll } from "../_shared/security/envelope.ts";
import { AppError } from "../_shared/platform/errors.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { type Budget, countedCpuMs, startBudget, type Work } from "./budget.ts";
import type { VaultDatabase } from "./database.ts";
import { fingerprintSalt } from "./fingerprints.ts";
import { proveActiveKey } from "./keys.ts";
import { listsOf, type NewToken, readValues } from "./new_tokens.ts";
import type { KeyPage, KeyValue, VaultSource } from "./source.ts";

/** How many keys are processed at once. */
export interface Pace {
  /** Redis blocks while a script runs: 500 values are hashed in about 5 ms. */
  pageKeys: number;
  /** How many are compared in one call. */
  batchKeys: number;
  /** How many are fetched, encrypted and stored in one call: 1,000 are about 1 MB. */
  chunkKeys: number;
}

const DEFAULT_PACE: Pace = { pageKeys: 500, batchKeys: 5_000, chunkKeys: 1_000 };
/** A batch may have no key: other programs' keys lie in between. */
const MAX_PAGES_PER_BATCH = 100;
/** The most names in the response. */
const MAX_ACCOUNTS = 100;

export interface SyncOptions {
  source: VaultSource;
  sourceName: string;
  database: VaultDatabase;
  keyring: Keyring;
  budget: Budget;
  pace?: Pace;
}

/** The result of one call of sync. */
export interface SyncResult {
  /** New or changed tokens, which were stored. */
  synced: number;
  unchanged: number;
  /** Tokens that became inactive: gone from Redis, or expired. */
  deactivated: number;
  /** Values that are not tokens. */
  rejected: number;
  /** Keys with an invalid account name. */
  unusableNames: number;
  /** Keys that expired between two commands. */
  vanished: number;
  /** All known key mappings. */
  mappings: number;
  /** All active tokens. */
  active: number;
  /** The first hundred accounts that were stored. */
  accounts: string[];
  isComplete: boolean;
  /** Whether it continued an earlier call. */
  isContinued: boolean;
  roundTrips: { redis: number; database: number };
  /** Its estimated processor time; a measured one also counts against the budget. */
  countedCpuMs: number;
}

/**
 * Copies the changed tokens of a Redis. When its budget is used up it pauses, and the next call continues. Throws
 * `request_in_progress` while another sync runs, SourceError when Redis fails; stored tokens stay, and the next call
 * continues from there.
 */
export async function syncVault(options: SyncOptions): Promise<SyncResult> {
  const { source, sourceName, database, keyring, budget } = options;
  const hasUsedUp = startBudget(budget);
  await proveActiveKey(database, keyring);
  const begun = await database.begin_token_sync({
    p_source: sourceName,
    p_server_id: `${await source.serverId()} ${source.constructor.name}`,
  });
  if (!begun.started) throw busy(begun.retry_after_s);
  const run = new SyncRun(options, begun.fence);
  run.result.isContinued = begun.continues;
  try {
    run.result.isComplete = await run.scan(begun.cursor, () => hasUsedUp(run.work));
  } catch (error) {
    // The lease would also expire by itself, later; the original error matters.
    await database.finish_token_sync({ p_source: sourceName, p_fence: begun.fence, p_is_complete: false })
      .catch(() => {});
    throw error;
  }
  await run.finish();
  return run.result;
}

class SyncRun {
  private readonly salt: string;
  private readonly pace: Pace;
  private databaseCalls = 2;
  private keysListed = 0;
  private bytesStored = 0;
  readonly result: SyncResult = {
    synced: 0,
    unchanged: 0,
    deactivated: 0,
    rejected: 0,
    unusableNames: 0,
    vanished: 0,
    mappings: 0,
    active: 0,
    accounts: [],
    isComplete: false,
    isContinued: false,
    roundTrips: { redis: 0, database: 0 },
    countedCpuMs: 0,
  };

  constructor(private readonly options: SyncOptions, private readonly fence: number) {
    this.salt = fingerprintSalt(options.keyring);
    this.pace = options.pace ?? DEFAULT_PACE;
  }

  get work(): Work {
    const { source } = this.options;
    return {
      roundTrips: source.roundTrips + this.databaseCalls,
      keysListed: this.keysListed,
      valuesRead: source.valuesRead,
      bytesRead: source.bytesRead,
      tokensStored: this.result.synced,
      bytesStored: this.bytesStored,
    };
  }

  /** Goes through the keys from a cursor. Returns whether it reached their end. */
  async scan(cursor: string, isSpent: () => boolean): Promise<boolean> {
    let next: Promise<KeyPage> | undefined = this.readBatch(cursor, isSpent);
    while (next) {
      const batch: KeyPage = await next;
      // Redis reads the next batch while Postgres compares this one.
      const isLast = batch.cursor === "0";
      next = isLast || isSpent() ? undefined : this.readBatch(batch.cursor, isSpent);
      next?.catch(() => {}); // handled where it is awaited
      const isStored = await this.store(batch, isSpent);
      if (!isStored || !isLast && isSpent()) {
        await next?.catch(() => {});
        return false;
      }
    }
    return true;
  }

  async finish(): Promise<void> {
    const { sourceName, database, source } = this.options;
    const finished = held(
      await database.finish_token_sync({
        p_source: sourceName,
        p_fence: this.fence,
        p_is_complete: this.result.isComplete,
      }),
    );
    this.result.deactivated += finished.gone_count;
    this.result.mappings = finished.mapping_count;
    this.result.active = finished.active_count;
    this.result.roundTrips = { redis: source.roundTrips, database: this.databaseCalls + 1 };
    this.result.countedCpuMs = countedCpuMs(this.work);
  }

  /** Ends early when the budget is used up: a batch may end after any page. */
  private async readBatch(cursor: string, isSpent: () => boolean): Promise<KeyPage> {
    const pages: KeyPage[] = [];
    let count = 0;
    let at = cursor;
    do {
      const page = await this.options.source.page(at, this.salt, this.pace.pageKeys);
      pages.push(page);
      count += page.count;
      this.keysListed += page.count + page.unusableCount;
      at = page.cursor;
    } while (
      at !== "0" && count < this.pace.batchKeys && pages.length < MAX_PAGES_PER_BATCH && !isSpent()
    );
    const full = pages.filter((page) => page.count > 0);
    return {
      cursor: at,
      names: full.map(({ names }) => names).join(),
      fingerprints: full.map(({ fingerprints }) => fingerprints).join(),
      ttlsMs: full.map(({ ttlsMs }) => ttlsMs).join(),
      count,
      unusableCount: pages.reduce((sum, { unusableCount }) => sum + unusableCount, 0),
    };
  }

  /**
   * Compares a batch with the stored tokens, and stores the changes; only then does the scan advance. Returns whether
   * everything was stored: if the budget runs out first, the next call reads the batch again and finds only the rest
   * to be new.
   */
  private async store(batch: KeyPage, isSpent: () => boolean): Promise<boolean> {
    this.result.unusableNames += batch.unusableCount;
    const diff = held(
      await this.call(() =>
        this.options.database.diff_provider_tokens({
          p_source: this.options.sourceName,
          p_fence: this.fence,
          p_names: batch.names,
          p_fingerprints: batch.fingerprints,
          p_ttls_ms: batch.ttlsMs,
          p_next_cursor: batch.cursor,
        })
      ),
    );
    this.result.unchanged += diff.unchanged_count;
    this.result.deactivated += diff.expired_count;
    if (diff.changed === "") return true;
    const names = diff.changed.split(",");
    const { chunkKeys } = this.pace;
    const chunks = Array.from(
      { length: Math.ceil(names.length / chunkKeys) },
      (_, index) => names.slice(index * chunkKeys, (index + 1) * chunkKeys),
    );
    let values = this.fetch(chunks[0]!);
    for (const [index, chunk] of chunks.entries()) {
      const fetched = await values;
      const isLast = index === chunks.length - 1;
      // The next chunk is fetched while this one is being stored.
      if (!isLast) {
        values = this.fetch(chunks[index + 1]!);
        values.catch(() => {}); // handled where it is awaited
      }
      await this.put(chunk, fetched, isLast ? batch.cursor : undefined);
      if (!isLast && isSpent()) {
        await values.catch(() => {});
        return false;
      }
    }
    return true;
  }

  private fetch(names: string[]): Promise<KeyValue[]> {
    return this.options.source.values(names, this.salt);
  }

  private async put(names: string[], values: KeyValue[], nextCursor: string | undefined): Promise<void> {
    const { sourceName, database, keyring } = this.options;
    const { found, secrets, rejections, vanished } = readValues(names, values);
    this.result.vanished += vanished;
    const envelopes = await sealAll(keyring, secrets);
    this.bytesStored += secrets.reduce((sum, { secret }) => sum + secret.length, 0);
    const tokens = found.map((token, index): NewToken => ({ ...token, envelope: envelopes[index]! }));
    held(
      await this.call(() =>
        database.put_provider_tokens({
          p_source: sourceName,
          p_fence: this.fence,
          p_tokens: listsOf(tokens),
          p_rejections: rejections,
          p_next_cursor: nextCursor,
        })
      ),
    );
    this.result.synced += tokens.length;
    this.result.rejected += rejections.length;
    const { accounts } = this.result;
    for (const { name } of tokens.slice(0, MAX_ACCOUNTS - accounts.length)) accounts.push(name);
  }

  private call<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    this.databaseCalls++;
    return work();
  }
}

function held<Answer extends { held: boolean }>(answer: Answer): Answer {
  if (answer.held) return answer;
  throw busy(1);
}

function busy(retryAfterS: number): AppError {
  return new AppError("request_in_progress", "Another sync of these tokens is at work", {
    headers: { "Retry-After": String(retryAfterS) },
  });
}

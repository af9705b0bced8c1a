// Reads the ledger's tables with plain statements, without calling the audited database's functions.
import postgres from "postgres";

import { type LeftGrant, microseconds } from "./grants.ts";

/** One stored change of a balance. */
export interface Entry {
  user_id: string;
  /** The member who spent, where it is a team's wallet. */
  actor_id: string | null;
  entry_number: bigint;
  delta: bigint;
  balance_after: bigint;
  /** Seconds since 1970, as Postgres writes them. */
  created_at_s: string;
  operation_type: string;
  request_id: string | null;
  /** Its JSON, as Postgres writes it. */
  metadata: string | null;
  /** In hexadecimal. */
  chain: string;
}

/** A user's row of token_balances. */
export interface Balance {
  user_id: string;
  balance: bigint;
  held: bigint;
  granted: bigint;
  entry_count: bigint;
  /** In hexadecimal; null without entries. */
  chain: string | null;
}

/** Where a user's history begins, if earlier months are archived. */
export interface Opening {
  user_id: string;
  entry_number: bigint;
  balance: bigint;
  granted: bigint;
  chain: string;
}

/** A request, and its entries in the history. */
export interface Request {
  user_id: string;
  request_id: string;
  status: string;
  amount: bigint;
  charged: bigint | null;
  balance_after: bigint | null;
  /** Whether its entry may be archived. */
  began_before_history: boolean;
  entries: bigint;
  delta: bigint | null;
  entry_balance_after: bigint | null;
}

/** What a wallet's rows say is left of a grant, before what was spent since is allotted. */
export interface OwnedGrant extends LeftGrant {
  user_id: string;
  /** Up to where on the axis of all that the wallet spent its grants paid. */
  allotted_to: bigint;
}

/** Users with ids above `after` and up to `upTo`; null: no bound on that side. */
export interface UserRange {
  after: string | null;
  upTo: string | null;
}

const ROWS_AT_ONCE = 2_000;

/** Ranges that cover all possible ids, each with at most `size` users with a balance. */
export async function* userRanges(sql: postgres.Sql, size: number): AsyncGenerator<UserRange> {
  let after: string | null = null;
  for (;;) {
    const upTo: string | null = await inOneSnapshot(sql, async (transaction) => {
      const rows = await transaction`
        select user_id::text from public.token_balances
        where user_id > ${
        after ?? "00000000-0000-0000-0000-000000000000"
      }::uuid order by user_id limit ${size}`;
      return rows.at(-1)?.user_id ?? null;
    });
    yield { after, upTo };
    if (upTo === null) return;
    after = upTo;
  }
}

/**
 * Reads the ledger of a range of users as of one moment. No month can be archived meanwhile: an older snapshot would
 * miss it.
 */
export async function readRange<Result>(
  sql: postgres.Sql,
  range: UserRange,
  read: (reader: RangeReader) => Promise<Result>,
): Promise<Result> {
  return await inOneSnapshot(sql, (transaction) => read(new RangeReader(transaction, range)));
}

/**
 * Runs statements that see one moment and only the stored data: names and operators are Postgres's own, independent
 * of the role's search path, and a policy that would hide rows raises an error instead.
 */
export async function inOneSnapshot<Result>(
  sql: postgres.Sql,
  run: (transaction: postgres.TransactionSql) => Promise<Result>,
): Promise<Result> {
  const result = await sql.begin("isolation level repeatable read read only", async (transaction) => {
    await transaction.unsafe(
      `set local search_path = pg_catalog; set local row_security = off; set local timezone = 'UTC';
       lock table public.token_balance_history in access share mode`,
    );
    return await run(transaction);
  });
  return result as Result;
}

/** The rows of one range of users, in the order of their ids. */
export class RangeReader {
  constructor(private readonly sql: postgres.TransactionSql, private readonly range: UserRange) {}

  async balances(): Promise<Balance[]> {
    const rows = await this.sql`
      select user_id::text, balance::text, held::text, granted::text, entry_count::text, encode(chain, 'hex') as chain
      from public.token_balances as rows where ${this.#inRange("rows")} order by rows.user_id`;
    return rows.map((row) => withIntegers<Balance>(row, ["balance", "held", "granted", "entry_count"]));
  }

  async openings(): Promise<Opening[]> {
    const rows = await this.sql`
      select user_id::text, entry_number::text, balance::text, granted::text, encode(chain, 'hex') as chain
      from token_history.openings as rows where ${this.#inRange("rows")} order by rows.user_id`;
    return rows.map((row) => withIntegers<Opening>(row, ["entry_number", "balance", "granted"]));
  }

  /** What was left of archived grants where the history begins. */
  async grantOpenings(): Promise<(LeftGrant & { user_id: string })[]> {
    const rows = await this.sql`
      select user_id::text, entry_number::text, kind::text, priority, remaining::text,
        case when expires_at < 'infinity' then extract(epoch from expires_at)::text end as ends_at
      from token_history.grant_openings as rows where ${this.#inRange("rows")}`;
    return rows.map((row) =>
      withIntegers<LeftGrant & { user_id: string }>(withEnd(row), ["entry_number", "remaining"])
    );
  }

  async grants(): Promise<OwnedGrant[]> {
    const rows = await this.sql`
      select wallet_id::text as user_id, entry_number::text, kind::text, priority, remaining::text,
        case when expires_at < 'infinity' then extract(epoch from expires_at)::text end as ends_at,
        coalesce((select epochs.allotted_to from private.token_grant_epochs as epochs
          where epochs.wallet_id = rows.wallet_id order by first_entry_number desc limit 1), 0)::text as allotted_to
      from public.token_grants as rows
      where remaining <> 0 and ${this.#inRange("rows", "wallet_id")}`;
    return rows.map((row) =>
      withIntegers<OwnedGrant>(withEnd(row), ["entry_number", "remaining", "allotted_to"])
    );
  }

  /** Each user's entries by number; at most a few thousand in memory. */
  async *entries(): AsyncGenerator<Entry> {
    const pages = this.sql`
      select user_id::text, actor_id::text, entry_number::text, delta::text, balance_after::text,
        extract(epoch from created_at)::text as created_at_s, operation_type, request_id, metadata::text,
        encode(chain, 'hex') as chain
      from public.token_balance_history as rows where ${this.#inRange("rows")}
      order by rows.user_id, rows.entry_number`.cursor(ROWS_AT_ONCE);
    for await (const page of pages) {
      for (const row of page) yield withIntegers<Entry>(row, ["entry_number", "delta", "balance_after"]);
    }
  }

  /** Each user's known requests, including held ones. An id may have older entries, of a request that was deleted. */
  async *requests(): AsyncGenerator<Request> {
    const pages = this.sql`
      select rows.user_id::text, rows.request_id, rows.status::text, rows.amount::text, rows.charged::text,
        rows.balance_after::text,
        rows.created_at < (select settings.history_begins_at from private.token_settings as settings)
          as began_before_history,
        count(history.user_id)::text as entries, min(history.delta)::text as delta,
        min(history.balance_after)::text as entry_balance_after
      from public.token_consumption_locks as rows
      left join public.token_balance_history as history
        on history.user_id = rows.user_id and history.request_id = rows.request_id
        and history.created_at >= rows.created_at and ${this.#inRange("history")}
      where ${this.#inRange("rows")}
      group by rows.request_id
      order by rows.user_id`.cursor(ROWS_AT_ONCE);
    for await (const page of pages) {
      for (const row of page) {
        yield withIntegers<Request>(row, [
          "amount",
          "charged",
          "balance_after",
          "entries",
          "delta",
          "entry_balance_after",
        ]);
      }
    }
  }

  #inRange(table: string, name = "user_id") {
    const { after, upTo } = this.range;
    const column = this.sql(`${table}.${name}`);
    const isAbove = after === null ? this.sql`true` : this.sql`${column} > ${after}::uuid`;
    const isNotAbove = upTo === null ? this.sql`true` : this.sql`${column} <= ${upTo}::uuid`;
    return this.sql`${isAbove} and ${isNotAbove}`;
  }
}

function withEnd(row: postgres.Row): postgres.Row {
  row.ends_at = row.ends_at === null ? null : microseconds(row.ends_at);
  return row;
}

/** The ledger's numbers may be too large for JavaScript's numbers. */
function withIntegers<Row>(row: postgres.Row, names: (keyof Row & string)[]): Row {
  for (const name of names) row[name] = row[name] === null ? null : BigInt(row[name]);
  return row as Row;
}

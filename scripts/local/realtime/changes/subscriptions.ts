import postgres from "postgres";
import type { Wanted } from "./binding.ts";
import { nothingPublished, refusedByPostgres } from "./subscription_errors.ts";

/** One binding of a channel, as it is written into `realtime.subscription`. */
export interface Subscription {
  id: string;
  wanted: Wanted;
  claims: Record<string, unknown>;
}

/** The ids of the tables that subscriptions hear of; or why there are none, and whether to try again. */
export type Written = { tables: number[] } | { error: string; mayRetry: boolean };

/** Writes subscriptions into the database, all or none, in place of earlier rows with their ids. */
export async function writeSubscriptions(
  sql: postgres.Sql,
  publication: string,
  subscriptions: Subscription[],
): Promise<Written> {
  let current: Subscription | undefined;
  try {
    return await sql.begin(async (transaction) => {
      const tables: number[] = [];
      await removeSubscriptions(transaction, subscriptions.map(({ id }) => id));
      for (current of subscriptions) {
        const found = await writeOne(transaction, publication, current);
        if (found.length === 0) throw new NothingPublished();
        tables.push(...found);
      }
      return { tables };
    });
  } catch (error) {
    if (error instanceof NothingPublished) {
      return { error: nothingPublished(current!.wanted), mayRetry: false };
    }
    if (current && error instanceof postgres.PostgresError && !isPassing(error)) {
      return { error: refusedByPostgres(current.wanted, error), mayRetry: false };
    }
    return { error: error instanceof Error ? error.message : String(error), mayRetry: true };
  }
}

/** Deletes subscriptions. */
export async function removeSubscriptions(sql: postgres.ISql, ids: string[]): Promise<void> {
  await sql`delete from realtime.subscription where subscription_id = any (${ids}::uuid[])`;
}

/** Deletes what an earlier process has left. */
export async function removeAllSubscriptions(sql: postgres.ISql): Promise<void> {
  await sql`delete from realtime.subscription`;
}

/** A table that is published. */
export interface Published {
  oid: number;
  schema: string;
  table: string;
}

/** The tables of a publication, by their ids. */
export async function publishedTables(
  sql: postgres.Sql,
  publication: string,
): Promise<Map<number, Published>> {
  const rows = await sql<Published[]>`
    select format('%I.%I', schemaname, tablename)::regclass::oid as oid, schemaname as schema, tablename as table
    from pg_catalog.pg_publication_tables where pubname = ${publication}`;
  return new Map(rows.map((row) => [Number(row.oid), { ...row, oid: Number(row.oid) }]));
}

/** Tells whether a subscription may hear of a table. */
export function mayHear({ schema, table }: Wanted, published: Published): boolean {
  // Patterns of LIKE are taken, as the real server takes them.
  const mayBe = (asked: string, name: string) => asked === "*" || asked === name || /[%_]/.test(asked);
  return mayBe(schema, published.schema) && mayBe(table, published.table);
}

class NothingPublished extends Error {}

/** What took too long would take as long again. */
const QUERY_CANCELED = "57014";

/** Connections end, servers stop: the classes of Postgres's codes that say nothing of what was asked. */
function isPassing({ code }: postgres.PostgresError): boolean {
  return /^(08|53|57|58|40)/.test(code) && code !== QUERY_CANCELED;
}

async function writeOne(
  sql: postgres.TransactionSql,
  publication: string,
  { id, wanted, claims }: Subscription,
): Promise<number[]> {
  const { schema, table, filters, action, columns } = wanted;
  const rows = await sql`
    insert into realtime.subscription
      (subscription_id, entity, filters, claims, action_filter, selected_columns)
    select
      ${id}::uuid,
      format('%I.%I', schemaname, tablename)::regclass,
      array(
        select row(name, operator::realtime.equality_op, value, negated)::realtime.user_defined_filter
        from unnest(
          ${filters.map(({ column }) => column)}::text[],
          ${filters.map(({ operator }) => operator)}::text[],
          ${filters.map(({ value }) => value)}::text[],
          ${filters.map(({ isNegated }) => String(isNegated))}::text[]::boolean[]
        ) as filter (name, operator, value, negated)
      ),
      ${sql.json(claims as postgres.JSONValue)},
      ${action},
      ${columns ?? null}::text[]
    from pg_catalog.pg_publication_tables
    where pubname = ${publication}
      and schemaname like (case ${schema} when '*' then '%' else ${schema} end) escape ''
      and tablename like (case ${table} when '*' then '%' else ${table} end) escape ''
    returning entity::oid as oid`;
  return rows.map(({ oid }) => Number(oid));
}

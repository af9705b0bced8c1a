import type postgres from "postgres";

/** A message of `realtime.messages`. */
export interface StoredMessage {
  id: string;
  event: string;
  /** JSON, as the database writes it. */
  payload: string | null;
  bytes: Uint8Array | null;
}

const MAX_REPLAYED = 25;
const DEFAULT_REPLAYED = 10;
const DAY_MS = 86_400_000;
/** A day's partition is dropped once all of its messages are older. */
const KEPT_MS = 3 * DAY_MS;
const PARTITIONS = { before: 1, after: 3 };

/** The last messages of a private topic since a time, the oldest first; undefined for a wish that is not valid. */
export async function replay(
  sql: postgres.Sql,
  topic: string,
  wish: { since?: unknown; limit?: unknown },
): Promise<StoredMessage[] | undefined> {
  const since = wish.since ?? 0;
  const limit = wish.limit ?? DEFAULT_REPLAYED;
  if (!Number.isInteger(since) || !Number.isInteger(limit)) return undefined;
  const time = new Date(Number(since));
  if (Number.isNaN(time.getTime())) return undefined;
  const rows = await sql<StoredMessage[]>`
    select id::text, event, payload::text, binary_payload as bytes
    from realtime.messages
    where topic = ${topic} and private is true and extension = 'broadcast'
      and inserted_at >= ${time.toISOString().slice(0, -1)}::text::timestamp
    order by inserted_at desc
    limit ${Math.max(1, Math.min(Number(limit), MAX_REPLAYED))}`;
  return rows.reverse();
}

/** Makes the partitions of the days around now, and drops those whose messages are kept no longer. */
export async function keepPartitions(sql: postgres.Sql, nowMs: number = Date.now()): Promise<void> {
  for (let day = -PARTITIONS.before; day <= PARTITIONS.after; day++) {
    const from = dayOf(nowMs + day * DAY_MS);
    const to = dayOf(nowMs + (day + 1) * DAY_MS);
    await sql.unsafe(`
      create table if not exists realtime.messages_${from.replaceAll("-", "_")}
      partition of realtime.messages for values from ('${from}') to ('${to}')`);
  }
  const oldest = dayOf(nowMs - KEPT_MS);
  const partitions = await sql<{ name: string }[]>`
    select child.relname as name
    from pg_inherits
    join pg_class child on child.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'realtime.messages'::regclass`;
  for (const { name } of partitions) {
    const day = /^messages_(\d{4})_(\d\d)_(\d\d)$/.exec(name)?.slice(1).join("-");
    if (day && day < oldest) await sql.unsafe(`drop table if exists realtime.${name}`);
  }
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

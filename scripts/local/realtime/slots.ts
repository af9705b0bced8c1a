import type postgres from "postgres";

/** A replication slot for which Postgres keeps more than is good. */
export interface HeldBackSlot {
  name: string;
  keptMb: number;
  /** Whether Postgres has dropped what its follower needs, so that this one must begin anew. */
  isLost: boolean;
  isFollowed: boolean;
}

/** Realtime's own slots are gone with their connection; any other keeps what its follower has not read. */
const TOO_MUCH_MB = 256;

/** The slots that keep Postgres from forgetting what it has written. */
export async function heldBackSlots(
  sql: postgres.Sql,
  tooMuchMb: number = TOO_MUCH_MB,
): Promise<HeldBackSlot[]> {
  const rows = await sql<{ name: string; kept_mb: number; is_lost: boolean; is_followed: boolean }[]>`
    select slot_name as name, active as is_followed, wal_status = 'lost' as is_lost,
      coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) / 1048576, 0)::int as kept_mb
    from pg_replication_slots
    where wal_status in ('unreserved', 'lost')
      or pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > ${tooMuchMb}::bigint * 1048576
    order by slot_name`;
  return rows.map(({ name, kept_mb, is_lost, is_followed }) => ({
    name,
    keptMb: kept_mb,
    isLost: is_lost,
    isFollowed: is_followed,
  }));
}

/** A slot's problem in a sentence. */
export function describeSlot({ name, keptMb, isLost, isFollowed }: HeldBackSlot): string {
  if (isLost) return `The replication slot ${name} has lost its place: its follower must begin anew`;
  return `Postgres keeps ${keptMb} MB for the replication slot ${name}, which ${
    isFollowed ? "is read too slowly" : "nobody reads"
  }`;
}

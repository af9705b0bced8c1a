import type postgres from "postgres";

import { type MemoryMb, readMemory } from "./memory.ts";

/** The state of a stack at one moment. */
export interface Sample {
  memoryMb: MemoryMb;
  connections: number;
  /** The longest current wait. */
  longestLockWaitMs: number;
}

/** Takes one sample of a stack, as its superuser, who sees all connections. */
export async function takeSample(sql: postgres.Sql, dataDir: string): Promise<Sample> {
  const [row] = await sql<{ connections: number; longest_lock_wait_ms: number }[]>`
    select
      (select count(*)::integer from pg_stat_activity
       where backend_type = 'client backend' and pid <> pg_backend_pid()) as connections,
      coalesce((select max(extract(epoch from clock_timestamp() - waitstart)) * 1000
        from pg_locks where not granted), 0)::float8 as longest_lock_wait_ms`;
  return {
    memoryMb: await readMemory(dataDir),
    connections: row!.connections,
    longestLockWaitMs: Math.max(0, row!.longest_lock_wait_ms),
  };
}

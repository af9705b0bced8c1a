import { join } from "node:path";
import postgres from "postgres";

import type { Stack } from "../../scripts/local/stack.ts";
import type { Effort } from "../interleave.ts";
import { Pgbench, requirePgbench } from "../pgbench.ts";
import { measure, type Report } from "../section.ts";
import { measureBytes } from "./bytes.ts";
import { ledgerComparisons } from "./comparisons.ts";
import { Redis } from "./redis.ts";
import { makeUsers } from "./users.ts";

/** Measures the ledger in the database: its speed compared with the minimal charge, and its bytes. */
export async function measureLedger(stack: Stack, effort: Effort, report: Report): Promise<void> {
  await requirePgbench();
  const folder = join(stack.dataDir, "pgbench"); // Removed with the stack, also when a run is interrupted.
  await Deno.mkdir(folder);
  const owner = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  const admin = postgres(stack.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  let redis: Redis | undefined;
  try {
    await owner.unsafe(await Deno.readTextFile(join(import.meta.dirname!, "bare.sql")));
    await makeUsers(owner);
    const pgbench = new Pgbench(folder, stack.databaseUrl);
    redis = await Redis.open(folder);
    if (!redis) console.log("Redis is left out: install redis-server and redis-tools to compare with it");
    for (const comparison of ledgerComparisons(pgbench, owner, redis)) {
      report(await measure(comparison, effort));
    }
    report(await measureBytes(pgbench, admin));
    await requireSound(owner);
  } finally {
    await Promise.all([owner.end(), admin.end(), redis?.close()]);
  }
}

/** The result must also be correct. */
async function requireSound(sql: postgres.Sql): Promise<void> {
  const broken = await sql`select * from public.verify_token_ledger()`;
  if (broken.length > 0) throw new Error(`The ledger is broken after the run: ${JSON.stringify(broken[0])}`);
}

import type postgres from "postgres";

import type { Pgbench, PgbenchLoad } from "../pgbench.ts";
import { serverCpuMs } from "../server_cpu.ts";
import type { Comparison, Outcome, Side } from "../side.ts";
import type { Redis } from "./redis.ts";
import { BATCH_CLIENTS, BATCH_SIZE, batchOf, scriptOf, scriptOfTwice } from "./scripts.ts";
import { type Spread, USER_COUNT } from "./users.ts";

const TITLES: Record<Spread, string> = {
  "spread": `${USER_COUNT.toLocaleString("en-US")} users`,
  "one user": "all on one user",
};

const IN_BATCHES: PgbenchLoad = { operations: BATCH_SIZE, clients: BATCH_CLIENTS };

/** Compares the ledger's hot path with the minimal charge and with Redis, over many users and on one. */
export function ledgerComparisons(
  pgbench: Pgbench,
  sql: postgres.Sql,
  redis: Redis | undefined,
): Comparison[] {
  const side = (name: string, script: string, load?: PgbenchLoad): Side => ({
    name,
    run: (seconds) => withServerCpu(sql, () => pgbench.forSeconds(script, seconds, load)),
  });
  return (["spread", "one user"] as const).flatMap((spread): Comparison[] => [
    {
      title: `A charge in one step, ${TITLES[spread]}`,
      unit: "charges",
      reference: "bare: update + insert",
      sides: [
        side("select 1 (the round trip)", scriptOf("select 1", spread)),
        side("barest: identity key, no check", scriptOf("barest", spread)),
        side("bare: update + insert", scriptOf("bare", spread)),
        side("consume_tokens_atomic, chain taken out", scriptOf("without chain", spread)),
        side("consume_tokens_atomic", scriptOf("consume", spread)),
      ],
    },
    {
      title: `Hold and settle, two transactions, ${TITLES[spread]}`,
      unit: "pairs",
      reference: "bare, twice",
      sides: [
        side("bare, twice", scriptOfTwice("bare", spread)),
        side("hold_tokens + settle_tokens", scriptOf("hold, settle", spread)),
        side(`batches of ${BATCH_SIZE} holds, then settlements`, batchOf("hold, settle", spread), IN_BATCHES),
      ],
    },
    {
      title: `Batches, and Redis, ${TITLES[spread]}`,
      unit: "charges",
      reference: "consume_tokens_atomic",
      sides: [
        side("consume_tokens_atomic", scriptOf("consume", spread)),
        side(`consume_tokens_batch of ${BATCH_SIZE}`, batchOf("consume", spread), IN_BATCHES),
        ...redis
          ? [1, BATCH_SIZE].map((pipeline) => ({
            name: `Redis: Lua, appendfsync always${pipeline > 1 ? `, ${pipeline} in a pipeline` : ""}`,
            run: (seconds: number) => redis.charge(spread, seconds, pipeline),
          }))
          : [],
      ],
    },
  ]);
}

async function withServerCpu(sql: postgres.Sql, run: () => Promise<Outcome>): Promise<Outcome> {
  const before = await serverCpuMs(sql);
  const outcome = await run();
  const after = await serverCpuMs(sql);
  if (before === undefined || after === undefined) return outcome;
  return { ...outcome, serverCpuMs: after - before };
}

import type postgres from "postgres";

import type { Pgbench } from "../pgbench.ts";
import { serverCpuMs } from "../server_cpu.ts";
import type { Comparison, Outcome, Side } from "../side.ts";
import { scriptOf, scriptOfTwice } from "./scripts.ts";
import { type Spread, USER_COUNT } from "./users.ts";

const TITLES: Record<Spread, string> = {
  "spread": `${USER_COUNT.toLocaleString("en-US")} users`,
  "one user": "all on one user",
};

/** The ledger's hot path against the least it could be, spread and on one user. */
export function ledgerComparisons(pgbench: Pgbench, sql: postgres.Sql): Comparison[] {
  const side = (name: string, script: string): Side => ({
    name,
    run: (seconds) => withServerCpu(sql, () => pgbench.forSeconds(script, seconds)),
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

import { join } from "node:path";
import postgres from "postgres";

import type { Stack } from "../../scripts/local/stack.ts";
import type { Effort } from "../interleave.ts";
import { comparisonTable } from "../markdown.ts";
import { Pgbench, requirePgbench } from "../pgbench.ts";
import { measure, type Report } from "../section.ts";
import type { Comparison, Measurement, Side } from "../side.ts";
import { fillMany, fillWaiting, liftLimits, SCRIPTS, takeMany } from "./phones.ts";

const MANY = 1_000_000;
const LIMITS_PER_CALL = 5;

/** Measures one-time codes in the database: request and verification compared with minimal implementations. */
export async function measureOtp(stack: Stack, effort: Effort, report: Report): Promise<void> {
  await requirePgbench();
  const folder = join(stack.dataDir, "pgbench-otp");
  await Deno.mkdir(folder);
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  const pgbench = new Pgbench(folder, stack.databaseUrl);
  const side = (name: string, script: keyof typeof SCRIPTS, operations = 1): Side => ({
    name,
    run: (seconds) => pgbench.forSeconds(SCRIPTS[script], seconds, { operations }),
  });
  try {
    await sql.unsafe(await Deno.readTextFile(join(import.meta.dirname!, "bare.sql")));
    await liftLimits(sql);
    const small: Comparison[] = [
      {
        title: "One-time codes: a request, all in one country",
        unit: "requests",
        reference: "bare insert",
        sides: [side("bare insert", "bare insert"), side("request_otp", "request_otp")],
      },
      {
        title: "One-time codes: a verification, all in one country",
        unit: "verifications",
        reference: "bare update",
        sides: [side("bare update", "bare update"), side("verify_otp", "verify_otp")],
      },
      {
        title: "Limits checked, five in a call",
        unit: "limits",
        reference: "take_rate_limits",
        sides: [side("take_rate_limits", "limits", LIMITS_PER_CALL)],
      },
    ];
    for (const comparison of small) {
      await fillWaiting(sql);
      report(await measure(comparison, effort));
    }
    await measureGrown(sql, pgbench, effort, report);
  } finally {
    await sql.end();
  }
}

/** Filling takes as long as many runs. */
const MAX_ROUNDS = 3;

/** The same with a million more rows. The two sides take turns, because the machine's load varies. */
async function measureGrown(
  sql: postgres.Sql,
  pgbench: Pgbench,
  effort: Effort,
  report: Report,
): Promise<void> {
  const states = ["few rows", "a million more"];
  const scripts = ["request_otp", "verify_otp"] as const;
  const measured = scripts.map(() => states.map((name): Measurement => ({ name, rounds: [] })));
  await fillWaiting(sql);
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) {
    for (const state of states.keys()) {
      await (state === 0 ? takeMany(sql) : fillMany(sql, MANY));
      for (const [index, script] of scripts.entries()) {
        await pgbench.forSeconds(SCRIPTS[script], 1);
        const { count, p50Ms, p99Ms } = await pgbench.forSeconds(SCRIPTS[script], effort.seconds);
        measured[index]![state]!.rounds.push({ ratePerSecond: count / effort.seconds, p50Ms, p99Ms });
      }
    }
  }
  for (const [index, script] of scripts.entries()) {
    const title = `One-time codes: ${script} with ${MANY.toLocaleString("en-US")} rows more`;
    const comparison = { title, unit: "calls", reference: states[0]!, sides: [] };
    report({ title, table: comparisonTable(comparison, measured[index]!) });
  }
}

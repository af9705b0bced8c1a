import { join } from "node:path";
import postgres from "postgres";

import { findFreePortBase, type Stack } from "../../scripts/local/stack.ts";
import { startUnlimitedStack } from "../../scripts/local/unlimited.ts";
import type { Effort } from "../interleave.ts";
import { count, table } from "../markdown.ts";
import { Pgbench, requirePgbench } from "../pgbench.ts";
import { measure, type Report } from "../section.ts";
import type { Comparison } from "../side.ts";
import { ACTIVE_USERS, fill, OPERATIONS, type Size } from "./ledger_of_size.ts";

const SMALL: Size = { entries: 10_000, users: ACTIVE_USERS };
const LARGE: Size = { entries: 10_000_000, users: 100_000 };

/** The schedule runs one cleanup at a time: a second one would do nothing. */
const CLIENTS_OF: Record<string, number> = { "a cleanup": 1 };

interface Grown {
  name: string;
  sql: postgres.Sql;
  pgbench: Pgbench;
}

/** Compares a ledger with one a thousand times larger: two databases, in turns. */
export async function measureGrowth(_stack: Stack, effort: Effort, report: Report): Promise<void> {
  await requirePgbench();
  const opened: (() => Promise<void>)[] = [];
  try {
    const ledgers: Grown[] = [];
    for (const size of [SMALL, LARGE]) {
      const { grown, close } = await openLedger(size);
      opened.push(close);
      ledgers.push(grown);
    }
    for (const [title, script] of Object.entries(OPERATIONS)) {
      report(await measure(comparisonOf(title, script, ledgers), effort));
    }
    report(await measureAudit(ledgers));
  } finally {
    for (const close of opened) await close();
  }
}

async function openLedger(size: Size): Promise<{ grown: Grown; close(): Promise<void> }> {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-bench-" });
  let stack: Stack | undefined;
  let sql: postgres.Sql | undefined;
  const close = async () => {
    await sql?.end();
    await stack?.stop();
    await Deno.remove(dataDir, { recursive: true });
  };
  try {
    stack = await startUnlimitedStack({ portBase: await findFreePortBase(), dataDir, quiet: true });
    sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
    await fill(sql, size);
    const folder = join(dataDir, "pgbench");
    await Deno.mkdir(folder);
    const grown = {
      name: `${count(size.entries)} entries`,
      sql,
      pgbench: new Pgbench(folder, stack.databaseUrl),
    };
    return { grown, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function comparisonOf(title: string, script: string, ledgers: Grown[]): Comparison {
  return {
    title: `Growth: ${title}`,
    unit: "calls",
    reference: ledgers[0]!.name,
    sides: ledgers.map(({ name, pgbench }) => ({
      name,
      run: (seconds) => pgbench.forSeconds(script, seconds, { clients: CLIENTS_OF[title] }),
    })),
  };
}

/** The audit reads everything, so what counts is the cost per entry. */
async function measureAudit(ledgers: Grown[]) {
  const rows: string[][] = [];
  for (const { name, sql } of ledgers) {
    const [{ entries }] = await sql<[{ entries: number }]>`
      select count(*)::float8 as entries from public.token_balance_history`;
    const start = performance.now();
    const broken = await sql`select * from public.verify_token_ledger()`;
    const seconds = (performance.now() - start) / 1_000;
    if (broken.length > 0) {
      throw new Error(`The ledger is broken after the run: ${JSON.stringify(broken[0])}`);
    }
    rows.push([name, count(entries), seconds.toFixed(1), (seconds * 1e6 / entries).toFixed(1)]);
  }
  return {
    title: "Growth: the audit, which reads everything",
    table: table(["verify_token_ledger()", "entries", "s", "µs per entry"], rows),
  };
}

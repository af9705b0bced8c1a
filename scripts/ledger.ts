import { parseArgs } from "node:util";
import type postgres from "postgres";

import { connectTo } from "./local/connect.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";

const USAGE =
  `deno task ledger verify [--anchor FILE] [--db-url URL]   checks every invariant and the chain of every history
deno task ledger anchor [--db-url URL] > FILE            prints the end of every history, to be kept elsewhere

The database is the running local stack's, or the one of --db-url. An anchor shows what the chain alone cannot: a history
that somebody wrote anew from some entry on.`;

/** The end of one user's history at one time. */
interface Anchor {
  user_id: string;
  entry_number: number;
  chain: string;
}

/** One thing that is wrong, in a line. */
type Finding = string;

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { "anchor": { type: "string" }, "db-url": { type: "string" } },
});

try {
  const sql = connectTo(values["db-url"] ?? (await findRunningStack()).databaseUrl);
  try {
    await run(sql, positionals[0]);
  } finally {
    await sql.end();
  }
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(2);
}

async function run(sql: postgres.Sql, command: string | undefined): Promise<void> {
  if (command === "anchor") {
    for (const anchor of await anchorsOf(sql)) console.log(JSON.stringify(anchor));
    return;
  }
  if (command !== "verify") throw new StackError(USAGE);
  const findings = [
    ...await brokenInvariants(sql),
    ...await brokenChains(sql),
    ...(values.anchor ? await lostAnchors(sql, await readAnchors(values.anchor)) : []),
  ];
  for (const finding of findings) console.log(finding);
  console.log(findings.length === 0 ? "The ledger is sound" : `${findings.length} findings`);
  if (findings.length > 0) Deno.exitCode = 1;
}

async function brokenInvariants(sql: postgres.Sql): Promise<Finding[]> {
  const rows = await sql`select * from public.verify_token_ledger()`;
  return rows.map((row) =>
    `user ${row.user_id}${row.request_id ? `, request ${row.request_id}` : ""}: ` +
    `broken is "${row.invariant}": ${JSON.stringify(row.details)}`
  );
}

async function brokenChains(sql: postgres.Sql): Promise<Finding[]> {
  const rows = await sql`select * from public.verify_token_chain()`;
  return rows.map((row) =>
    `user ${row.user_id}, entry ${row.entry_number}${row.request_id ? `, request ${row.request_id}` : ""}: ` +
    row.problem
  );
}

/** Entries that an anchor names and that are gone or differ now. */
async function lostAnchors(sql: postgres.Sql, anchors: Anchor[]): Promise<Finding[]> {
  const rows = await sql`
    select anchor.user_id, anchor.entry_number
    from jsonb_to_recordset(${sql.json(anchors as unknown as postgres.JSONValue)})
      as anchor (user_id uuid, entry_number bigint, chain text)
    left join public.token_balance_history as history using (user_id, entry_number)
    where encode(history.chain, 'hex') is distinct from anchor.chain`;
  return rows.map((row) =>
    `user ${row.user_id}, up to entry ${row.entry_number}: the history is not the one of the anchor`
  );
}

async function anchorsOf(sql: postgres.Sql): Promise<Anchor[]> {
  return await sql<Anchor[]>`
    select distinct on (user_id) user_id, entry_number::float8, encode(chain, 'hex') as chain
    from public.token_balance_history
    order by user_id, entry_number desc`;
}

async function readAnchors(file: string): Promise<Anchor[]> {
  try {
    return (await Deno.readTextFile(file)).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  } catch (error) {
    throw new StackError(`Cannot read the anchor ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

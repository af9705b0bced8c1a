import { parseArgs } from "node:util";
import type postgres from "postgres";

import { linesOfDatabase, linesOfFile, makeAnchor, openAnchor, writeAnchor } from "./ledger/anchors.ts";
import { verify } from "./ledger/verify.ts";
import { connectTo } from "./local/connect.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";
import { explainWhenAsked } from "./local/usage.ts";

const USAGE =
  `deno task ledger verify [--anchor FILE] [--digest HEX]   recomputes every chain and every invariant, and compares
                                                         them with an anchor
deno task ledger anchor [--to FILE | FOLDER]             prints the last entry of every history, or writes it to a file

Each takes --db-url URL; without it the database is the running local stack's. An anchor shows what the chain alone cannot:
a history that somebody rewrote. With --digest, which a receiver of the alert ledger_anchor has kept, the lines may come
from the database itself.`;

explainWhenAsked("ledger", USAGE);

const { values, positionals } = readArguments();

try {
  const sql = connectTo(values["db-url"] ?? (await findRunningStack()).databaseUrl, { connections: 2 });
  try {
    if (positionals[0] === "anchor") await anchor(sql);
    else if (positionals[0] === "verify") await audit(sql);
    else throw new StackError(USAGE);
  } finally {
    await sql.end();
  }
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(2);
}

async function anchor(sql: postgres.Sql): Promise<void> {
  const lines = makeAnchor(sql);
  if (values.to === undefined) { for await (const line of lines) console.log(line); }
  else console.log(await writeAnchor(values.to, lines));
}

async function audit(sql: postgres.Sql): Promise<void> {
  const { anchor, digest } = values;
  if (digest !== undefined && !/^[0-9a-f]{64}$/i.test(digest)) {
    throw new StackError("--digest must be 64 hexadecimal digits");
  }
  const lines = anchor !== undefined
    ? linesOfFile(anchor)
    : digest !== undefined
    ? linesOfDatabase(sql, digest)
    : undefined;
  const anchors = lines && openAnchor(lines, digest);
  const { findings, archivedSince } = await verify(sql, (finding) => console.log(finding), anchors);
  if (archivedSince > 0) {
    console.log(
      `${archivedSince} users' entries of that time are archived: only a newer anchor can check them`,
    );
  }
  console.log(findings === 0 ? "The ledger is sound" : `${findings} findings`);
  if (findings > 0) Deno.exitCode = 1;
}

/** Wrong options end like any other mistake of the caller's: with their message. */
function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: {
        "anchor": { type: "string" },
        "db-url": { type: "string" },
        "digest": { type: "string" },
        "to": { type: "string" },
      },
    });
  } catch (error) {
    console.error(`${printableFailure(error)}\n\n${USAGE}`);
    Deno.exit(2);
  }
}

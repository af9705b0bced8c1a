import { parseArgs } from "node:util";
import type postgres from "postgres";

import { connectTo } from "../local/connect.ts";
import { printableFailure, StackError } from "../local/errors.ts";
import { findRunningStack } from "../local/running.ts";
import { linesOfDatabase, linesOfFile, makeAnchor, openAnchor, writeAnchor } from "./anchors.ts";
import { verify } from "./verify.ts";

export const USAGE =
  `deno task ledger verify [--anchor FILE] [--digest HEX]   recomputes every chain and every invariant, and compares
                                                         them with an anchor
deno task ledger anchor [--to FILE | FOLDER]             prints the last entry of every history, or writes it to a file

Each takes --db-url URL; without it the database is the running local stack's. An anchor shows what the chain alone cannot:
a history that somebody rewrote. With --digest, which a receiver of the alert ledger_anchor has kept, the lines may come
from the database itself.`;

type Print = (line: string) => void;

/** Where a command's lines go. */
export interface Output {
  print: Print;
  complain: Print;
}

/** Runs the command; returns its exit code: 1 for findings, 2 for what it could not do. */
export async function runLedgerCommand(args: string[], { print, complain }: Output): Promise<number> {
  const options = readOptions(args);
  if (options instanceof Error) {
    complain(`${printableFailure(options)}\n\n${USAGE}`);
    return 2;
  }
  try {
    const sql = connectTo(options["db-url"] ?? (await findRunningStack()).databaseUrl, { connections: 2 });
    try {
      if (options.command === "verify") return await audit(sql, options, print) ? 0 : 1;
      if (options.command !== "anchor") throw new StackError(USAGE);
      await anchor(sql, options.to, print);
      return 0;
    } finally {
      await sql.end();
    }
  } catch (error) {
    complain(printableFailure(error));
    return 2;
  }
}

interface Options {
  command: string | undefined;
  anchor?: string;
  "db-url"?: string;
  digest?: string;
  to?: string;
}

async function anchor(sql: postgres.Sql, to: string | undefined, print: Print): Promise<void> {
  const lines = makeAnchor(sql);
  if (to === undefined) { for await (const line of lines) print(line); }
  else print(await writeAnchor(to, lines));
}

/** Returns whether the ledger is sound. */
async function audit(
  sql: postgres.Sql,
  { anchor, digest }: Options,
  print: Print,
): Promise<boolean> {
  if (digest !== undefined && !/^[0-9a-f]{64}$/i.test(digest)) {
    throw new StackError("--digest must be 64 hexadecimal digits");
  }
  const lines = anchor !== undefined
    ? linesOfFile(anchor)
    : digest !== undefined
    ? linesOfDatabase(sql, digest)
    : undefined;
  const anchors = lines && openAnchor(lines, digest);
  const { findings, archivedSince } = await verify(sql, print, anchors);
  if (archivedSince > 0) {
    print(
      `${archivedSince} users' entries of that time are archived: only a newer anchor can check them`,
    );
  }
  print(findings === 0 ? "The ledger is sound" : `${findings} findings`);
  return findings === 0;
}

/** The options, or what is wrong with them. */
function readOptions(args: string[]): Options | Error {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        "anchor": { type: "string" },
        "db-url": { type: "string" },
        "digest": { type: "string" },
        "to": { type: "string" },
      },
    });
    return { command: positionals[0], ...values };
  } catch (error) {
    return error as Error;
  }
}

// Anchors: the last entry of every user's history at one time, kept where nobody with write access to the ledger can
// change them.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

import postgres from "postgres";
import { StackError } from "../local/errors.ts";

/** The last entry of one user's history, and the balance then. Numbers are texts, as they may be above 2^53. */
export interface Anchor {
  user_id: string;
  entry_number: string;
  balance: string;
  granted: string;
  /** The newest entry's chain, in hexadecimal; empty without entries. */
  chain: string;
}

/** The last line of an anchor, which seals all lines before it. */
export interface Seal {
  made_at: string;
  user_count: number;
  /** In hexadecimal. */
  digest: string;
}

/** How many lines are digested at a time, here and in private.anchor_token_ledger(). */
const LINES_OF_PART = 5_000;

/** A running SHA-256: of each part of the lines together with the digest of the parts before. */
export class AnchorDigest {
  #digest: Uint8Array = new Uint8Array();
  #lines: string[] = [];
  userCount = 0;

  add(line: string): void {
    this.userCount++;
    this.#lines.push(`${line}\n`);
    if (this.#lines.length === LINES_OF_PART) this.#endPart();
  }

  /** The digest of all lines, in hexadecimal. */
  end(): string {
    if (this.#lines.length > 0) this.#endPart();
    return Buffer.from(this.#digest).toString("hex");
  }

  #endPart(): void {
    this.#digest = createHash("sha256").update(this.#digest).update(this.#lines.join("")).digest();
    this.#lines = [];
  }
}

/** The lines of a new anchor with its seal, read from the tables. */
export async function* makeAnchor(sql: postgres.Sql): AsyncGenerator<string> {
  const digest = new AnchorDigest();
  const madeAt = new Date();
  const pages = sql`
    select ends.user_id::text, ends.entry_number::text, ends.balance::text, ends.granted::text,
      coalesce(encode(ends.chain, 'hex'), '') as chain
    from (
      select user_id, entry_count as entry_number, balance, granted, chain from public.token_balances
      union all
      select user_id, entry_number, balance, granted, chain from token_history.openings as openings
      where not exists (select from public.token_balances as known where known.user_id = openings.user_id)
    ) as ends
    order by ends.user_id`.cursor(LINES_OF_PART);
  for await (const page of pages) {
    for (const { user_id, entry_number, balance, granted, chain } of page) {
      const line = JSON.stringify({ user_id, entry_number, balance, granted, chain } satisfies Anchor);
      digest.add(line);
      yield line;
    }
  }
  yield JSON.stringify(
    {
      made_at: madeAt.toISOString(),
      user_count: digest.userCount,
      digest: digest.end(),
    } satisfies Seal,
  );
}

/**
 * Reads anchors from lines, in the order of the users. Throws if the lines do not match their seal or, if given, the
 * digest that was kept elsewhere; everything yielded until then is then invalid.
 */
export async function* openAnchor(lines: AsyncIterable<string>, digestKept?: string): AsyncGenerator<Anchor> {
  const digest = new AnchorDigest();
  let seal: Seal | undefined;
  let lastUserId = "";
  for await (const line of lines) {
    const value = parse(line);
    if (seal !== undefined || value === undefined) {
      throw new StackError("The anchor is damaged: it does not have one line per user");
    }
    if ("digest" in value) {
      seal = value;
      continue;
    }
    if (value.user_id <= lastUserId) {
      throw new StackError("The anchor is damaged: its users are not in order");
    }
    lastUserId = value.user_id;
    digest.add(line);
    yield value;
  }
  if (seal === undefined) throw new StackError("The anchor is damaged: its last line is missing");
  const found = digest.end();
  if (found !== seal.digest || digest.userCount !== seal.user_count) {
    throw new StackError("The anchor is damaged: its lines do not match its digest");
  }
  if (digestKept !== undefined && found !== digestKept.toLowerCase()) {
    throw new StackError("The anchor does not match the digest that was kept");
  }
}

function parse(line: string): Anchor | Seal | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The lines of a file. */
export async function* linesOfFile(path: string): AsyncGenerator<string> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    throw new StackError(`Cannot read the anchor ${path}: ${error instanceof Error ? error.message : error}`);
  }
  let rest = "";
  for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines.filter(Boolean);
  }
  if (rest) yield rest;
}

/**
 * The lines of an anchor in the database itself. They prove nothing without the digest that was kept elsewhere, so
 * the caller must require it.
 */
export async function* linesOfDatabase(sql: postgres.Sql, digestKept: string): AsyncGenerator<string> {
  const [stored] = await sql`
    select made_at::text from token_history.anchors where digest = decode(${digestKept}, 'hex') order by made_at desc limit 1`;
  if (stored === undefined) {
    throw new StackError(
      "The database no longer has the anchor with this digest: it keeps them for three days, or somebody deleted it",
    );
  }
  let userCount = 0;
  // Found by the digest, as a time would lose its microseconds on the way here and back.
  const parts = sql`
    select lines from token_history.anchors
    where made_at = (
      select made_at from token_history.anchors where digest = decode(${digestKept}, 'hex') order by made_at desc limit 1)
    order by part_number`.cursor(1);
  for await (const [part] of parts) {
    for (const line of part!.lines.split("\n").filter(Boolean)) {
      userCount++;
      yield line;
    }
  }
  yield JSON.stringify(
    {
      made_at: stored.made_at,
      user_count: userCount,
      digest: digestKept.toLowerCase(),
    } satisfies Seal,
  );
}

/** Writes lines to a file atomically; in a folder, the file is named after the day. Returns its path. */
export async function writeAnchor(to: string, lines: AsyncIterable<string>): Promise<string> {
  const isFolder = await Deno.stat(to).then((found) => found.isDirectory, () => to.endsWith("/"));
  if (isFolder) await Deno.mkdir(to, { recursive: true });
  const path = isFolder
    ? `${to.replace(/\/$/, "")}/anchor-${new Date().toISOString().slice(0, 10)}.jsonl`
    : to;
  const unfinished = `${path}.unfinished`;
  const file = await Deno.open(unfinished, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  for await (const line of lines) await writer.write(encoder.encode(`${line}\n`));
  await writer.close();
  await Deno.rename(unfinished, path);
  return path;
}

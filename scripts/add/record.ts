import { z } from "zod";

import { StackError } from "../local/errors.ts";
import { parseJson } from "../modules/manifest.ts";

/** The file in which a project records what was added to it. */
export const RECORD = "supabase/tessera.json";

const Digest = z.string().regex(/^[0-9a-f]{64}$/);
const Path = z.string().regex(/^supabase\/(?!.*(^|\/)\.\.(\/|$))/);

const Given = z.strictObject({
  /** Tessera's version at the last write of each module. */
  modules: z.record(z.string(), z.string()),
  /** By Tessera's name of the migration: the file in this project, and the digest of Tessera's text. */
  migrations: z.record(z.string(), z.strictObject({ file: Path, digest: Digest })),
  functions: z.array(z.string()),
  imports: z.record(z.string(), z.string()),
  /** Digests of the files as they were written. */
  files: z.record(Path, Digest),
});

/** What was added to a project, so that its owner's changes can be detected. */
export type Given = z.infer<typeof Given>;

/** The record of a project to which nothing was added yet. */
export function emptyRecord(): Given {
  return { modules: {}, migrations: {}, functions: [], imports: {}, files: {} };
}

/** Parses a record; undefined means that there is none. */
export function parseRecord(text: string | undefined): Given {
  if (text === undefined) return emptyRecord();
  const { data, error } = Given.safeParse(parseJson(RECORD, text));
  if (!data) throw new StackError(`${RECORD}: ${z.prettifyError(error)}`);
  return data;
}

/** The record's text, in a stable order. */
export function recordText(record: Given): string {
  const sorted = <Value>(entries: { [key: string]: Value }) =>
    Object.fromEntries(Object.entries(entries).sort(([a], [b]) => a < b ? -1 : 1));
  const ordered: Given = {
    modules: sorted(record.modules),
    migrations: record.migrations,
    functions: record.functions.toSorted(),
    imports: sorted(record.imports),
    files: sorted(record.files),
  };
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/** The SHA-256 of a text. */
export async function digestOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

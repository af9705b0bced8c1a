import type { DatabaseClient } from "../database/database.ts";
import { AppError } from "../platform/errors.ts";

const PAGE_ENTRIES = 1_000;

const COLUMNS = [
  "entry_number",
  "created_at",
  "operation_type",
  "delta",
  "balance_after",
  "request_id",
  "metadata",
  "actor_id",
] as const;

type Entry = Record<typeof COLUMNS[number], unknown> & { entry_number: number };

/**
 * A user's entries, oldest first, read page by page on demand. Throws `service_unavailable` if the first page cannot
 * be read; a later failure aborts the stream.
 */
export async function readEntries(client: DatabaseClient, userId: string): Promise<AsyncGenerator<Entry[]>> {
  const readPage = async (after: number): Promise<Entry[]> => {
    const { data, error } = await client.from("token_balance_history").select(COLUMNS.join(","))
      .eq("user_id", userId).gt("entry_number", after).order("entry_number").limit(PAGE_ENTRIES);
    if (error) {
      throw new AppError("service_unavailable", "The ledger cannot be reached at the moment", {
        cause: error,
      });
    }
    return data as unknown as Entry[];
  };
  const first = await readPage(0);
  return (async function* () {
    for (let page = first; page.length > 0; page = await readPage(page.at(-1)!.entry_number)) {
      yield page;
      if (page.length < PAGE_ENTRIES) return;
    }
  })();
}

/** As CSV with a header line (RFC 4180). https://www.rfc-editor.org/rfc/rfc4180 */
export async function* csvOf(pages: AsyncIterable<Entry[]>): AsyncGenerator<string> {
  yield `${COLUMNS.join(",")}\r\n`;
  for await (const page of pages) {
    yield page.map((entry) => `${COLUMNS.map((column) => csvCell(entry[column])).join(",")}\r\n`).join("");
  }
}

/** As JSON, one entry per line. */
export async function* jsonOf(pages: AsyncIterable<Entry[]>): AsyncGenerator<string> {
  for await (const page of pages) yield page.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  // Spreadsheets run cells that begin like a formula. https://owasp.org/www-community/attacks/CSV_Injection
  const harmless = typeof value === "string" && /^[=+\-@\t\r](?![\w-]*$)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

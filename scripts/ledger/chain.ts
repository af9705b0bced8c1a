import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

import type { Entry } from "./entries.ts";

const CHAIN_BYTES = 16;

/**
 * What the chain of an entry must be, in hexadecimal, after an entry with the other chain (null before the first): made
 * here, as whoever can alter the ledger can alter its function for that too.
 */
export function chainOf(previous: string | null, entry: Entry): string {
  const parts = [
    entry.user_id,
    entry.entry_number,
    entry.delta,
    entry.balance_after,
    entry.created_at_s,
    characters(entry.operation_type),
    entry.operation_type,
    entry.request_id === null ? 0 : characters(entry.request_id),
    entry.request_id,
    entry.metadata,
  ];
  return createHash("sha256")
    .update(Buffer.from(previous ?? "", "hex"))
    .update(parts.filter((part) => part !== null).join("|"), "utf8")
    .digest().subarray(0, CHAIN_BYTES).toString("hex");
}

/** As Postgres counts them: code points. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

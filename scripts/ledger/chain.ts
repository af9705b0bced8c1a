import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

import type { Entry } from "./entries.ts";

const CHAIN_BYTES = 16;

/**
 * Computes an entry's chain, in hexadecimal, from the chain of the entry before (null for the first). It is computed
 * here, because somebody who can change the ledger can change its function too.
 */
export function chainOf(previous: string | null, entry: Entry): string {
  const parts = [
    entry.user_id,
    entry.actor_id,
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

/** Counted in code points, like Postgres. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

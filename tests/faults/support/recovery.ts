import postgres from "postgres";
import { expect } from "vitest";

import { delay } from "../../../scripts/local/process_ids.ts";
import type { Stack } from "../../../scripts/local/stack.ts";
import { audit } from "../../../scripts/soak/audit.ts";
import { eventually } from "../../http/support/calls.ts";
import type { Load } from "./load.ts";

const RECOVERY_MS = 60_000;

/** Waits until metered calls are answered again. */
export async function awaitSuccess(load: Load): Promise<void> {
  const before = load.successes;
  for (const end = Date.now() + RECOVERY_MS; load.successes === before; await delay(20)) {
    if (Date.now() > end) {
      throw new Error(`No metered call was answered within ${RECOVERY_MS} ms; last: ${load.lastFailure}`);
    }
  }
}

/**
 * Ends the load on a stack that works again, lets abandoned holds expire, completes open requests, replays
 * everything, and compares the ledger with the responses that clients got.
 */
export async function expectRightAfterAll(stack: Stack, load: Load): Promise<void> {
  await load.stop();
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const tooLong = await sql`
      select request_id from public.token_consumption_locks
      where status = 'held' and expires_at > now() + interval '10 minutes'`;
    expect([...tooLong]).toEqual([]);
    // More than once, as a run that its client gave up may still be on its way to a hold.
    await eventually("nothing to be held", async () => {
      await sql`
        update public.token_consumption_locks set expires_at = now() - interval '1 second' where status = 'held'`;
      // A part that was killed last may not serve yet: then once more.
      await load.project.rpc("cleanup_expired_locks", {}).catch(() => {});
      const held = await sql`select user_id from public.token_balances where held <> 0`;
      return held.length === 0;
    });
    await load.finish();
    await load.replayAll();
    expect(load.misbehaviour).toEqual([]);
    expect(await audit(sql, load.userIds, load.books)).toEqual([]);
  } finally {
    await sql.end();
  }
}

/** One line of what a run went through. */
export function describeLoad(load: Load): string {
  const { books, failures, serverErrors, conflicts } = load;
  return `${books.charges.size} charges, ${books.grants.size} grants, ${failures} failed tries ` +
    `(${serverErrors} of them 5xx, ${conflicts} 409), slowest answer ${Math.round(load.slowestMs)} ms`;
}

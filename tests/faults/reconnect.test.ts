import { expect, it } from "vitest";

import { findFreePort } from "../../scripts/local/ports.ts";
import { connectToLedger } from "../../supabase/functions/_shared/ledger/postgres.ts";

const CALLS = 8;
/** A client may wait so long; a settlement repeats itself four times and must stay within a request's time. */
const LIMIT_MS = 2_000;

it("every call sees at once whether the database is down or back, however many calls failed before", async () => {
  const ledger = connectToLedger(`postgres://nobody:nothing@127.0.0.1:${await findFreePort()}/nowhere`);
  const durationsMs: number[] = [];
  for (let call = 0; call < CALLS; call++) {
    const start = performance.now();
    const { error } = await ledger.rpc("hold_tokens", {});
    durationsMs.push(Math.round(performance.now() - start));
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
  }
  expect(durationsMs.filter((durationMs) => durationMs > LIMIT_MS)).toEqual([]);
});

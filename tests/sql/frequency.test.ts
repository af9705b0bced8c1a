import { afterEach, describe, expect, it } from "vitest";

import { type Call, createDatabase, newId, raceAll, range, run } from "./support.ts";

const { url, sql, ledger } = await createDatabase();

afterEach(async () => expect(await ledger.problems()).toEqual([]));

/** So long that no test can come upon the start of the next one. */
const WINDOW = "30000 days";

function detect(user: string | null, threshold: unknown, window: unknown = WINDOW): Call {
  return {
    name: "detect_high_frequency_requests",
    args: { p_user_id: user, p_time_window: window, p_threshold: threshold },
  };
}

async function withRequests(requests: number): Promise<string> {
  const user = newId();
  await ledger.add(user, 100);
  for (const _ of range(requests)) await ledger.consume(user, 1);
  return user;
}

describe("detect_high_frequency_requests", () => {
  it("finds nothing at the threshold and something above it", async () => {
    const user = await withRequests(5);
    expect(await run(sql, detect(user, 5))).toMatchObject({
      detected: false,
      request_count: 5,
      threshold: 5,
    });
    expect(await ledger.anomalies(user)).toEqual([]);
    expect(await run(sql, detect(user, 4))).toMatchObject({ detected: true, request_count: 5, threshold: 4 });
    expect(await ledger.anomalies(user)).toMatchObject([{
      anomaly_type: "high_frequency",
      severity: "warning",
      details: { request_count: 5, threshold: 4 },
    }]);
  });

  it("counts requests that still run, and no grants", async () => {
    const user = await withRequests(2);
    await ledger.hold(user, 1, newId());
    await ledger.add(user, 1, newId());
    expect(await run(sql, detect(user, 10))).toMatchObject({ detected: false, request_count: 3 });
  });

  it("counts only the last window, and only this user", async () => {
    const user = await withRequests(3);
    await withRequests(3);
    expect(await run(sql, detect(user, 1, "1 day"))).toMatchObject({ detected: true });
    const past = newId();
    const apart = await createDatabase(); // Written by hand, it has no grants that the audit could agree with.
    await apart.sql`
      with charged as (insert into token_balances (user_id, balance, granted, entry_count) values (${past}, 8, 10, 3))
      insert into token_balance_history (user_id, entry_number, delta, balance_after, operation_type, created_at,
        chain)
      values (${past}, 1, 10, 10, 'grant', now() - interval '2 days', ''),
        (${past}, 2, -1, 9, 'meal-analyzer', now() - interval '2 days', ''),
        (${past}, 3, -1, 8, 'meal-analyzer', now() - interval '2 days', '')`;
    expect(await run(apart.sql, detect(past, 1, "1 day"))).toMatchObject({
      detected: false,
      request_count: 0,
    });
  });

  it("records one anomaly per window, also under 20 calls at once", async () => {
    const user = await withRequests(5);
    const outcomes = await raceAll<{ detected: boolean }>(url, range(20).map(() => detect(user, 4)));
    expect(outcomes.every((one) => one.detected)).toBe(true);
    expect(await ledger.anomalies(user)).toHaveLength(1);
  });

  it("finds nothing of a user who never did anything", async () => {
    expect(await run(sql, detect(newId(), 1))).toMatchObject({ detected: false, request_count: 0 });
  });

  it.each([
    ["no user", detect(null, 5)],
    ["no window", detect(newId(), 5, null)],
    ["an empty window", detect(newId(), 5, "0")],
    ["a negative window", detect(newId(), 5, "-1 hour")],
    ["no threshold", detect(newId(), null)],
    ["the threshold 0", detect(newId(), 0)],
    ["a negative threshold", detect(newId(), -1)],
  ])("refuses %s", async (_, call) => {
    expect(await run(sql, call)).toMatchObject({ detected: false, error: "invalid_request" });
  });

  it.each([
    ["threshold", 2_147_483_647, WINDOW],
    ["window", 5, "300000 years"],
    ["window, one without end", 5, "infinity"],
  ])("answers, and does not raise, with the largest %s", async (_, threshold, window) => {
    const user = await withRequests(1);
    expect(await run(sql, detect(user, threshold, window))).toMatchObject({ detected: false });
  });
});

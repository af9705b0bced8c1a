import { afterEach, describe, expect, it } from "vitest";

import { createClockedDatabase } from "./clocked_ledger.ts";
import { newId, run } from "./support.ts";

const { clocked } = await createClockedDatabase();

afterEach(async () => {
  expect(await clocked.broken()).toEqual([]);
  await clocked.at(0);
});

/** A user with two grants of 10, of which the first ends at minute 30, charged 15. */
async function charged(): Promise<{ user: string; id: string }> {
  const [user, id] = [newId(), newId()];
  await clocked.grant(user, 10, { until: 30 });
  await clocked.grant(user, 10);
  await clocked.consume(user, 15, id);
  return { user, id };
}

describe("a refund", () => {
  it("of a whole charge goes back into the grants that it came from, with their ends", async () => {
    const { user, id } = await charged();
    expect(await clocked.refund(id, newId())).toMatchObject({ success: true, refunded: 15, balance: 20 });
    expect(await clocked.left(user)).toEqual(["paid 10 until 30", "paid 10"]);
    expect(await clocked.entries(user)).toEqual(["grant 10", "grant 10", "meal-analyzer -15", "refund 15"]);
    await clocked.at(31);
    expect(await clocked.state(user)).toMatchObject({ balance: 10 });
  });

  it("in parts gives the last tokens that it took back first", async () => {
    const { user, id } = await charged();
    await clocked.refund(id, newId(), { p_amount: 3 });
    expect(await clocked.left(user)).toEqual(["paid 8"]);
    await clocked.refund(id, newId(), { p_amount: 4 });
    expect(await clocked.left(user)).toEqual(["paid 2 until 30", "paid 10"]);
    expect(await clocked.refund(id, newId())).toMatchObject({ refunded: 8 });
    expect(await clocked.left(user)).toEqual(["paid 10 until 30", "paid 10"]);
  });

  it("is never more than was charged, whole or in parts", async () => {
    const { user, id } = await charged();
    const refused = { success: false, error: "refund_exceeds_charge", refunded: 0, charged: 15 };
    expect(await clocked.refund(id, newId(), { p_amount: 16 })).toMatchObject({ ...refused, refundable: 15 });
    await clocked.refund(id, newId(), { p_amount: 10 });
    expect(await clocked.refund(id, newId(), { p_amount: 6 })).toMatchObject({ ...refused, refundable: 5 });
    await clocked.refund(id, newId());
    expect(await clocked.refund(id, newId())).toMatchObject({ ...refused, refundable: 0 });
    expect(await clocked.state(user)).toMatchObject({ balance: 20 });
  });

  it("happens once for its id, and another under the same id is refused", async () => {
    const { user, id } = await charged();
    const other = newId();
    await clocked.consume(user, 1, other);
    const refund = newId();
    const first = await clocked.refund(id, refund, { p_amount: 3 });
    expect(await clocked.refund(id, refund, { p_amount: 3 })).toEqual({ ...first, duplicate: true });
    for (const [request, amount] of [[id, 4], [id, undefined], [other, 1]] as const) {
      expect(await clocked.refund(request, refund, amount === undefined ? {} : { p_amount: amount }))
        .toMatchObject({ error: "idempotency_key_reused", refunded: 0 });
    }
    expect(await clocked.state(user)).toMatchObject({ balance: 7 });
  });

  it("of a charge whose request is forgotten finds it in the history", async () => {
    const { user, id } = await charged();
    await clocked.at(10_000);
    await clocked.cleanup();
    expect(await clocked.lock(id)).toBeUndefined();
    expect(await clocked.refund(id, newId(), { p_amount: 2 })).toMatchObject({ success: true, refunded: 2 });
    expect(await clocked.refund(id, newId(), { p_amount: 2, p_wallet_id: user })).toMatchObject({
      refunded: 2,
    });
    expect(await clocked.refund(id, newId(), { p_wallet_id: newId() })).toMatchObject({ error: "not_found" });
  });

  it("of a charge long ago, with many grants and charges since, knows which grants it came from", async () => {
    const { user, id } = await charged();
    for (const until of [200, 300, 400]) {
      await clocked.consume(user, 2);
      await clocked.grant(user, 7, { until, p_kind: "promotion" });
      await clocked.consume(user, 3);
    }
    const before = (await clocked.state(user)).balance;
    expect(await clocked.refund(id, newId())).toMatchObject({ refunded: 15, balance: before + 15 });
    expect((await clocked.left(user))[0]).toBe("paid 10 until 30");
  });

  it("into a grant that has ended makes one of the settings' lifetime, and the rest goes where it came from", async () => {
    const { user, id } = await charged();
    await clocked.at(31);
    expect(await clocked.refund(id, newId())).toMatchObject({ refunded: 15, balance: 20 });
    expect(await clocked.left(user)).toEqual([`refund 10 until ${31 + 7 * 24 * 60}`, "paid 10"]);
    expect((await clocked.entries(user)).slice(-2)).toEqual(["refund 5", "refund 10"]);
    await clocked.at(31 + 7 * 24 * 60);
    expect(await clocked.state(user)).toMatchObject({ balance: 10 });
  });

  it("of a charge that kept tokens over their end knows them too", async () => {
    const [user, id] = [newId(), newId()];
    await clocked.grant(user, 10, { until: 30, p_source: "pay_1" });
    await clocked.grant(user, 10);
    await clocked.holdOf(user, 12, id);
    await clocked.at(31);
    await clocked.settle(user, id, 12);
    await clocked.refund(id, newId(), { p_amount: 3 });
    expect(await clocked.left(user)).toEqual([`refund 1 until ${31 + 7 * 24 * 60}`, "paid 10"]);
  });

  it("of what was refunded and spent again knows each charge's own tokens", async () => {
    const [user, first, second] = [newId(), newId(), newId()];
    await clocked.grant(user, 10);
    await clocked.consume(user, 10, first);
    await clocked.refund(first, newId());
    await clocked.consume(user, 10, second);
    await clocked.refund(second, newId(), { p_amount: 4 });
    expect(await clocked.state(user)).toMatchObject({ balance: 4 });
    expect(await clocked.refund(first, newId())).toMatchObject({ error: "refund_exceeds_charge" });
    expect(await clocked.left(user)).toEqual(["paid 4"]);
  });

  it("is taken off the caps of the charge's day and month, and of no other", async () => {
    const user = newId();
    const [today, id] = [newId(), newId()];
    const cap = (daily: number | null, monthly: number | null) =>
      run(clocked.sql, {
        name: "set_spend_caps",
        args: { p_user_id: user, p_daily_tokens: daily, p_monthly_tokens: monthly },
      });
    const limits = () => run(clocked.sql, { name: "account_limits", args: { p_user_id: user } });
    await cap(100, 1000);
    await clocked.grant(user, 100);
    await clocked.consume(user, 10, id);
    await clocked.refund(id, newId(), { p_amount: 4 });
    expect(await limits()).toMatchObject({ spent_today: 6, spent_this_month: 6 });
    // A cap that is new counts what was refunded, too.
    await cap(null, null);
    await cap(50, 500);
    expect(await limits()).toMatchObject({ spent_today: 6, spent_this_month: 6 });
    await clocked.at(45 * 24 * 60);
    await clocked.consume(user, 5, today);
    await run(clocked.sql, {
      name: "admit_request",
      args: { p_request_id: newId(), p_user_id: user, p_token_amount: 1, p_operation_type: "meal-analyzer" },
    });
    await clocked.refund(id, newId());
    expect(
      await clocked.sql`
      select granted - balance - spent_before_day as day, granted - balance - spent_before_month as month
      from public.token_balances join public.token_accounts using (user_id) where user_id = ${user}`,
    ).toEqual([
      { day: "0", month: "0" },
    ]);
  });

  it("pays a debt first", async () => {
    const [user, id] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: "pay_2" });
    await clocked.consume(user, 10, id);
    await clocked.clawBack("pay_2", 10);
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 10 });
    expect(await clocked.refund(id, newId(), { p_amount: 6 })).toMatchObject({ refunded: 6, balance: 0 });
    expect(await clocked.refund(id, newId())).toMatchObject({ refunded: 4, balance: 0 });
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 0 });
    expect(await clocked.entries(user)).toEqual([
      "grant 10",
      "meal-analyzer -10",
      "clawback 0",
      "refund 6",
      "debt_payment -6",
      "refund 4",
      "debt_payment -4",
    ]);
  });

  it.each<[string, string, Record<string, unknown>]>([
    ["a request that was never charged", newId(), {}],
    ["a request id that is empty", "", {}],
    ["an amount of 0", "a", { p_amount: 0 }],
    ["half a token", "a", { p_amount: "0.5" }],
  ])("is refused for %s", async (_, id, more) => {
    expect(await clocked.refund(id, newId(), more)).toMatchObject({ success: false, refunded: 0 });
  });

  it("is refused for a grant, a hold and a request that was released", async () => {
    const [user, granted, held, released] = [newId(), newId(), newId(), newId()];
    await clocked.add(user, 10, granted);
    await clocked.hold(user, 1, held);
    await clocked.hold(user, 1, released);
    await clocked.release(user, released);
    for (const id of [granted, held, released]) {
      expect(await clocked.refund(id, newId())).toMatchObject({ error: "not_found", refunded: 0 });
    }
  });
});

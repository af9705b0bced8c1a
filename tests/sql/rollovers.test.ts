import { afterEach, describe, expect, it } from "vitest";

import { createClockedDatabase } from "./clocked_ledger.ts";
import { type Arguments, newId, run } from "./support.ts";

const { clocked } = await createClockedDatabase();

afterEach(async () => {
  expect(await clocked.broken()).toEqual([]);
  await clocked.at(0);
});

async function planned(): Promise<{ user: string; plan: string }> {
  const [user, plan] = [newId(), newId()];
  await clocked.grant(user, 100, { p_kind: "plan", p_source: plan, until: 60, p_priority: 20 });
  await clocked.grant(user, 50);
  await clocked.consume(user, 30);
  return { user, plan };
}

function rollOver(user: string, plan: string, id: string, more: Arguments = {}) {
  return run<Record<string, unknown>>(clocked.sql, {
    name: "roll_over_grant",
    args: { p_wallet_id: user, p_source: plan, p_request_id: id, ...more },
  });
}

describe("a rollover", () => {
  it("opens what is left, as far as its cap in tokens, with an end of its own; the rest expires", async () => {
    const { user, plan } = await planned();
    const outcome = await rollOver(user, plan, newId(), {
      p_cap_tokens: 40,
      p_expires_at: await clocked.time(500),
    });
    expect(outcome).toMatchObject({ success: true, rolled_over: 40, expired: 30, balance: 90 });
    expect(await clocked.left(user)).toEqual(["rollover 40 until 500", "paid 50"]);
    expect((await clocked.entries(user)).slice(3)).toEqual(["rollover 0", "expiry -30"]);
  });

  it("has a cap in per cent of what the grant was", async () => {
    const { user, plan } = await planned();
    expect(await rollOver(user, plan, newId(), { p_cap_percent: 25.9 })).toMatchObject({
      rolled_over: 25,
      expired: 45,
    });
    expect(await clocked.left(user)).toEqual(["rollover 25", "paid 50"]);
  });

  it("without a cap takes all, and with a cap of 0 nothing", async () => {
    const all = await planned();
    expect(await rollOver(all.user, all.plan, newId())).toMatchObject({ rolled_over: 70, expired: 0 });
    const none = await planned();
    expect(await rollOver(none.user, none.plan, newId(), { p_cap_tokens: 0 })).toMatchObject({
      rolled_over: 0,
      expired: 70,
    });
    expect(await clocked.left(none.user)).toEqual(["paid 50"]);
  });

  it("happens once for its id, and another under the same id is refused", async () => {
    const { user, plan } = await planned();
    const id = newId();
    const first = await rollOver(user, plan, id, { p_cap_tokens: 40 });
    expect(await rollOver(user, plan, id, { p_cap_tokens: 40 })).toEqual({ ...first, duplicate: true });
    expect(await rollOver(user, plan, id, { p_cap_tokens: 41 })).toMatchObject({
      error: "idempotency_key_reused",
    });
    expect(await rollOver(newId(), plan, id, { p_cap_tokens: 40 })).toMatchObject({
      error: "idempotency_key_reused",
    });
    expect(await clocked.state(user)).toMatchObject({ balance: 90 });
  });

  it("of a plan that ended a short time ago takes over what expired of it, once", async () => {
    const { user, plan } = await planned();
    await clocked.at(60);
    expect(await clocked.state(user)).toMatchObject({ balance: 50 });
    expect(await rollOver(user, plan, newId(), { p_cap_tokens: 40, p_expires_at: await clocked.time(9_000) }))
      .toMatchObject({ rolled_over: 40, expired: 30, balance: 90 });
    expect(await clocked.left(user)).toEqual(["rollover 40 until 9000", "paid 50"]);
    expect(await clocked.entries(user)).toEqual([
      "grant 100",
      "grant 50",
      "meal-analyzer -30",
      "expiry -70",
      "grant 40",
    ]);
    expect(await rollOver(user, plan, newId())).toMatchObject({ rolled_over: 0, expired: 0, balance: 90 });
  });

  it("of a plan that another one has closed finds nothing, though some of it expired", async () => {
    const { user, plan } = await planned();
    expect(await rollOver(user, plan, newId(), { p_cap_tokens: 0 })).toMatchObject({ expired: 70 });
    await clocked.at(1);
    expect(await rollOver(user, plan, newId())).toMatchObject({ rolled_over: 0, expired: 0, balance: 50 });
  });

  it("that comes late leaves what a running request keeps of the plan", async () => {
    const { user, plan } = await planned();
    const id = newId();
    await clocked.holdOf(user, 20, id, 1_400);
    await clocked.consume(user, 50);
    await clocked.at(61);
    expect(await rollOver(user, plan, newId())).toMatchObject({ rolled_over: 0, expired: 0, balance: 70 });
    await clocked.release(user, id);
    expect(await rollOver(user, plan, newId())).toMatchObject({ rolled_over: 20, expired: 0, balance: 70 });
  });

  it("of a plan that ended days ago, or of none, finds nothing", async () => {
    const { user, plan } = await planned();
    const capped = { p_cap_tokens: 30, p_cap_percent: 50 };
    expect(await rollOver(user, newId(), newId(), capped)).toMatchObject({
      rolled_over: 0,
      expired: 0,
      balance: 120,
    });
    await clocked.at(60 + 3 * 1_440);
    expect(await rollOver(user, plan, newId())).toMatchObject({ rolled_over: 0, expired: 0, balance: 50 });
  });

  it("leaves a running request what it needs, and that expires with it", async () => {
    const { user, plan } = await planned();
    const id = newId();
    await clocked.holdOf(user, 20, id);
    expect(await rollOver(user, plan, newId(), { p_cap_tokens: 40 })).toMatchObject({
      rolled_over: 40,
      expired: 10,
    });
    await clocked.at(1);
    expect(await clocked.settle(user, id, 15)).toMatchObject({ charged: 15 });
    expect(await clocked.left(user)).toEqual(["rollover 40", "paid 50"]);
  });

  it("leaves a running request what it would have taken elsewhere, before it expires", async () => {
    const { user, plan } = await planned();
    const id = newId();
    await clocked.grant(user, 20, { p_kind: "promotion", p_priority: 10 });
    await clocked.holdOf(user, 20, id);
    const name = newId();
    for (const duplicate of [false, true]) {
      expect(await rollOver(user, plan, name, { p_cap_tokens: 40 })).toMatchObject({
        duplicate,
        rolled_over: 40,
        expired: 10,
      });
    }
    await clocked.at(1);
    expect(await clocked.settle(user, id, 15)).toMatchObject({ charged: 15 });
    expect(await clocked.left(user)).toEqual(["promotion 20", "rollover 40", "paid 50"]);
  });

  it("can be taken back with the payment of its plan, which granted it once", async () => {
    const { user, plan } = await planned();
    await rollOver(user, plan, newId(), { p_cap_tokens: 40 });
    expect(await clocked.clawBack(plan, 100)).toMatchObject({ reversed: 100, balance: 0, debt: 10 });
  });

  it.each<[string, Arguments]>([
    ["a negative cap", { p_cap_tokens: -1 }],
    ["half a token", { p_cap_tokens: 0.5 }],
    ["more than a hundred per cent", { p_cap_percent: 101 }],
    ["an end that is over", { p_expires_at: "2001-01-01" }],
  ])("is refused with %s", async (_, more) => {
    const { user, plan } = await planned();
    expect(await rollOver(user, plan, newId(), more)).toMatchObject({ error: "invalid_request" });
    expect(await clocked.state(user)).toMatchObject({ balance: 120 });
  });
});

describe("a renewal", () => {
  const renew = async (user: string, plan: string, id: string, more: Arguments = {}) =>
    await run<Record<string, unknown>>(clocked.sql, {
      name: "renew_grant",
      args: {
        p_wallet_id: user,
        p_request_id: id,
        p_source: plan,
        p_new_source: `${plan} renewed`,
        p_amount: 100,
        p_expires_at: await clocked.time(600),
        p_reason: "renewal",
        p_cap_tokens: 40,
        p_priority: 20,
        p_rollover_expires_at: await clocked.time(300),
        ...more,
      },
    });

  it("grants the new period's tokens and rolls over the old one's, once", async () => {
    const { user, plan } = await planned();
    const id = newId();
    for (const duplicate of [false, true]) {
      expect(await renew(user, plan, id)).toMatchObject({
        success: true,
        duplicate,
        added: 100,
        rolled_over: 40,
        balance: 190,
      });
    }
    expect(await clocked.left(user)).toEqual(["rollover 40 until 300", "plan 100 until 600", "paid 50"]);
  });

  it("that comes a day late rolls over what expired meanwhile", async () => {
    const { user, plan } = await planned();
    await clocked.at(1_500);
    const times = {
      p_expires_at: await clocked.time(9_000),
      p_rollover_expires_at: await clocked.time(8_000),
    };
    expect(await renew(user, plan, newId(), times)).toMatchObject({
      added: 100,
      rolled_over: 40,
      balance: 190,
    });
    expect(await clocked.left(user)).toEqual(["rollover 40 until 8000", "plan 100 until 9000", "paid 50"]);
  });

  it("is whole or not at all", async () => {
    const { user, plan } = await planned();
    const before = await clocked.snapshot(user);
    expect(await renew(user, plan, newId(), { p_cap_percent: 200 })).toMatchObject({
      success: false,
      error: "invalid_request",
      added: 0,
    });
    expect(await renew(user, plan, newId(), { p_new_source: plan })).toMatchObject({
      error: "invalid_request",
    });
    expect(await clocked.snapshot(user)).toEqual(before);
  });
});

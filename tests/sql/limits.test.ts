import { describe, expect, it } from "vitest";

import { stateOf } from "../../supabase/functions/_shared/limits.ts";
import { connect } from "../support/stack.ts";
import { Ledger, newId } from "./support.ts";

const sql = connect({ connections: 20 });
const ledger = new Ledger(sql);

// deno-lint-ignore no-explicit-any
type Outcome = any;

async function admit(
  user: string,
  { requestId = newId(), amount = 1, operation = "meal-analyzer" }: {
    requestId?: string;
    amount?: number;
    operation?: string;
  } = {},
): Promise<Outcome> {
  const [row] =
    await sql`select public.admit_request(${requestId}, ${user}, ${amount}, ${operation}) as outcome`;
  return row!.outcome;
}

/** A user with tokens on a plan of the test's own. */
async function userOnPlan(limits: object, tokens = 1_000): Promise<string> {
  const user = newId();
  await ledger.add(user, tokens);
  const plan = `test ${newId()}`;
  await sql`insert into public.token_plans (plan, request_limits) values (${plan}, ${
    sql.json(limits as never)
  })`;
  await sql`select public.set_account_plan(${user}, ${plan})`;
  return user;
}

async function call(statement: Promise<Outcome[]>): Promise<Outcome> {
  return Object.values((await statement)[0]!)[0];
}

const anomaliesOf = (user: string) =>
  sql`select anomaly_type, details from public.token_anomalies where user_id = ${user} order by id`;
const balanceOf = async (user: string) =>
  (await sql`select balance::integer, held::integer from public.token_balances where user_id = ${user}`)[0];

describe("a plan's rate limits", () => {
  it("let as many requests in as they say, all functions together and each alone, and deny the rest unheld", async () => {
    const user = await userOnPlan({
      user: { quota: 5, window_s: 3600 },
      function: { quota: 3, window_s: 3600 },
    });
    const first = await admit(user);
    expect(first).toMatchObject({ success: true, attempt: 1 });
    expect(first.limits.map(stateOf)).toMatchObject([
      { name: "user", remaining: 4, reset_s: 720 },
      { name: "meal-analyzer", remaining: 2, reset_s: 1200 },
    ]);
    await admit(user);
    await admit(user);
    expect(await admit(user)).toMatchObject({ success: false, error: "rate_limited", charged: 0 });
    expect(await admit(user, { operation: "recipe-generator" })).toMatchObject({ success: true });
    expect(await admit(user, { operation: "image-generator" })).toMatchObject({ success: true });
    const denied = await admit(user, { operation: "scan-semantic" });
    expect(denied).toMatchObject({ error: "rate_limited", limits: [{ name: "user", quota: 5 }] });
    expect(denied.limits.map(stateOf)).toMatchObject([{ remaining: 0 }]);
    expect(denied.retry_after_s).toBeGreaterThan(600);
    expect(await balanceOf(user)).toEqual({ balance: 1_000, held: 5 });
  });

  it("may be others for one function than for each", async () => {
    const user = await userOnPlan({
      "function": { quota: 9, window_s: 60 },
      "image-generator": { quota: 1, window_s: 60 },
    });
    expect((await admit(user, { operation: "image-generator" })).success).toBe(true);
    expect((await admit(user, { operation: "image-generator" })).error).toBe("rate_limited");
    expect((await admit(user)).success).toBe(true);
  });

  it("are of each user alone, and none is none", async () => {
    const limits = { user: { quota: 1, window_s: 3600 } };
    const [one, other, free] = [await userOnPlan(limits), await userOnPlan(limits), await userOnPlan({})];
    expect((await admit(one)).success).toBe(true);
    expect((await admit(other)).success).toBe(true);
    for (let count = 0; count < 20; count++) expect((await admit(free)).success).toBe(true);
    expect(await admit(free)).toMatchObject({ success: true, limits: null });
    expect(await sql`select from public.request_counters where subject = ${free}`).toHaveLength(0);
  });

  it("of a function alone leave the user's other calls as they are", async () => {
    const user = await userOnPlan({ "meal-analyzer": { quota: 1, window_s: 3600 } });
    expect((await admit(user)).limits).toMatchObject([null, { name: "meal-analyzer", quota: 1 }]);
    expect(await admit(user)).toMatchObject({ error: "rate_limited", limits: [{ name: "meal-analyzer" }] });
    expect(await admit(user, { operation: "recipe-generator" })).toMatchObject({
      success: true,
      limits: null,
    });
  });

  it("let exactly the quota through when 100 ask at once, and write one anomaly in the window", async () => {
    const user = await userOnPlan({ function: { quota: 10, window_s: 1_000_000 } });
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => admit(user)));
    expect(outcomes.filter(({ success }) => success)).toHaveLength(10);
    expect(outcomes.filter(({ error }) => error === "rate_limited")).toHaveLength(90);
    expect(await balanceOf(user)).toEqual({ balance: 1_000, held: 10 });
    expect([...await anomaliesOf(user)]).toMatchObject([
      { anomaly_type: "rate_limited", details: { limit: "meal-analyzer", quota: 10 } },
    ]);
  });

  it("hold in batches, side by side with single calls, without a deadlock", async () => {
    const users = await Promise.all(
      Array.from({ length: 6 }, () => userOnPlan({ user: { quota: 20, window_s: 1_000_000 } })),
    );
    const batch = (order: string[]) =>
      call(sql`select public.run_token_operations(${
        sql.json(
          order.map((user_id) => ({
            operation: "admit",
            request_id: newId(),
            user_id,
            token_amount: 1,
            operation_type: "meal-analyzer",
          })),
        )
      })`);
    const work = Array.from({ length: 40 }, (_, index) => [
      batch(index % 2 ? users : users.toReversed()),
      Promise.all(users.map((user) => admit(user))),
    ]).flat();
    const outcomes = (await Promise.all(work)).flat() as Outcome[];
    expect(outcomes).toHaveLength(480);
    expect(outcomes.filter(({ success }) => success)).toHaveLength(6 * 20);
  });

  it("do not stand between a user and an answer that is paid for", async () => {
    const user = await userOnPlan({ user: { quota: 1, window_s: 3600 } });
    const requestId = newId();
    const { attempt } = await admit(user, { requestId });
    await sql`select public.settle_tokens(${requestId}, ${user}, ${attempt}, 1, null, '{"data":1,"usage":{')`;
    expect((await admit(user)).error).toBe("rate_limited");
    expect(await admit(user, { requestId })).toMatchObject({ success: true, duplicate: true, charged: 1 });
    await sql`select public.pause_account(${user}, 'a look at it')`;
    expect(await admit(user, { requestId })).toMatchObject({ success: true, duplicate: true });
  });

  it("of a shape that means nothing are refused when they are written", async () => {
    for (
      const limits of [{ user: { quota: -1, window_s: 60 } }, { user: { quota: 1 } }, { user: 3 }, {
        user: { quota: "5", window_s: 60 },
      }]
    ) {
      await expect(userOnPlan(limits)).rejects.toThrow("token_plans_request_limits_are_objects");
    }
    expect(await call(sql`select public.set_account_plan(${newId()}, 'no such plan')`))
      .toMatchObject({ success: false, error: "invalid_request" });
  });
});

describe("who cannot pay", () => {
  it("is refused each time, and becomes an anomaly once", async () => {
    const user = await userOnPlan({}, 1);
    for (let count = 0; count < 25; count++) {
      expect(await admit(user, { amount: 2 })).toMatchObject({
        error: "insufficient_tokens",
        required: 2,
        available: 1,
      });
    }
    expect((await anomaliesOf(user)).map(({ anomaly_type }) => anomaly_type)).toEqual([
      "insufficient_tokens",
    ]);
  });
});

describe("a paused account", () => {
  it("is let in no more, whoever paused it and however often, until it is resumed", async () => {
    const user = await userOnPlan({});
    const running = newId();
    const { attempt } = await admit(user, { requestId: running });
    expect(await call(sql`select public.pause_account(${user}, 'suspicious payments')`)).toBe(true);
    expect(await call(sql`select public.pause_account(${user}, 'again')`)).toBe(false);
    expect(await admit(user)).toMatchObject({
      error: "account_paused",
      message: "This account is paused: suspicious payments",
    });
    // What runs is charged as usual.
    expect(await call(sql`select public.settle_tokens(${running}, ${user}, ${attempt}, 1)`))
      .toMatchObject({ success: true, charged: 1 });
    expect(await call(sql`select public.resume_account(${user})`)).toBe(true);
    expect((await admit(user)).success).toBe(true);
  });
});

describe("a user's own caps", () => {
  const spend = async (user: string, amount: number) => {
    const requestId = newId();
    const outcome = await admit(user, { requestId, amount });
    if (!outcome.success) return outcome;
    return await call(sql`select public.settle_tokens(${requestId}, ${user}, ${outcome.attempt}, ${amount})`);
  };
  const setCaps = (user: string, daily: number | null, monthly: number | null) =>
    call(sql`select public.set_spend_caps(${user}, ${daily}, ${monthly})`);
  /** As if what was spent so far had been spent the day, or the month, before. */
  const nextDay = (user: string) =>
    sql`update public.token_accounts set day = day - 1 where user_id = ${user}`;
  const nextMonth = (user: string) =>
    sql`update public.token_accounts set day = day - 1, month = month - interval '1 month' where user_id = ${user}`;

  it("bound what is spent on a day and in a month, whatever was held and granted meanwhile", async () => {
    const user = await userOnPlan({});
    await setCaps(user, 10, 15);
    expect(await spend(user, 6)).toMatchObject({ charged: 6 });
    await ledger.add(user, 500);
    const held = newId();
    expect(await admit(user, { requestId: held, amount: 3 })).toMatchObject({ success: true });
    expect(await spend(user, 2)).toMatchObject({
      error: "spend_cap_reached",
      cap: "daily",
      cap_tokens: 10,
      spent: 6,
      held: 3,
      required: 2,
    });
    await sql`select public.release_tokens(${held}, ${user}, 1)`;
    expect(await spend(user, 4)).toMatchObject({ charged: 4 });
    expect(await spend(user, 1)).toMatchObject({ error: "spend_cap_reached", cap: "daily" });
    await nextDay(user);
    expect(await spend(user, 5)).toMatchObject({ charged: 5 });
    expect(await spend(user, 1)).toMatchObject({ error: "spend_cap_reached", cap: "monthly", spent: 15 });
    await nextMonth(user);
    expect(await spend(user, 10)).toMatchObject({ charged: 10 });
  });

  it("count what was spent of the day before they were set", async () => {
    const user = await userOnPlan({});
    await spend(user, 7);
    await setCaps(user, 10, null);
    expect(await spend(user, 4)).toMatchObject({ error: "spend_cap_reached", spent: 7 });
    expect(await spend(user, 3)).toMatchObject({ charged: 3 });
    await setCaps(user, null, null);
    expect(await spend(user, 100)).toMatchObject({ charged: 100 });
  });

  it("are kept by 50 requests at once to the token", async () => {
    const user = await userOnPlan({});
    await setCaps(user, 20, null);
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => spend(user, 3)));
    expect(outcomes.filter(({ charged }) => charged === 3)).toHaveLength(6);
    expect(await balanceOf(user)).toEqual({ balance: 1_000 - 18, held: 0 });
  });

  it("below zero are refused, and of zero let nothing through", async () => {
    const user = await userOnPlan({});
    expect(await setCaps(user, -1, null)).toMatchObject({ success: false, error: "invalid_request" });
    await setCaps(user, 0, null);
    expect(await spend(user, 1)).toMatchObject({ error: "spend_cap_reached", cap_tokens: 0 });
  });
});

describe("a request that makes no sense", () => {
  it.each([
    ["no amount", [newId(), newId(), null, "meal-analyzer"]],
    ["an amount beyond all numbers", [newId(), newId(), "1e30", "meal-analyzer"]],
    ["no user", [newId(), null, 1, "meal-analyzer"]],
    ["an operation that is too long", [newId(), newId(), 1, "x".repeat(1_000)]],
  ])("is refused as one: %s", async (_what, [requestId, user, amount, operation]) => {
    const outcome = await call(
      sql`select public.admit_request(${requestId!}, ${user!}, ${amount!}::numeric, ${operation!})`,
    );
    expect(outcome).toMatchObject({ success: false, error: "invalid_request" });
  });
});

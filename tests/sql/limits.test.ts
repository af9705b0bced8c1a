import { describe, expect, it } from "vitest";

import { stateOf } from "../../supabase/functions/_shared/http/limit_headers.ts";
import { connect, stack } from "../support/stack.ts";
import { Ledger, newId, raceAll, until } from "./support.ts";

const sql = connect({ connections: 20 });
const ledger = new Ledger(sql);

// deno-lint-ignore no-explicit-any
type Outcome = any;

async function admit(
  user: string,
  { requestId = newId(), amount = 1, operation = "meal-analyzer", run = null }: {
    requestId?: string;
    amount?: number;
    operation?: string;
    run?: string | null;
  } = {},
): Promise<Outcome> {
  const [row] = await sql`
    select public.admit_request(${requestId}, ${user}, ${amount}, ${operation}, 'content', p_run_id => ${run}) as outcome`;
  return row!.outcome;
}

/** Lets a request in and settles it with an answer. */
async function answer(user: string, requestId: string): Promise<void> {
  const { attempt } = await admit(user, { requestId });
  await sql`select public.settle_tokens(${requestId}, ${user}, ${attempt}, 1, null, '{"data":1,"usage":{')`;
}

async function setPlan(user: string, limits: object): Promise<void> {
  const plan = `test ${newId()}`;
  await sql`insert into private.token_plans (plan, request_limits) values (${plan}, ${
    sql.json(limits as never)
  })`;
  await sql`select public.set_account_plan(${user}, ${plan})`;
}

/** A user with tokens on a plan of the test's own. */
async function userOnPlan(limits: object, tokens = 1_000): Promise<string> {
  const user = newId();
  await ledger.add(user, tokens);
  await setPlan(user, limits);
  return user;
}

async function call(statement: Promise<Outcome[]>): Promise<Outcome> {
  return Object.values((await statement)[0]!)[0];
}

const countersOf = async (user: string) =>
  (await sql`select full_at_s, function_full_at_s from private.request_counters where subject = ${user}`)[0];
const anomaliesOf = (user: string) =>
  sql`select anomaly_type, details from public.token_anomalies where user_id = ${user} order by id`;
const balanceOf = async (user: string) =>
  (await sql`select balance::integer, held::integer from public.token_balances where user_id = ${user}`)[0];

describe("a plan's rate limits", () => {
  it.each([
    { user: { quota: 0, window_s: 60 } },
    { user: { quota: 0.9, window_s: 60 } },
    { function: { quota: 0, window_s: 60 } },
    { user: { quota: 5, window_s: 60 }, function: { quota: 0.9, window_s: 60 } },
  ])("with a quota below 1 deny everything, also later: %j", async (limits) => {
    const user = await userOnPlan(limits);
    await sql`insert into private.request_counters (subject) values (${user})`;
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await admit(user)).toMatchObject({ success: false, error: "rate_limited" });
    }
    expect(await countersOf(user)).toEqual({ full_at_s: 0, function_full_at_s: {} });
  });

  it("of one kind only are null for the other", async () => {
    const rule = { quota: 5, window_s: 60 };
    const both = [{ user: rule }, { function: rule }].map(async (limits) =>
      (await admit(await userOnPlan(limits))).limits
    );
    expect(await Promise.all(both)).toMatchObject([
      [{ name: "user", ...rule }, null],
      [null, { name: "meal-analyzer", ...rule }],
    ]);
  });

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

  it("are separate for each user, and a missing limit limits nothing", async () => {
    const limits = { user: { quota: 1, window_s: 3600 } };
    const [one, other, free] = [await userOnPlan(limits), await userOnPlan(limits), await userOnPlan({})];
    expect((await admit(one)).success).toBe(true);
    expect((await admit(other)).success).toBe(true);
    for (let count = 0; count < 20; count++) expect((await admit(free)).success).toBe(true);
    expect(await admit(free)).toMatchObject({ success: true, limits: null });
    expect(await sql`select from private.request_counters where subject = ${free}`).toHaveLength(0);
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

  it("let exactly the quota through when 100 requests come at once, and record one anomaly in the window", async () => {
    const user = await userOnPlan({ function: { quota: 10, window_s: 1_000_000 } });
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => admit(user)));
    expect(outcomes.filter(({ success }) => success)).toHaveLength(10);
    expect(outcomes.filter(({ error }) => error === "rate_limited")).toHaveLength(90);
    expect(await balanceOf(user)).toEqual({ balance: 1_000, held: 10 });
    expect([...await anomaliesOf(user)]).toMatchObject([
      { anomaly_type: "rate_limited", details: { limit: "meal-analyzer", quota: 10 } },
    ]);
  });

  it("work in batches, next to single calls, without a deadlock", async () => {
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

  it("do not lock out a user whose previous plan lacked one of them", async () => {
    const rule = { quota: 5, window_s: 60 };
    const user = newId();
    await ledger.add(user, 1_000);
    for (const limits of [{ user: rule }, { user: rule, function: rule }, { function: rule }, {}]) {
      await setPlan(user, limits);
      expect(await admit(user), JSON.stringify(limits)).toMatchObject({ success: true });
      expect(JSON.stringify(await countersOf(user))).not.toContain("Infinity");
    }
    await sql`select public.set_account_plan(${user}, null)`;
    expect(await admit(user)).toMatchObject({ success: true });
  });

  it("are full again for who has used a longer window up, or has a counter without end", async () => {
    const user = await userOnPlan({ user: { quota: 1, window_s: 1_000_000 } });
    expect((await admit(user)).success).toBe(true);
    expect((await admit(user)).error).toBe("rate_limited");
    await setPlan(user, { user: { quota: 2, window_s: 60 } });
    expect((await admit(user)).success).toBe(true);
    expect((await admit(user)).success).toBe(true);
    expect((await admit(user)).error).toBe("rate_limited");

    await setPlan(user, { user: { quota: 2, window_s: 60 }, function: { quota: 2, window_s: 60 } });
    await sql`
      update private.request_counters
      set full_at_s = 'Infinity', function_full_at_s = '{"meal-analyzer": "Infinity"}' where subject = ${user}`;
    expect((await admit(user)).success).toBe(true);
    expect((await admit(user)).success).toBe(true);
    expect((await admit(user)).error).toBe("rate_limited");
  });

  it("of a user with an endless counter are cleaned up", async () => {
    const user = newId();
    await sql`
      insert into private.request_counters values (${user}, 'Infinity', '{"meal-analyzer": "Infinity"}')`;
    await sql`select private.cleanup_request_counters(1000000)`;
    expect(await countersOf(user)).toBeUndefined();
  });

  it("of a quota that is finer than the tolerance still count", async () => {
    const user = await userOnPlan({ user: { quota: 200_000, window_s: 60 } });
    const [row] = await sql`
      select count(*) filter (where (private.take_request_limits('-', ${user}, '{"quota": 200000, "window_s": 60}', 'x', null)
        #> '{limits,0}') is not null)::integer as taken
      from generate_series(1, 1000)`;
    expect(row!.taken).toBe(1_000);
    await sql`
      update private.request_counters set full_at_s = extract(epoch from clock_timestamp()) + 60 where subject = ${user}`;
    await admit(user);
    const { full_at_s } = (await countersOf(user))!;
    expect(full_at_s - Date.now() / 1_000).toBeGreaterThan(50);
  });

  it.each(["a call", "a batch"])(
    "use the time after %s has waited for the counter",
    async (what) => {
      const user = await userOnPlan({ user: { quota: 60, window_s: 60 } });
      await admit(user);
      const [holder, waiter] = await Promise.all([sql.reserve(), sql.reserve()]);
      try {
        const [{ pid }] = await waiter<[{ pid: number }]>`select pg_backend_pid() as pid`;
        await waiter`set statement_timeout = '20s'`;
        await holder`begin`;
        // Full for a second yet: by the time that the call began it is denied, by the time that it is answered it is not.
        await holder`
          update private.request_counters
          set full_at_s = extract(epoch from clock_timestamp()) + 60 where subject = ${user}`;
        const operation = {
          operation: "admit",
          request_id: newId(),
          user_id: user,
          token_amount: 1,
          operation_type: "x",
        };
        const outcome = what === "a call"
          ? call(waiter`select public.admit_request(${newId()}, ${user}, 1, 'x')`)
          : call(waiter`select public.run_token_operations(${sql.json([operation])})`).then(([one]) => one);
        await until(async () =>
          (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
        );
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        await holder`commit`;
        expect(await outcome).toMatchObject({ success: true, attempt: 1 });
      } finally {
        await waiter`reset statement_timeout`;
        holder.release();
        waiter.release();
      }
    },
  );

  it("answer at once on the very edge of the quota", async () => {
    const user = await userOnPlan({ user: { quota: 120, window_s: 60 } });
    await admit(user);
    const waiter = await sql.reserve();
    try {
      await waiter`set statement_timeout = '5s'`;
      for (let count = 0; count < 500; count++) {
        await waiter`
          update private.request_counters
          set full_at_s = extract(epoch from clock_timestamp()) + 59.501 + random() * 0.001 where subject = ${user}`;
        const { success, error } = await call(
          waiter`select public.admit_request(${newId()}, ${user}, 1, 'x')`,
        );
        expect(success || error === "rate_limited").toBe(true);
      }
    } finally {
      await waiter`reset statement_timeout`;
      waiter.release();
    }
  });

  it("do not block a replay, which is already paid for", async () => {
    const user = await userOnPlan({ user: { quota: 1, window_s: 3600 } });
    const requestId = newId();
    const { attempt } = await admit(user, { requestId });
    await sql`select public.settle_tokens(${requestId}, ${user}, ${attempt}, 1, null, '{"data":1,"usage":{')`;
    expect((await admit(user)).error).toBe("rate_limited");
    expect(await admit(user, { requestId })).toMatchObject({ success: true, duplicate: true, charged: 1 });
    await sql`select public.pause_account(${user}, 'a look at it')`;
    expect(await admit(user, { requestId })).toMatchObject({ success: true, duplicate: true });
  });

  it("with an invalid form are refused when they are written", async () => {
    for (
      const limits of [
        { user: { quota: -1, window_s: 60 } },
        { user: { quota: 1 } },
        { user: 3 },
        {
          user: { quota: "5", window_s: 60 },
        },
        { user: { quota: 1e300, window_s: 60 } },
        { user: { quota: 1, window_s: 1e-300 } },
        {
          user: { quota: 1, window_s: 0 },
        },
        { user: [] },
        { user: null },
        [],
        ["user"],
        3,
      ]
    ) {
      await expect(userOnPlan(limits as object), JSON.stringify(limits)).rejects.toThrow(
        "token_plans_request_limits_are_objects",
      );
    }
    expect(await call(sql`select public.set_account_plan(${newId()}, 'no such plan')`))
      .toMatchObject({ success: false, error: "invalid_request" });
  });
});

describe("an answer that is given again", () => {
  it("writes nothing to the ledger", async () => {
    const [user, requestId] = [await userOnPlan({}), newId()];
    await answer(user, requestId);
    const versions = () =>
      sql`select ctid::text, xmax::text from public.token_balances where user_id = ${user}
        union all select ctid::text, xmax::text from public.token_consumption_locks where user_id = ${user}`;
    const before = await versions();
    for (let count = 0; count < 5; count++) {
      expect(await admit(user, { requestId })).toMatchObject({ success: true, duplicate: true, charged: 1 });
    }
    expect([...await versions()]).toEqual([...before]);
  });

  it("has a quota of its own, of the plan", async () => {
    const [user, requestId] = [await userOnPlan({ replay: { quota: 3, window_s: 3600 } }), newId()];
    await answer(user, requestId);
    for (let count = 0; count < 3; count++) {
      expect((await admit(user, { requestId })).success).toBe(true);
    }
    const denied = await admit(user, { requestId });
    expect(denied).toMatchObject({ error: "rate_limited", limits: [{ name: "replay", quota: 3 }] });
    expect(denied.retry_after_s).toBeGreaterThan(60);
    expect((await admit(user)).success).toBe(true);
  });

  it("is limited to 600 an hour unless the plan says otherwise", async () => {
    const [user, requestId] = [await userOnPlan({}), newId()];
    await answer(user, requestId);
    const [row] = await sql`
      select count(*) filter (where (public.admit_request(${requestId}, ${user}, 1, 'meal-analyzer', 'content') ->> 'success')
        ::boolean)::integer as given
      from generate_series(1, 650)`;
    expect(row!.given).toBeGreaterThanOrEqual(600);
    expect(row!.given).toBeLessThan(610); // One comes back every 6 s.
  });

  it("only goes to the caller who made the same request", async () => {
    const [user, other, requestId] = [await userOnPlan({}), await userOnPlan({}), newId()];
    await answer(user, requestId);
    expect(await admit(other, { requestId })).toMatchObject({
      error: "idempotency_key_reused",
      balance: null,
    });
    expect(await admit(user, { requestId, operation: "recipe-generator" })).toMatchObject({
      error: "idempotency_key_reused",
    });
  });
});

describe("a request that runs", () => {
  it("gets request_in_progress, even if a new request would be denied", async () => {
    const user = await userOnPlan({ user: { quota: 2, window_s: 3600 } });
    await call(sql`select public.set_spend_caps(${user}, 10, null)`);
    const requestId = newId();
    expect((await admit(user, { requestId, amount: 8 })).success).toBe(true);
    for (let count = 0; count < 4; count++) {
      expect(await admit(user, { requestId, amount: 8 })).toMatchObject({ error: "request_in_progress" });
    }
    expect(await admit(user, { amount: 8 })).toMatchObject({ error: "spend_cap_reached" });
    expect(await admit(user, { amount: 1 })).toMatchObject({ error: "rate_limited" });
    expect(await admit(user, { requestId, amount: 8 })).toMatchObject({ error: "request_in_progress" });
    await sql`select public.pause_account(${user}, 'a look at it')`;
    expect(await admit(user, { requestId, amount: 8 })).toMatchObject({ error: "request_in_progress" });
  });

  it("can be asked for as often as a replay, and by its own run without limit", async () => {
    const user = await userOnPlan({ replay: { quota: 3, window_s: 3600 } });
    const [requestId, run] = [newId(), newId()];
    await admit(user, { requestId, run });
    for (let count = 0; count < 3; count++) {
      expect(await admit(user, { requestId })).toMatchObject({ error: "request_in_progress" });
    }
    expect(await admit(user, { requestId })).toMatchObject({
      error: "rate_limited",
      limits: [{ name: "replay", quota: 3 }],
    });
    for (let count = 0; count < 5; count++) {
      expect(await admit(user, { requestId, run })).toMatchObject({ success: true, attempt: 1 });
    }
    expect((await admit(user)).success).toBe(true);
  });

  it("or was settled cannot be probed endlessly with another request", async () => {
    const limits = { replay: { quota: 3, window_s: 3600 } };
    const [user, other, requestId] = [await userOnPlan(limits), await userOnPlan(limits), newId()];
    await answer(user, requestId);
    const asked = [
      () => admit(other, { requestId }),
      () => admit(user, { requestId, operation: "recipe-generator" }),
    ];
    for (const ask of asked) {
      for (let count = 0; count < 3; count++) expect((await ask()).error).toBe("idempotency_key_reused");
      expect((await ask()).error).toBe("rate_limited");
    }
  });

  it.each([
    ["began", { error: "request_in_progress" }],
    ["was answered", { success: true, duplicate: true }],
  ])("and %s while a cap was looked at makes no batch wait for it in a circle", async (what, known) => {
    const user = await userOnPlan({});
    await call(sql`select public.set_spend_caps(${user}, 10, null)`);
    await sql`insert into private.request_counters (subject) values (${user})`;
    const requestId = newId();
    const [winner, loser, batch] = await Promise.all([sql.reserve(), sql.reserve(), sql.reserve()]);
    /** Sends a call and has it wait for a lock. */
    const begin = async (on: typeof winner, send: () => Promise<Outcome[]>) => {
      const [{ pid }] = await on<[{ pid: number }]>`select pg_backend_pid() as pid`;
      const outcome = call(send()).catch((error) => error.code);
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      return { outcome };
    };
    try {
      await winner`begin`;
      await winner`select public.hold_tokens(${requestId}, ${user}, 8, 'x', 'content')`;
      if (what === "was answered") await winner`select public.settle_tokens(${requestId}, ${user}, 1, 8)`;
      const lost = await begin(
        loser,
        () => loser`select public.admit_request(${requestId}, ${user}, 8, 'x', 'content')`,
      );
      const operations = sql.json([{
        operation: "admit",
        request_id: newId(),
        user_id: user,
        token_amount: 1,
        operation_type: "x",
      }]);
      const asked = await begin(batch, () => batch`select public.run_token_operations(${operations}) -> 0`);
      await winner`commit`;
      expect([await lost.outcome, await asked.outcome]).toMatchObject([
        known,
        { success: true },
      ]);
    } finally {
      await winner`rollback`; // Where it failed: the others are not to wait for it.
      for (const connection of [winner, loser, batch]) connection.release();
    }
  });

  it("that is sent twenty times at once runs once, and the others get request_in_progress", async () => {
    const user = await userOnPlan({ user: { quota: 1, window_s: 3600 } });
    await call(sql`select public.set_spend_caps(${user}, 10, null)`);
    const requestId = newId();
    const outcomes = await raceAll<Outcome>(
      stack.databaseUrl,
      Array.from({ length: 20 }, () => ({
        name: "admit_request",
        args: {
          p_request_id: requestId,
          p_user_id: user,
          p_token_amount: 8,
          p_operation_type: "meal-analyzer",
          p_fingerprint: "content",
        },
      })),
    );
    expect(outcomes.filter(({ success }) => success)).toHaveLength(1);
    expect(outcomes.filter(({ error }) => error === "request_in_progress")).toHaveLength(19);
  });

  it("returns its attempt again to the run that missed the response, and to no other run", async () => {
    const user = await userOnPlan({ user: { quota: 1, window_s: 3600 } }, 10);
    const [requestId, run] = [newId(), newId()];
    const first = await admit(user, { requestId, amount: 8, run });
    expect(first).toMatchObject({ success: true, attempt: 1, held: 8 });
    expect(await admit(user, { requestId, amount: 8, run })).toMatchObject({
      success: true,
      duplicate: false,
      attempt: 1,
      held: 8,
    });
    expect(await admit(user, { requestId, amount: 8, run: newId() })).toMatchObject({
      error: "request_in_progress",
    });
    expect(await admit(user, { requestId, amount: 8 })).toMatchObject({ error: "request_in_progress" });
    expect(await balanceOf(user)).toEqual({ balance: 10, held: 8 });
  });

  it("without a fingerprint has its own outcome where a limit or a pause denies a new one", async () => {
    const user = await userOnPlan({ user: { quota: 1, window_s: 60 } });
    const [requestId, run] = [newId(), crypto.randomUUID()];
    const again = (run: string) =>
      call(sql`select public.admit_request(${requestId}, ${user}, 1, 'meal-analyzer', p_run_id => ${run})`);
    expect(await again(run)).toMatchObject({ success: true, attempt: 1 });
    expect(await again(run)).toMatchObject({ success: true, attempt: 1 });
    expect(await again(crypto.randomUUID())).toMatchObject({ error: "request_in_progress" });
    expect(await admit(user)).toMatchObject({ error: "rate_limited" });
    await sql`select public.pause_account(${user}, 'test')`;
    expect(await again(run)).toMatchObject({ success: true, attempt: 1 });
    expect(await admit(user)).toMatchObject({ error: "account_paused" });
    expect(await balanceOf(user)).toEqual({ balance: 1_000, held: 1 });
  });

  it("holds once when twenty tries of one run arrive at once", async () => {
    const user = await userOnPlan({}, 10);
    const [requestId, run] = [newId(), newId()];
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => admit(user, { requestId, amount: 8, run })),
    );
    expect(outcomes.every(({ success, attempt }) => success && attempt === 1)).toBe(true);
    expect(await balanceOf(user)).toEqual({ balance: 10, held: 8 });
  });

  it("is released by its run, whose later calls then hold nothing", async () => {
    const user = await userOnPlan({}, 10);
    const [requestId, run] = [newId(), newId()];
    await admit(user, { requestId, amount: 8, run });
    const release = (by: string | null) =>
      call(
        sql`select public.release_tokens(${requestId}, ${user}, null, 'hold_not_answered', p_run_id => ${by})`,
      );
    expect(await release(newId())).toMatchObject({ success: false, error: "hold_not_current" });
    expect(await release(null)).toMatchObject({ success: false, error: "hold_not_current" });
    expect(await release(run)).toMatchObject({ success: true, held: 0 });
    expect(await admit(user, { requestId, amount: 8, run })).toMatchObject({ error: "hold_not_current" });
    expect(await admit(user, { requestId, amount: 8, run: newId() })).toMatchObject({
      success: true,
      attempt: 2,
    });
    expect(await release(run)).toMatchObject({ success: false, error: "hold_not_current" });
  });

  it.each([
    ["had never run", () => Promise.resolve(), 1],
    ["ran before", async (user: string, requestId: string) => {
      await admit(user, { requestId, amount: 8, run: newId() });
      await ledger.release(user, requestId);
    }, 2],
  ])("and %s holds nothing when its hold arrives after its release", async (_what, prepare, next) => {
    const user = await userOnPlan({ user: { quota: 100, window_s: 60 } }, 10);
    const [requestId, run] = [newId(), newId()];
    await prepare(user, requestId);
    await sql`insert into private.request_counters (subject) values (${user}) on conflict do nothing`;
    const [holder, late] = await Promise.all([sql.reserve(), sql.reserve()]);
    const release = () =>
      call(
        sql`select public.release_tokens(${requestId}, ${user}, null, 'hold_not_answered', p_run_id => ${run})`,
      );
    try {
      const [{ pid }] = await late<[{ pid: number }]>`select pg_backend_pid() as pid`;
      await holder`begin`;
      await holder`select from private.request_counters where subject = ${user} for update`;
      const held = call(late`
        select public.admit_request(${requestId}, ${user}, 8, 'meal-analyzer', 'content', p_run_id => ${run})`);
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      expect(await release()).toMatchObject({ success: true, duplicate: false, held: 0 });
      expect(await release()).toMatchObject({ success: true, duplicate: true, held: 0 });
      await holder`commit`;
      expect(await held).toMatchObject({ success: false, error: "hold_not_current" });
    } finally {
      await holder`rollback`; // Where it failed: the others are not to wait for it.
      holder.release();
      late.release();
    }
    expect(await balanceOf(user)).toEqual({ balance: 10, held: 0 });
    expect(await admit(user, { requestId, amount: 8, run })).toMatchObject({ error: "hold_not_current" });
    expect(await admit(user, { requestId, amount: 8, run: newId() })).toMatchObject({
      success: true,
      attempt: next,
    });
    expect(await admit(user, { requestId, amount: 8, operation: "x" })).toMatchObject({
      error: "idempotency_key_reused",
    });
    expect(await release()).toMatchObject({ success: false, error: "hold_not_current" });
    expect((await ledger.problems()).filter(({ user_id }) => user_id === user)).toEqual([]);
  });

  it("that is abandoned before its hold arrives is shown as one that held nothing", async () => {
    const [user, other, requestId, run] = [await userOnPlan({}), await userOnPlan({}), newId(), newId()];
    const release = (asking: string) =>
      call(
        sql`select public.release_tokens(${requestId}, ${asking}, null, 'hold_not_answered', p_run_id => ${run})`,
      );
    await release(user);
    expect(await release(other)).toMatchObject({ success: false, error: "hold_not_current" });
    expect(await call(sql`select public.explain_request(${requestId}, ${user})`)).toMatchObject({
      status: "released",
      attempt: 0,
      charged: 0,
      events: [{ event: "released", tokens: 0, reason: "hold_not_answered" }],
    });
    expect(await ledger.consume(user, 8, requestId)).toMatchObject({ success: true, charged: 8 });
  });

  it("has its run in a batch, too", async () => {
    const user = await userOnPlan({}, 10);
    const [request_id, run_id] = [newId(), newId()];
    const hold = {
      operation: "admit",
      request_id,
      user_id: user,
      token_amount: 8,
      operation_type: "x",
      run_id,
      time_to_live: "30 seconds",
    };
    const batch = (operations: object[]) =>
      call(sql`select public.run_token_operations(${sql.json(operations as never)})`);
    expect(await batch([hold, hold])).toMatchObject([{ success: true, attempt: 1 }, {
      success: true,
      attempt: 1,
    }]);
    const [lock] = await sql`
      select extract(epoch from expires_at - created_at)::float8 as lives_s from public.token_consumption_locks
      where request_id = ${request_id}`;
    expect(lock).toEqual({ lives_s: 30 });
    expect(await batch([{ operation: "release", request_id, user_id: user, run_id }])).toMatchObject([{
      held: 0,
    }]);
  });

  it("can be extended, never shortened, and only while it holds", async () => {
    const [user, requestId] = [await userOnPlan({}), newId()];
    await admit(user, { requestId });
    const endsIn = async () => {
      const [row] = await sql`
        select extract(epoch from expires_at - clock_timestamp())::float8 as s from public.token_consumption_locks
        where request_id = ${requestId}`;
      return row!.s;
    };
    const extend = (attempt: number, time: string | null) =>
      call(sql`select public.extend_token_hold(${requestId}, ${user}, ${attempt}, ${time}::interval)`);
    expect(await extend(1, "1 minute")).toMatchObject({ success: true });
    expect(await endsIn()).toBeGreaterThan(500);
    expect(await extend(1, "1 hour")).toMatchObject({ success: true });
    expect(await endsIn()).toBeGreaterThan(3_500);
    for (const time of [null, "0 seconds", "-1 minute", "25 hours"]) {
      expect(await extend(1, time)).toMatchObject({ error: "invalid_request" });
    }
    expect(await extend(2, "1 hour")).toMatchObject({ error: "hold_not_current" });
    await ledger.outlive(requestId);
    expect(await extend(1, "1 hour")).toMatchObject({ error: "hold_not_current" });
  });
});

describe("an endpoint that costs no tokens", () => {
  const take = (user: string, name: string, quota: number) =>
    call(sql`select public.take_call_limit(${user}, ${name}, ${sql.json({ quota, window_s: 3600 })})`);

  it("has the limit of its own, of each user alone, unless the plan names it", async () => {
    const [user, other] = [
      await userOnPlan({}),
      await userOnPlan({ "account/why": { quota: 1, window_s: 3600 } }),
    ];
    expect(await take(user, "account/why", 2)).toMatchObject({ allowed: true, limits: [{ quota: 2 }] });
    expect(await take(user, "account/why", 2)).toMatchObject({ allowed: true });
    expect(await take(user, "account/why", 2)).toMatchObject({ allowed: false, denied_by: "account/why" });
    expect(await take(user, "balance", 2)).toMatchObject({ allowed: true });
    expect(await take(other, "account/why", 2)).toMatchObject({ allowed: true, limits: [{ quota: 1 }] });
    expect(await take(other, "account/why", 2)).toMatchObject({ allowed: false });
  });

  it("records who asks for more than its limit as an anomaly, once", async () => {
    const user = await userOnPlan({ balance: { quota: 1, window_s: 3600 } });
    for (let count = 0; count < 4; count++) await take(user, "balance", 100);
    expect(await anomaliesOf(user)).toMatchObject([{
      anomaly_type: "rate_limited",
      details: { limit: "balance", quota: 1, window_s: 3600 },
    }]);
  });

  it("restarts its count when the plan's window changes", async () => {
    const user = await userOnPlan({ balance: { quota: 1, window_s: 100_000 } });
    expect(await take(user, "balance", 2)).toMatchObject({ allowed: true });
    expect(await take(user, "balance", 2)).toMatchObject({ allowed: false });
    await sql`
      update private.token_plans set request_limits = '{"balance": {"quota": 1, "window_s": 60}}'
      where plan = (select plan from public.token_accounts where user_id = ${user})`;
    expect(await take(user, "balance", 2)).toMatchObject({ allowed: true });
  });
});

describe("a recording in Storage", () => {
  const read = (user: string, { requestId = newId(), least = 2 } = {}) =>
    call(sql`select public.admit_reading(${requestId}, ${user}, ${least})`);

  it("is read as often as its own limit has it, that of the plan or 120 an hour", async () => {
    const [user, usual] = [
      await userOnPlan({ stored_recording: { quota: 2, window_s: 3600 } }),
      await userOnPlan({}),
    ];
    expect(await read(user)).toEqual({ success: true });
    expect(await read(user)).toEqual({ success: true });
    const denied = await read(user);
    expect(denied).toMatchObject({
      success: false,
      error: "rate_limited",
      limits: [{ name: "stored_recording", quota: 2 }],
    });
    expect(denied.retry_after_s).toBeGreaterThan(1_000);
    expect((await admit(user)).success).toBe(true);
    for (let count = 0; count < 120; count++) expect(await read(usual)).toEqual({ success: true });
    expect(await read(usual)).toMatchObject({ error: "rate_limited", limits: [{ quota: 120 }] });
  });

  it("is not read for a user who cannot pay the minimum, until an expired hold is released", async () => {
    const [user, stranger] = [await userOnPlan({}, 2), newId()];
    expect(await read(stranger)).toMatchObject({ error: "insufficient_tokens", required: 2, available: 0 });
    const running = newId();
    await admit(user, { requestId: running });
    expect(await read(user)).toMatchObject({ error: "insufficient_tokens", required: 2, available: 1 });
    await ledger.outlive(running);
    expect(await read(user)).toEqual({ success: true });
  });

  it("is read again for a request that was paid for, by its own user, whatever denies a new one", async () => {
    const [user, requestId] = [await userOnPlan({}, 1), newId()];
    await answer(user, requestId);
    await sql`select public.pause_account(${user}, 'a chargeback')`;
    expect(await read(user, { requestId })).toEqual({ success: true });
    expect(await read(user)).toMatchObject({ error: "account_paused" });
    expect(await read(newId(), { requestId })).toMatchObject({ error: "insufficient_tokens" });
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
  it("is refused, whoever paused it and however often, until it is resumed", async () => {
    const user = await userOnPlan({});
    const running = newId();
    const { attempt } = await admit(user, { requestId: running });
    expect(await call(sql`select public.pause_account(${user}, 'suspicious payments')`)).toBe(true);
    expect(await call(sql`select public.pause_account(${user}, 'again')`)).toBe(false);
    expect(await admit(user)).toMatchObject({
      error: "account_paused",
      message: "This account is paused: suspicious payments",
    });
    // A running request is charged as usual.
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

  it("are respected by 50 requests at once to the token", async () => {
    const user = await userOnPlan({});
    await setCaps(user, 20, null);
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => spend(user, 3)));
    expect(outcomes.filter(({ charged }) => charged === 3)).toHaveLength(6);
    expect(await balanceOf(user)).toEqual({ balance: 1_000 - 18, held: 0 });
  });

  it("do not count an expired hold, whether or not a cleanup has run", async () => {
    const [user, dead] = [await userOnPlan({}), newId()];
    await setCaps(user, 10, null);
    await admit(user, { requestId: dead, amount: 8 });
    expect(await spend(user, 8)).toMatchObject({ error: "spend_cap_reached", held: 8 });
    await ledger.outlive(dead);
    expect(await spend(user, 8)).toMatchObject({ charged: 8 });
    expect(await spend(user, 8)).toMatchObject({ error: "spend_cap_reached", spent: 8, held: 0 });
  });

  it("do not go back to the day before for a request that waited over midnight", async () => {
    const user = await userOnPlan({});
    await setCaps(user, 10, null);
    await spend(user, 4);
    // As if another request had seen the next day begin already.
    await sql`update public.token_accounts set day = day + 1 where user_id = ${user}`;
    await spend(user, 4);
    expect(await spend(user, 4)).toMatchObject({ error: "spend_cap_reached", spent: 8 });
  });

  it("below zero or above all balances are refused, and of zero let nothing through", async () => {
    const user = await userOnPlan({});
    expect(await setCaps(user, -1, null)).toMatchObject({ success: false, error: "invalid_request" });
    for (const [daily, monthly] of [["9007199254740992", null], [null, "9007199254740992"]] as const) {
      expect(await setCaps(user, daily as never, monthly as never)).toMatchObject({
        error: "invalid_request",
      });
    }
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

import { describe, expect, it } from "vitest";

import { connect } from "../support/stack.ts";
import { Ledger, newId, until } from "./support.ts";

const sql = connect({ connections: 10 });
const ledger = new Ledger(sql);

// deno-lint-ignore no-explicit-any
type Outcome = any;

async function call(statement: Promise<Outcome[]>): Promise<Outcome> {
  return Object.values((await statement)[0]!)[0];
}

const admit = (user: string, requestId = newId(), amount = 8) =>
  call(sql`select public.admit_request(${requestId}, ${user}, ${amount}, 'meal-analyzer', 'content')`);
const forget = (user: string) => sql`select public.forget_user(${user})`;

async function newUser(tokens = 1_000): Promise<string> {
  const user = newId();
  await ledger.add(user, tokens);
  return user;
}

/** Runs a call that began before the user was forgotten, and was answered afterwards. */
async function overlapping(
  user: string,
  statement: (on: typeof sql) => Promise<Outcome[]>,
): Promise<Outcome> {
  const [deletion, caller] = await Promise.all([sql.reserve(), sql.reserve()]);
  try {
    const [{ pid }] = await caller<[{ pid: number }]>`select pg_backend_pid() as pid`;
    await deletion`begin`;
    await deletion`select public.forget_user(${user})`;
    const outcome = call(statement(caller as unknown as typeof sql));
    await until(async () => (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0);
    await deletion`commit`;
    return await outcome;
  } finally {
    await deletion`rollback`; // Where it failed: the others are not to wait for it.
    deletion.release();
    caller.release();
  }
}

describe("a user who is forgotten", () => {
  it.each([
    ["was paused", (user: string) => sql`select public.pause_account(${user}, 'fraud')`],
    ["had a cap", (user: string) => sql`select public.set_spend_caps(${user}, 0, 0)`],
    ["had neither pause nor cap", () => Promise.resolve()],
  ])("and %s is refused, and nobody learns why it was paused", async (_what, prepare) => {
    const user = await newUser();
    await prepare(user);
    await forget(user);
    await forget(user);
    expect(await admit(user)).toMatchObject({
      error: "account_paused",
      message: "This account is paused: it was deleted",
    });
    const [account] = await sql`select * from public.token_accounts where user_id = ${user}`;
    expect(account).toMatchObject({
      plan: null,
      daily_cap_tokens: null,
      monthly_cap_tokens: null,
      spent_before_day: "0",
      pause_reason: "it was deleted",
    });
  });

  it("while a request runs keeps no answer of it, and nothing is held or charged", async () => {
    const [user, requestId] = [await newUser(), newId()];
    const { attempt } = await admit(user, requestId);
    await forget(user);
    expect(
      await call(sql`
        select public.settle_tokens(${requestId}, ${user}, ${attempt}, 5, null, '{"data":"a secret","usage":{')`),
    ).toMatchObject({ success: false, error: "hold_not_current" });
    expect(await ledger.lock(requestId)).toMatchObject({
      status: "released",
      response: null,
      fingerprint: null,
    });
    expect(await ledger.balance(user)).toEqual({ balance: 1_000, held: 0, entries: 1 });
    expect(await admit(user)).toMatchObject({ error: "account_paused" });
    expect((await ledger.problems()).filter(({ user_id }) => user_id === user)).toEqual([]);
  });

  it("leaves anomalies about the ledger, and no others", async () => {
    const user = await newUser();
    const kinds = ["ledger_mismatch", "ledger_tampered", "shortfall", "usage_unknown"];
    for (const kind of [...kinds, "rate_limited", "cost_spike", "many_networks", "high_frequency"]) {
      await sql`select public.record_token_anomaly(${user}, ${kind}, 'warning', ${newId()}, '{"entry_number": 1}')`;
    }
    await forget(user);
    const left = await sql`
      select anomaly_type from public.token_anomalies where user_id = ${user} order by anomaly_type`;
    expect(left.map(({ anomaly_type }) => anomaly_type)).toEqual(kinds);
  });

  it("is in no alert any more, sent or not, and those that wait stay in their order", async () => {
    const user = await newUser();
    const endpoint = newId();
    await sql`insert into private.alert_endpoints (id, host, sealed, alert_types, description)
      values (${endpoint}, 'example.test', '{}', '{}', '')`;
    for (const kind of ["cost_spike", "rate_limited"]) {
      await sql`select public.record_token_anomaly(${user}, ${kind}, 'critical', ${newId()}, '{"tokens": 5}')`;
    }
    await sql`select public.record_token_anomaly(${user}, 'ledger_tampered', 'critical', ${newId()})`;
    await call(sql`select private.emit_low_balance_alert(${user}, 1, 10)`);
    await sql`
      insert into private.alert_deliveries (alert_id, endpoint_id, ordering_key)
      select id, ${endpoint}, ordering_key from private.alert_outbox where ordering_key = ${`user:${user}`}`;
    const alerts = () =>
      sql`
        select outbox.payload, outbox.ordering_key, outbox.dedupe_key, deliveries.ordering_key as line
        from private.alert_outbox as outbox join private.alert_deliveries as deliveries on deliveries.alert_id = outbox.id
        where deliveries.endpoint_id = ${endpoint} order by outbox.id`;
    expect(await alerts()).toHaveLength(4);
    await forget(user);
    const left = await alerts();
    const ofPerson = left.filter(({ payload }) => payload.anomaly_type !== "ledger_tampered");
    expect(ofPerson).toHaveLength(3);
    expect(JSON.stringify(ofPerson)).not.toContain(user);
    expect(new Set(ofPerson.flatMap(({ ordering_key, line }) => [ordering_key, line])).size).toBe(1);
    expect(ofPerson.map(({ payload }) => payload.details)).toEqual([undefined, undefined, undefined]);
    expect(left.find(({ payload }) => payload.anomaly_type === "ledger_tampered")).toMatchObject({
      payload: { user_id: user },
    });
  });

  it("is in no decision on codes any more", async () => {
    const user = await newUser();
    const ids = [newId(), newId()];
    for (const [index, column] of ["owner_id", "auth_user_id"].entries()) {
      await sql`
        insert into private.otp_decisions (occurrence, outcome, reasons, guard_mode, purpose, channel, country, prefix, phone,
          network, ${sql(column)}, created_at, updated_at)
        values (${ids[
        index
      ]!}, 'denied', '{}', 'off', 'x', 'sms', 'FR', '+336', 'digest', 'digest', ${user}, now(), now())`;
    }
    await forget(user);
    const left = await sql`
      select owner_id, auth_user_id from private.otp_decisions where occurrence in ${sql(ids)}`;
    expect([...left]).toEqual([{ owner_id: null, auth_user_id: null }, {
      owner_id: null,
      auth_user_id: null,
    }]);
  });

  it("leaves nothing new behind that its token still asks for", async () => {
    const user = await newUser();
    await forget(user);
    const rule = { quota: 1, window_s: 3600 };
    for (let count = 0; count < 3; count++) {
      await admit(user);
      await sql`select public.take_call_limit(${user}, 'balance', ${sql.json(rule)})`;
    }
    const networks = Array.from({ length: 11 }, (_, index) => `network ${index}`);
    const seen = [user, newId()].map((user_id) => ({ user_id, networks }));
    expect(await call(sql`select public.note_caller_networks(${sql.json(seen)})`)).toBe(11);
    expect(await sql`select from private.caller_networks where subject = ${user}`).toHaveLength(0);
    expect(await ledger.anomalies(user)).toEqual([]);
    expect(
      await sql`select from public.token_consumption_locks where user_id = ${user} and status <> 'settled'`,
    )
      .toHaveLength(0);
  });

  it("while its request is tried again cannot make the two wait for each other", async () => {
    const [user, requestId, plan] = [await newUser(), newId(), `test ${newId()}`];
    const limits = { user: { quota: 100, window_s: 60 } };
    await sql`insert into private.token_plans (plan, request_limits) values (${plan}, ${sql.json(limits)})`;
    await sql`select public.set_account_plan(${user}, ${plan})`;
    await admit(user, requestId);
    await ledger.release(user, requestId);
    const [retry, deletion] = await Promise.all([sql.reserve(), sql.reserve()]);
    try {
      const [{ pid }] = await deletion<[{ pid: number }]>`select pg_backend_pid() as pid`;
      await retry`begin`;
      await retry`select 1 from private.request_counters where subject = ${user} for update`;
      const forgotten = deletion`select public.forget_user(${user})`.then(
        () => "forgotten",
        (error) => error.code,
      );
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      const outcome = await call(
        retry`select public.admit_request(${requestId}, ${user}, 8, 'meal-analyzer', 'content')`,
      );
      await retry`commit`;
      expect(outcome).toMatchObject({ success: true, attempt: 2 });
      expect(await forgotten).toBe("forgotten");
      expect(await ledger.lock(requestId)).toMatchObject({ status: "released" });
    } finally {
      retry.release();
      deletion.release();
    }
  });
});

describe("what overlaps the moment in which a user is forgotten", () => {
  const PLANS: [string, (user: string) => Promise<unknown>][] = [
    ["on the usual plan", () => Promise.resolve()],
    ["on a plan without rules", async (user) => {
      const plan = `test ${newId()}`;
      await sql`insert into private.token_plans (plan, request_limits) values (${plan}, '{}')`;
      await sql`select public.set_account_plan(${user}, ${plan})`;
    }],
    ["with a cap", (user) => sql`select public.set_spend_caps(${user}, 500, null)`],
  ];
  const operation = (name: string, user: string, request_id: string) =>
    sql.json([{ operation: name, request_id, user_id: user, token_amount: 8, operation_type: "x" }]);
  const CALLS: [string, (on: typeof sql, user: string, id: string) => Promise<Outcome[]>][] = [
    ["an admission", (on, user, id) => on`select public.admit_request(${id}, ${user}, 8, 'x', 'content')`],
    ["a hold", (on, user, id) => on`select public.hold_tokens(${id}, ${user}, 8, 'x', 'content')`],
    ["a charge", (on, user, id) => on`select public.consume_tokens_atomic(${id}, ${user}, 8, 'x')`],
    [
      "a batch of admissions",
      (on, user, id) => on`select public.run_token_operations(${operation("admit", user, id)}) -> 0`,
    ],
    [
      "a batch of charges",
      (on, user, id) => on`select public.consume_tokens_batch(${operation("", user, id)}) -> 0`,
    ],
  ];

  it.each(PLANS.flatMap(([plan, prepare]) => CALLS.map(([what, send]) => ({ what, plan, prepare, send }))))(
    "is refused: $what of a user $plan",
    async ({ prepare, send }) => {
      const [user, id] = [await newUser(), newId()];
      await prepare(user);
      const outcome = await overlapping(user, (on) => send(on, user, id));
      expect(outcome).toMatchObject({ success: false, error: "account_paused", charged: 0 });
      expect(await ledger.lock(id)).toBeUndefined();
      expect(await ledger.balance(user)).toEqual({ balance: 1_000, held: 0, entries: 1 });
      const [account] = await sql`select day::text from public.token_accounts where user_id = ${user}`;
      expect(account).toEqual({ day: "-infinity" });
    },
  );

  it("is refused too where the user owned nothing yet, and is paid for afterwards", async () => {
    const user = newId();
    await forget(user);
    await ledger.add(user, 1_000);
    expect(await ledger.hold(user, 8, newId())).toMatchObject({ error: "account_paused", balance: 1_000 });
  });

  it("keeps no answer where it was held all the same, and is charged", async () => {
    const [user, id] = [await newUser(), newId()];
    const { attempt } = await admit(user, id);
    await sql`update public.token_balances set is_closed = true where user_id = ${user}`;
    expect(
      await call(
        sql`select public.settle_tokens(${id}, ${user}, ${attempt}, 5, null, '{"data":"a secret","usage":{')`,
      ),
    ).toMatchObject({ success: true, charged: 5, response_tail: '"charged":5,"balance":995}}' });
    expect(await ledger.lock(id)).toMatchObject({ status: "settled", response: null });
  });

  it("still learns the outcome of a request that was charged before", async () => {
    const [user, id] = [await newUser(), newId()];
    await ledger.consume(user, 8, id, "x");
    const again = await overlapping(
      user,
      (on) => on`select public.consume_tokens_atomic(${id}, ${user}, 8, 'x')`,
    );
    expect(again).toMatchObject({ success: true, duplicate: true, charged: 8 });
  });
});

describe("a user who was forgotten", () => {
  const CHANGES: [string, (on: typeof sql, user: string) => Promise<Outcome[]>][] = [
    ["caps", (on, user) => on`select public.set_spend_caps(${user}, 5, 5)`],
    ["a plan", (on, user) => on`select public.set_account_plan(${user}, 'default')`],
  ];
  const accountOf = async (user: string) =>
    (await sql`select plan, daily_cap_tokens, monthly_cap_tokens from public.token_accounts where user_id = ${user}`)[
      0
    ];
  const empty = { plan: null, daily_cap_tokens: null, monthly_cap_tokens: null };

  it.each(CHANGES)("gets no %s, also when both come at once", async (_what, change) => {
    const [user, other] = [await newUser(), await newUser()];
    await forget(user);
    const refused = { success: false, error: "account_paused" };
    expect(await call(change(sql, user))).toMatchObject(refused);
    expect(await overlapping(other, (on) => change(on, other))).toMatchObject(refused);
    for (const one of [user, other]) expect(await accountOf(one)).toEqual(empty);
  });

  it("gets no new anomalies, except those about the ledger", async () => {
    const user = await newUser();
    for (let count = 0; count < 3; count++) await ledger.consume(user, 1);
    await forget(user);
    const [row] = await sql`select public.detect_high_frequency_requests(${user}, '1 hour', 1) as answer`;
    expect(row!.answer).toMatchObject({ detected: true });
    await sql`select public.record_token_anomaly(${user}, 'cost_spike', 'critical', 'x')`;
    expect(await ledger.anomalies(user)).toEqual([]);
    await sql`select public.record_token_anomaly(${user}, 'ledger_mismatch', 'critical', 'x')`;
    expect(await ledger.anomalies(user)).toHaveLength(1);
  });
});

describe("why a request was charged", () => {
  it(
    "is looked for in a user's newest 10,000 entries when it asks itself, and in all for an operator",
    async () => {
      const user = await newUser(20_000);
      const id = newId();
      await sql`
      select public.consume_tokens_atomic(${id} || ' ' || number, ${user}, 1, 'meal-analyzer')
      from generate_series(1, 10050) as number`;
      await sql`delete from public.token_consumption_locks where user_id = ${user}`;
      const why = (number: number, asking: string | null) =>
        call(sql`select public.explain_request(${`${id} ${number}`}, ${asking})`);
      expect(await why(10_050, user)).toMatchObject({ charged: 1, is_known: false });
      expect(await why(60, user)).toMatchObject({ charged: 1, entry_number: 61 });
      expect(await why(1, user)).toBeNull();
      expect(await why(1, null)).toMatchObject({ charged: 1, user_id: user });
      expect(await why(0, user)).toBeNull();
    },
    60_000,
  );
});

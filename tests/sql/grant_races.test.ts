import postgres from "postgres";
import { afterEach, describe, expect, it } from "vitest";

import { stack } from "../support/stack.ts";
import {
  add,
  type Arguments,
  type Call,
  consume,
  createDatabase,
  hold,
  newId,
  type Outcome,
  raceAll,
  range,
  run,
  settle,
  until,
} from "./support.ts";

const { url, sql, ledger } = await createDatabase();

afterEach(async () => {
  expect(await ledger.problems()).toEqual([]);
  expect([...await sql`select * from public.verify_token_chain()`]).toEqual([]);
});

/** A time of the database, so many milliseconds from now. */
async function inMs(milliseconds: number): Promise<string> {
  const [row] = await sql`select (clock_timestamp() + ${milliseconds} * interval '1 ms')::text as time`;
  return row!.time;
}

async function isOver(time: string): Promise<boolean> {
  const [row] = await sql`select clock_timestamp() >= ${time}::text::timestamptz as it`;
  return row!.it;
}

/** Grants tokens that end at a time of the database, to the microsecond. */
async function grantUntil(user: string, amount: number, time: string, more: Arguments = {}): Promise<void> {
  const outcome = await sql`
    select public.add_tokens(${user}, ${amount}, 'test', p_expires_at => ${time}::text::timestamptz,
      p_source => ${(more.p_source as string | undefined) ?? null}) as outcome`;
  expect(outcome[0]!.outcome).toMatchObject({ success: true });
}

const refund = (request: string, id: string, amount: number | null = null): Call => ({
  name: "refund_tokens",
  args: { p_request_id: request, p_refund_id: id, p_amount: amount },
});
const clawBack = (source: string, amount: number, id: string): Call => ({
  name: "claw_back_grant",
  args: { p_source: source, p_amount: amount, p_reversal_id: id },
});
const state = (user: string) =>
  run<{ balance: number; debt: number; held: number; available: number }>(sql, {
    name: "wallet_state",
    args: { p_wallet_id: user },
  });

/** Charges that took a token after its end, though neither they nor their holds began before. */
async function chargesOfEndedTokens(user: string): Promise<unknown[]> {
  return [
    ...await sql`
      select history.entry_number, history.created_at, grants.id, grants.expires_at
      from public.token_balance_history as history
      join public.token_consumption_locks as locks
        on locks.user_id = history.user_id and locks.request_id = history.request_id
      cross join lateral private.end_of_charge(history.user_id, history.entry_number, history.balance_after) as spent (place)
      cross join lateral private.grants_of_spending(history.user_id, spent.place + history.delta, spent.place) as parts
      join public.token_grants as grants on grants.id = parts.grant_id
      where history.user_id = ${user} and history.delta < 0 and history.operation_type = 'meal-analyzer'
        and grants.expires_at <= least(history.created_at, locks.created_at)`,
  ];
}

describe("a wallet with 50 grants, of which 5 end within a second", () => {
  it("is exact to the token under 40 callers at once, whatever they do", async () => {
    const user = newId();
    const turn = postgres(stack.databaseUrl, { max: 1 });
    const crowd = postgres(url, { max: 40, onnotice: () => {} });
    try {
      await turn`select pg_advisory_lock(hashtext('tests/sql: a crowd'))`;
      const connections = await Promise.all(range(40).map(() => crowd.reserve()));
      for (const _ of range(45)) await ledger.add(user, 400);
      const [now] = await sql`select clock_timestamp()::text as time`;
      const ends: string[] = [];
      for (const index of range(5)) {
        const [row] = await sql`
          select (${now!.time}::text::timestamptz + (1500 + ${index} * 200) * interval '1 ms')::text as time`;
        ends.push(row!.time);
        await grantUntil(user, 700, row!.time);
      }
      const last = ends.at(-1)!;
      const outcomes: Outcome[] = [];
      await Promise.all(connections.map(async (connection, caller) => {
        for (let turn = 0; !await isOver(last); turn++) {
          const id = newId();
          if (caller % 2 === 0) {
            outcomes.push(await run(connection, consume(user, 1 + turn % 3, id)));
          } else {
            const held = await run(connection, hold(user, 5, id));
            if (held.success) outcomes.push(await run(connection, settle(user, id, turn % 7)));
          }
        }
      }));
      const charged = outcomes.reduce((sum, one) => sum + one.charged, 0);
      const { balance, held } = await state(user);
      expect(held).toBe(0);
      const [sums] = await sql`
        select coalesce(sum(-delta) filter (where operation_type = 'expiry'), 0)::integer as expired,
          coalesce(sum(-delta) filter (where operation_type = 'meal-analyzer'), 0)::integer as charged,
          min(balance_after)::integer as least
        from public.token_balance_history where user_id = ${user}`;
      expect(sums!.charged).toBe(charged);
      expect(charged).toBeGreaterThan(0);
      expect(balance + charged + sums!.expired).toBe(45 * 400 + 5 * 700);
      expect(sums!.least).toBeGreaterThanOrEqual(0);
      const left = await sql`
        select sum(remaining)::integer as tokens from public.token_grants
        where wallet_id = ${user} and expires_at < 'infinity'`;
      expect(left[0]!.tokens).toBe(0);
      expect(await chargesOfEndedTokens(user)).toEqual([]);
      for (const connection of connections) connection.release();
    } finally {
      await Promise.all([crowd.end({ timeout: 1 }), turn.end()]);
    }
  }, 120_000);

  it("ends once, when 20 look at the moment that it is over", async () => {
    const user = newId();
    const end = await inMs(200);
    await grantUntil(user, 10, end);
    await until(() => isOver(end));
    const outcomes = await raceAll(
      url,
      range(20).map((index) =>
        index % 2 ? consume(user, 1, newId()) : { name: "wallet_state", args: { p_wallet_id: user } }
      ),
    );
    expect(outcomes.filter((one) => one.success)).toEqual([]);
    expect(await ledger.deltas(user)).toEqual([10, -10]);
  });
});

describe("a hold that waited for the wallet over the end of its tokens", () => {
  for (const changes of [false, true]) {
    it(`${changes ? "is judged anew where the wallet changed meanwhile" : "was taken in time where nothing happened meanwhile"}`, async () => {
      const [user, id] = [newId(), newId()];
      await ledger.add(user, 2);
      const end = await inMs(1_500);
      await grantUntil(user, 10, end);
      const [blocker, holder] = [1, 2].map(() => postgres(url, { max: 1, onnotice: () => {} })) as [
        postgres.Sql,
        postgres.Sql,
      ];
      try {
        await blocker`begin`;
        await blocker`select from public.token_balances where user_id = ${user} for update`;
        const [backend] = await holder`select pg_backend_pid() as pid`;
        const held = run(holder, hold(user, 10, id));
        await until(async () => {
          const [row] = await sql`select cardinality(pg_blocking_pids(${backend!.pid})) > 0 as it`;
          return row!.it;
        });
        const isInTime = !await isOver(end);
        await until(() => isOver(end));
        if (changes) {
          await blocker`select public.consume_tokens_atomic(${newId()}, ${user}, 1, 'meal-analyzer')`;
        }
        await blocker`commit`;
        const outcome = await held;
        if (changes) {
          expect(outcome).toMatchObject({ success: false, error: "insufficient_tokens", available: 1 });
        } else if (isInTime) {
          expect(outcome).toMatchObject({ success: true });
          expect(await state(user)).toMatchObject({ balance: 12, held: 10 });
          expect(await ledger.settle(user, id, 10)).toMatchObject({ charged: 10, balance: 2 });
        }
        expect(await state(user)).toMatchObject({ held: 0, debt: 0 });
        expect(await chargesOfEndedTokens(user)).toEqual([]);
      } finally {
        await Promise.all([blocker.end(), holder.end()]);
      }
    });
  }
});

/** Runs a call while another one is not yet committed, for which it may wait. */
async function whileOpen<Result>(first: Call, second: Call, before = async () => {}): Promise<Result> {
  const [one, two] = await Promise.all([sql.reserve(), sql.reserve()]);
  try {
    const [backend] = await two`select pg_backend_pid() as pid`;
    await one`begin`;
    await run(one, first);
    await before();
    let isOver = false;
    const outcome = run<Result>(two, second);
    outcome.finally(() => isOver = true).catch(() => {});
    await until(async () => {
      const [row] = await sql`select cardinality(pg_blocking_pids(${backend!.pid})) > 0 as it`;
      return isOver || row!.it;
    });
    await one`commit`;
    return await outcome;
  } finally {
    await one`rollback`; // Where it failed: the others are not to wait for it.
    one.release();
    two.release();
  }
}

const whileCharged = <Result>(user: string, call: Call, before?: () => Promise<void>) =>
  whileOpen<Result>(consume(user, 7, newId()), call, before);

describe("new grants at once", () => {
  it("of any place, with charges among them, keep every token, and each charge knows who paid for it", async () => {
    for (const _ of range(6)) {
      const user = newId();
      await ledger.add(user, 100);
      const outcomes = await raceAll(
        url,
        range(24).map((index) =>
          index % 2 ? consume(user, 3, newId()) : add(user, 5, newId(), { p_priority: (index * 7) % 100 })
        ),
      );
      expect(outcomes.every(({ success }) => success)).toBe(true);
      expect(await state(user)).toMatchObject({ balance: 100 + 12 * 5 - 12 * 3 });
      expect(await ledger.problems()).toEqual([]);
    }
  });
});

describe("refunds at once", () => {
  it("of one charge, each under its own id, give back no more than it was", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 10);
    await ledger.consume(user, 10, id);
    const outcomes = await raceAll(url, range(20).map(() => refund(id, newId(), 3)));
    expect(outcomes.filter((one) => one.success)).toHaveLength(3);
    expect(outcomes.filter((one) => one.error === "refund_exceeds_charge")).toHaveLength(17);
    expect(await state(user)).toMatchObject({ balance: 9 });
  });

  it("under one id happen once", async () => {
    const [user, id, name] = [newId(), newId(), newId()];
    await ledger.add(user, 10);
    await ledger.consume(user, 10, id);
    const outcomes = await raceAll(url, range(20).map(() => refund(id, name)));
    expect(outcomes.filter((one) => one.success && !one.duplicate)).toHaveLength(1);
    expect(outcomes.filter((one) => one.duplicate)).toHaveLength(19);
    expect(await state(user)).toMatchObject({ balance: 10 });
  });

  it("under one id of charges of several users happen to one of them", async () => {
    const name = newId();
    const ids = range(10).map(newId);
    for (const id of ids) {
      const user = newId();
      await ledger.add(user, 10);
      await ledger.consume(user, 10, id);
    }
    const outcomes = await raceAll(url, ids.map((id) => refund(id, name)));
    expect(outcomes.filter((one) => one.success)).toHaveLength(1);
    expect(outcomes.filter((one) => one.error === "idempotency_key_reused")).toHaveLength(9);
  });

  it("and charges keep every token", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 100);
    await ledger.consume(user, 100, id);
    const outcomes = await raceAll(
      url,
      range(20).map((index) => index % 2 ? consume(user, 7, newId()) : refund(id, newId(), 10)),
    );
    const sumOf = (name: string) =>
      outcomes.reduce((sum, one) => sum + ((one as unknown as Record<string, number>)[name] ?? 0), 0);
    expect((await state(user)).balance).toBe(sumOf("refunded") - sumOf("charged"));
  });
});

describe("reversals at once", () => {
  it("under one id count once", async () => {
    const [user, pay, id] = [newId(), newId(), newId()];
    await run(sql, add(user, 10, newId(), { p_source: pay }));
    const outcomes = await raceAll(url, range(20).map(() => clawBack(pay, 3, id)));
    expect(outcomes.filter((one) => !one.duplicate)).toHaveLength(1);
    expect(await state(user)).toMatchObject({ balance: 7 });
  });

  it("and their grant find each other, whoever comes first", async () => {
    for (const _ of range(10)) {
      const [user, pay] = [newId(), newId()];
      await raceAll<Outcome>(url, [
        clawBack(pay, 4, newId()),
        add(user, 10, newId(), { p_source: pay }),
        clawBack(pay, 3, newId()),
      ]);
      expect(await state(user)).toMatchObject({ balance: 3, debt: 0 });
    }
  });

  it("and their grant find each other, where one of them is not yet committed", async () => {
    for (const isFirst of [true, false]) {
      const [user, pay] = [newId(), newId()];
      const calls: [Call, Call] = [clawBack(pay, 4, newId()), add(user, 10, newId(), { p_source: pay })];
      const [first, second] = isFirst ? calls : calls.toReversed() as [Call, Call];
      await whileOpen(first, second);
      expect(await state(user)).toMatchObject({ balance: 6, debt: 0 });
    }
  });

  it("keep no grant of the same source waiting for another's, and are one wallet's though two get theirs at once", async () => {
    const [one, two, coupon] = [newId(), newId(), newId()];
    await sql.begin(async (transaction) => {
      await run(transaction, add(one, 10, newId(), { p_source: coupon }));
      await sql.begin(async (other) => {
        await other`set local lock_timeout = '5s'`;
        expect(await run(other, add(two, 10, newId(), { p_source: coupon }))).toMatchObject({
          success: true,
        });
      });
    });
    const late = newId();
    await run(sql, clawBack(late, 4, newId()));
    const users = range(4).map(newId);
    await raceAll(url, users.map((user) => add(user, 10, newId(), { p_source: late })));
    const balances = await Promise.all(users.map(async (user) => (await state(user)).balance));
    expect(balances.toSorted((a, b) => a - b)).toEqual([6, 10, 10, 10]);
  });

  it("of several payments of one wallet, and charges, keep every token", async () => {
    const user = newId();
    const pays = range(6).map(newId);
    for (const pay of pays) await run(sql, add(user, 10, newId(), { p_source: pay }));
    await raceAll(url, [
      ...pays.map((pay) => clawBack(pay, 10, newId())),
      ...pays.map((pay) => clawBack(pay, -10, newId())),
      ...range(8).map(() => consume(user, 2, newId())),
    ]);
    const [row] = await sql`
      select (sum(-delta) filter (where operation_type = 'meal-analyzer'))::integer as charged
      from public.token_balance_history where user_id = ${user}`;
    expect(await state(user)).toMatchObject({ balance: 60 - (row!.charged ?? 0), debt: 0 });
  });
});

describe("who waited for a charge knows of it:", () => {
  it("a reversal", async () => {
    const [user, pay] = [newId(), newId()];
    await run(sql, add(user, 10, newId(), { p_source: pay }));
    expect(await whileCharged(user, clawBack(pay, 10, newId()))).toMatchObject({ balance: 0, debt: 7 });
  });

  it("a rollover", async () => {
    const [user, plan] = [newId(), newId()];
    await run(sql, add(user, 10, newId(), { p_source: plan, p_kind: "plan" }));
    const roll = { p_wallet_id: user, p_source: plan, p_request_id: newId() };
    expect(await whileCharged(user, { name: "roll_over_grant", args: roll })).toMatchObject({
      rolled_over: 3,
      balance: 3,
    });
  });

  it("a refund", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 10);
    await ledger.consume(user, 2, id);
    expect(await whileCharged(user, refund(id, newId()))).toMatchObject({ refunded: 2, balance: 3 });
  });

  it("a new grant", async () => {
    const user = newId();
    await ledger.add(user, 10);
    expect(await whileCharged(user, add(user, 5, newId(), { p_priority: 0 }))).toMatchObject({ balance: 8 });
    expect(await ledger.consume(user, 6)).toMatchObject({ balance: 2 });
  });

  it("who looks what is left after an end", async () => {
    const user = newId();
    const end = await inMs(700);
    await grantUntil(user, 10, end);
    const look = { name: "wallet_state", args: { p_wallet_id: user } };
    expect(await whileCharged(user, look, () => until(() => isOver(end)))).toMatchObject({ balance: 0 });
    expect(await ledger.deltas(user)).toEqual([10, -7, -3]);
  });
});

describe("renewals at once", () => {
  it("under one id roll over once", async () => {
    const [user, plan, id] = [newId(), newId(), newId()];
    await run(sql, add(user, 100, newId(), { p_kind: "plan", p_source: plan }));
    const roll: Call = {
      name: "roll_over_grant",
      args: { p_wallet_id: user, p_source: plan, p_request_id: id, p_cap_tokens: 30 },
    };
    const outcomes = await raceAll(url, range(20).map(() => roll));
    expect(outcomes.filter((one) => one.success && !one.duplicate)).toHaveLength(1);
    expect(await state(user)).toMatchObject({ balance: 30 });
  });

  it("under several ids find the plan closed after the first", async () => {
    const [user, plan] = [newId(), newId()];
    await run(sql, add(user, 100, newId(), { p_kind: "plan", p_source: plan }));
    const outcomes = await raceAll<{ rolled_over: number }>(
      url,
      range(20).map((): Call => ({
        name: "roll_over_grant",
        args: { p_wallet_id: user, p_source: plan, p_request_id: newId(), p_cap_tokens: 30 },
      })),
    );
    expect(outcomes.map((one) => one.rolled_over).sort((a, b) => b - a).slice(0, 2)).toEqual([30, 0]);
    expect(await state(user)).toMatchObject({ balance: 30 });
  });
});

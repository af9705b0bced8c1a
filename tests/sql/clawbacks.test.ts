import { afterEach, describe, expect, it } from "vitest";

import { createClockedDatabase } from "./clocked_ledger.ts";
import { newId, run } from "./support.ts";

const { clocked } = await createClockedDatabase();

afterEach(async () => {
  expect(await clocked.broken()).toEqual([]);
  await clocked.at(0);
});

describe("a reversal", () => {
  it("takes what is left of the payment's grants, then other paid ones, and the rest is a debt", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 100, { p_source: pay });
    await clocked.grant(user, 30, { p_kind: "promotion" });
    await clocked.grant(user, 25);
    await clocked.consume(user, 50); // The promotion, and 20 of the payment's.
    expect(await clocked.left(user)).toEqual(["paid 80", "paid 25"]);
    await clocked.consume(user, 70);
    expect(await clocked.clawBack(pay, 100)).toMatchObject({
      success: true,
      reversed: 100,
      payment_debt: 65,
      debt: 65,
      balance: 0,
    });
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 65, grants: [] });
    expect(await clocked.anomalies(user)).toMatchObject([{ anomaly_type: "debt", occurrence: pay }]);
  });

  it("leaves what was given alone", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.consume(user, 10);
    await clocked.grant(user, 30, { p_kind: "promotion" });
    await clocked.clawBack(pay, 10);
    expect(await clocked.state(user)).toMatchObject({ balance: 30, debt: 10 });
  });

  it("is at most what the payment granted, and never less than nothing", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.clawBack(pay, -5);
    expect(await clocked.state(user)).toMatchObject({ balance: 10 });
    await clocked.clawBack(pay, 5);
    expect(await clocked.state(user)).toMatchObject({ balance: 10 });
    await clocked.clawBack(pay, 500);
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 0 });
  });

  it("is no charge: caps do not count it", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    const before = await clocked
      .sql`select granted - balance as spent from token_balances where user_id = ${user}`;
    await clocked.clawBack(pay, 10);
    expect(await clocked.sql`select granted - balance as spent from token_balances where user_id = ${user}`)
      .toEqual(
        before,
      );
  });

  it("counts once for its id, and another under the same id is refused", async () => {
    const [user, pay, id] = [newId(), newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.clawBack(pay, 3, id);
    expect(await clocked.clawBack(pay, 3, id)).toMatchObject({ duplicate: true, reversed: 3, balance: 7 });
    expect(await clocked.clawBack(pay, 4, id)).toMatchObject({ error: "idempotency_key_reused" });
    expect(await clocked.clawBack(newId(), 3, id)).toMatchObject({ error: "idempotency_key_reused" });
    expect(await clocked.state(user)).toMatchObject({ balance: 7 });
  });

  it("cancels what has not begun yet, the last first", async () => {
    const [user, pay] = [newId(), newId()];
    for (const month of [0, 1, 2, 3]) {
      await clocked.grant(user, 10, {
        from: month * 30,
        until: month * 30 + 30,
        p_source: pay,
        p_kind: "plan",
      });
    }
    await clocked.clawBack(pay, 15);
    expect((await clocked.state(user)).pending_grants.map(({ amount }) => amount)).toEqual([10, 5, 0]);
    await clocked.at(65);
    expect(await clocked.state(user)).toMatchObject({ balance: 5 });
    await clocked.clawBack(pay, -15);
    expect(await clocked.state(user)).toMatchObject({ balance: 10, debt: 0 });
    await clocked.at(95);
    expect(await clocked.state(user)).toMatchObject({ balance: 10 });
  });

  it("takes nothing that a running request needs until it ends", async () => {
    const [user, pay, id] = [newId(), newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.holdOf(user, 6, id);
    expect(await clocked.clawBack(pay, 10)).toMatchObject({ balance: 6, debt: 6 });
    expect(await clocked.settle(user, id, 2)).toMatchObject({ charged: 2 });
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 2 });
    expect(await clocked.entries(user)).toEqual([
      "grant 10",
      "clawback -4",
      "meal-analyzer -2",
      "debt_payment -4",
    ]);
  });

  it("of several wallets' source wants to know whose", async () => {
    const [one, two, coupon] = [newId(), newId(), newId()];
    for (const user of [one, two]) await clocked.grant(user, 10, { p_source: coupon });
    expect(await clocked.clawBack(coupon, 10)).toMatchObject({ error: "invalid_request" });
    expect(await clocked.clawBack(coupon, 10, newId(), { p_wallet_id: two })).toMatchObject({
      wallet_id: two,
    });
    expect(await clocked.state(one)).toMatchObject({ balance: 10 });
    expect(await clocked.state(two)).toMatchObject({ balance: 0 });
  });

  it.each([["", 1, "a"], ["a", 0, "a"], ["a", 0.5, "a"], ["a", 1, ""]])(
    "is refused of source %j, amount %s, id %j",
    async (source, amount, id) => {
      expect(await clocked.clawBack(source, amount, id)).toMatchObject({ error: "invalid_request" });
    },
  );
});

describe("a reversal that is undone", () => {
  it("first lowers the debt, then gives back what was taken, where it was taken", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay, until: 90 });
    await clocked.grant(user, 7);
    await clocked.consume(user, 6);
    await clocked.clawBack(pay, 10);
    expect(await clocked.state(user)).toMatchObject({ balance: 1, debt: 0 });
    await clocked.clawBack(pay, -10);
    expect(await clocked.left(user)).toEqual(["paid 4 until 90", "paid 7"]);
    await clocked.consume(user, 11);
    await clocked.clawBack(pay, 10);
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 10 });
    await clocked.clawBack(pay, -4);
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 6 });
    await clocked.clawBack(pay, -6);
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 0 });
  });

  it("gives anew what has ended meanwhile", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay, until: 30 });
    await clocked.clawBack(pay, 10);
    await clocked.at(40);
    await clocked.clawBack(pay, -10);
    expect(await clocked.left(user)).toEqual([`refund 10 until ${40 + 7 * 24 * 60}`]);
    // A second dispute finds it, as it is the payment's still.
    await clocked.clawBack(pay, 10);
    expect(await clocked.state(user)).toMatchObject({ balance: 0, debt: 0 });
  });

  it("gives back what others paid for its debt", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.consume(user, 10);
    await clocked.clawBack(pay, 10);
    await clocked.grant(user, 25);
    expect(await clocked.state(user)).toMatchObject({ balance: 15, debt: 0 });
    await clocked.clawBack(pay, -10);
    expect(await clocked.left(user)).toEqual(["paid 25"]);
  });
});

describe("a debt", () => {
  it("is paid first by the next grant, of whatever kind", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.consume(user, 10);
    await clocked.clawBack(pay, 10);
    expect(await clocked.grant(user, 4, { p_kind: "promotion" })).toMatchObject({ added: 4, balance: 0 });
    expect(await clocked.grant(user, 10)).toMatchObject({ added: 10, balance: 4 });
    expect((await clocked.entries(user)).slice(3)).toEqual([
      "grant 4",
      "debt_payment -4",
      "grant 10",
      "debt_payment -6",
    ]);
  });

  it("is an anomaly once per payment, and stops no request that can be paid", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.consume(user, 10);
    await clocked.grant(user, 5, { p_kind: "promotion" });
    await clocked.clawBack(pay, 4);
    await clocked.clawBack(pay, 4);
    expect(await clocked.anomalies(user)).toHaveLength(1);
    expect(await clocked.consume(user, 5)).toMatchObject({ success: true });
  });
});

/** What happens to a payment of 100, of which 60 are spent. */
const EVENTS = {
  "refunded in part": 30,
  "refunded": 70,
  "disputed": 100,
  "won": -100,
  "lost": 100,
  "reinstated": -100,
} as const;
type Event = "granted" | keyof typeof EVENTS;

function permutationsOf<One>(list: One[]): One[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((one, index) => permutationsOf(list.toSpliced(index, 1)).map((rest) => [one, ...rest]));
}

/** Everything about a user's tokens that is not the way to it. */
async function endOf(user: string): Promise<unknown> {
  const { balance, debt, held } = await clocked.state(user);
  return { balance, debt, held, left: await clocked.left(user) };
}

async function play(user: string, events: Event[], repeated: boolean): Promise<void> {
  const pay = `pay ${user}`;
  const happen = (event: Event): Promise<unknown> =>
    event === "granted"
      ? clocked.add(user, 100, `grant ${user}`, { p_source: pay })
      : clocked.clawBack(pay, EVENTS[event], `${event} ${user}`);
  for (const [index, event] of events.entries()) {
    await happen(event);
    if (!repeated) continue;
    for (const again of events.slice(0, index + 1).toReversed().slice(0, 2)) await happen(again);
  }
}

describe("the same events of a payment", () => {
  const cases: Event[][] = [
    ["granted", "refunded in part", "disputed", "won"],
    ["granted", "refunded in part", "refunded"],
    ["granted", "disputed", "lost", "reinstated"],
    ["granted", "refunded in part", "disputed", "lost"],
    ["granted", "refunded in part", "refunded", "disputed", "won"],
  ];

  it.each(cases.flatMap((events) => [false, true].map((repeated) => ({ events, repeated }))))(
    "end in the same state in any order, also before the grant: $events, repeated: $repeated",
    async ({ events, repeated }) => {
      const ends = new Set<string>();
      for (const order of permutationsOf(events)) {
        const user = newId();
        await clocked.grant(user, 40, { p_kind: "promotion", p_priority: 90, until: 500 });
        await clocked.grant(user, 20, { p_priority: 95 });
        await play(user, order, repeated);
        ends.add(JSON.stringify(await endOf(user)));
      }
      expect([...ends]).toHaveLength(1);
    },
  );

  it("end in the same state in any order after most of it was spent", async () => {
    const events: Event[] = ["refunded in part", "refunded", "disputed", "won"];
    const ends = new Set<string>();
    for (const order of permutationsOf(events)) {
      const user = newId();
      await clocked.grant(user, 20, { p_priority: 95 });
      await play(user, ["granted"], false);
      await clocked.consume(user, 90);
      await play(user, order, true);
      ends.add(JSON.stringify(await endOf(user)));
    }
    expect([...ends]).toEqual([JSON.stringify({ balance: 0, debt: 70, held: 0, left: [] })]);
  });

  it("end in the same state where two payments' reversals cross", async () => {
    const ends = new Set<string>();
    const steps = ["one 50", "two 40", "two -40", "one -50", "one 30"];
    for (const order of permutationsOf(steps)) {
      const user = newId();
      await clocked.grant(user, 50, { p_source: `one ${user}` });
      await clocked.grant(user, 40, { p_source: `two ${user}` });
      await clocked.consume(user, 80);
      for (const [index, step] of order.entries()) {
        const [pay, amount] = step.split(" ");
        await clocked.clawBack(`${pay} ${user}`, Number(amount), `${index} ${user}`);
      }
      ends.add(JSON.stringify(await endOf(user)));
    }
    expect([...ends]).toHaveLength(1);
  });
});

describe("a user who is forgotten", () => {
  it("leaves no payment behind, and what is told of it afterwards changes nothing", async () => {
    const [user, pay] = [newId(), newId()];
    await clocked.grant(user, 10, { p_source: pay });
    await clocked.grant(user, 10, { p_source: pay, from: 90 });
    await clocked.consume(user, 5);
    await clocked.clawBack(pay, 20, `before ${pay}`);
    await run(clocked.sql, { name: "forget_user", args: { p_user_id: user } });
    expect(await clocked.clawBack(pay, 20, `afterwards ${pay}`, { p_wallet_id: user }))
      .toMatchObject({ success: true, reversed: 0, wallet_id: user });
    const rows = await clocked.sql`
      select to_jsonb(t)::text as row from public.token_grants as t where wallet_id = ${user}
      union all select to_jsonb(t)::text from private.token_payments as t where wallet_id = ${user}
      union all select to_jsonb(t)::text from private.token_reversals as t
      union all select to_jsonb(t)::text from public.token_anomalies as t where user_id = ${user}
      union all select to_jsonb(t)::text from public.token_balance_history as t where user_id = ${user}`;
    expect(rows.filter(({ row }) => row.includes(pay))).toEqual([]);
    const before = await clocked.state(user);
    await clocked.clawBack(pay, 5);
    expect(await clocked.state(user)).toEqual(before);
  });
});

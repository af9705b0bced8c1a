import { afterEach, describe, expect, it } from "vitest";

import { createClockedDatabase } from "./clocked_ledger.ts";
import { newId, run } from "./support.ts";

const { clocked } = await createClockedDatabase();

afterEach(async () => {
  expect(await clocked.broken()).toEqual([]);
  await clocked.at(0);
});

interface Listed {
  balance: number;
  debt: number;
  grants: Record<string, unknown>[];
  next_before_entry: number | null;
  pending_grants: { amount: number }[];
}

const list = (wallet: string, args: Record<string, unknown> = {}) =>
  run<Listed | null>(clocked.sql, { name: "list_token_grants", args: { p_wallet_id: wallet, ...args } });

const explain = (id: string, user: string | null = null) =>
  // deno-lint-ignore no-explicit-any
  run<any>(clocked.sql, { name: "explain_request", args: { p_request_id: id, p_user_id: user } });

describe("the list of a wallet's grants", () => {
  it("says of each what is left, was spent, refunded, expired, reversed and rolled over, and it adds up", async () => {
    const [user, pay, charge] = [newId(), newId(), newId()];
    await clocked.grant(user, 10, { until: 30 }); // 1
    await clocked.grant(user, 20, { p_source: pay }); // 2
    await clocked.grant(user, 40, { p_kind: "plan", p_source: "plan", p_priority: 60 }); // 3
    await clocked.consume(user, 8, charge); // 4
    await clocked.refund(charge, newId(), { p_amount: 3 }); // 5
    await clocked.clawBack(pay, 15); // 6
    await clocked.at(31); // 7: what is left of the first expires.
    await run(clocked.sql, {
      name: "roll_over_grant",
      args: { p_wallet_id: user, p_source: "plan", p_request_id: newId(), p_cap_tokens: 30 },
    });
    const listed = (await list(user))!;
    expect(listed).toMatchObject({ balance: 35, debt: 0, next_before_entry: null, pending_grants: [] });
    expect(listed.grants).toMatchObject([
      { kind: "rollover", amount: 30, remaining: 30 },
      { entry_number: 3, kind: "plan", amount: 40, remaining: 0, rolled_over: 30, expired: 10, spent: 0 },
      { entry_number: 2, kind: "paid", amount: 20, remaining: 5, reversed: 15, source: pay },
      { entry_number: 1, amount: 10, remaining: 0, spent: 8, refunded: 3, expired: 5 },
    ]);
    for (const grant of listed.grants as Record<string, number>[]) {
      expect(
        grant.amount! + grant.refunded! - grant.spent! - grant.expired! - grant.reversed! -
          grant.rolled_over!,
      ).toBe(grant.remaining);
    }
  });

  it("takes off first what has ended, although no job runs", async () => {
    const user = newId();
    await clocked.grant(user, 10, { until: 30 });
    await clocked.at(10_000);
    expect(await list(user)).toMatchObject({ balance: 0, grants: [{ remaining: 0, expired: 10 }] });
  });

  it("comes in pages, the newest first, with what has not begun on the first", async () => {
    const user = newId();
    for (const amount of [1, 2, 3]) await clocked.grant(user, amount);
    await clocked.grant(user, 50, { from: 100 });
    const first = (await list(user, { p_limit: 2 }))!;
    expect(first.grants.map(({ amount }) => amount)).toEqual([3, 2]);
    expect(first).toMatchObject({ next_before_entry: 2, pending_grants: [{ amount: 50 }] });
    const second = (await list(user, { p_limit: 2, p_before_entry: first.next_before_entry }))!;
    expect(second.grants.map(({ amount }) => amount)).toEqual([1]);
    expect(second).toMatchObject({ next_before_entry: null, pending_grants: [] });
  });

  it("is nobody's but the owner's and the members'", async () => {
    const [user, other] = [newId(), newId()];
    await clocked.grant(user, 5);
    expect(await list(user, { p_actor_id: user })).toMatchObject({ balance: 5 });
    expect(await list(user, { p_actor_id: other })).toBeNull();
  });

  it("is empty where there is no such wallet", async () => {
    expect(await list(newId())).toEqual({
      balance: 0,
      held: 0,
      available: 0,
      debt: 0,
      grants: [],
      next_before_entry: null,
      pending_grants: [],
    });
  });
});

describe("why a request was charged", () => {
  it("names the grants that paid, in their order, and what was taken back of them since", async () => {
    const [user, pay, id] = [newId(), newId(), newId()];
    await clocked.grant(user, 10, { until: 30 });
    await clocked.grant(user, 20, { p_source: pay });
    await clocked.consume(user, 3);
    await clocked.consume(user, 12, id);
    await clocked.consume(user, 2);
    expect(await explain(id)).toMatchObject({
      charged: 12,
      refunded: 0,
      grant: null,
      grants: [
        { entry_number: 1, kind: "paid", tokens: 7, reversed: 0, source: null },
        { entry_number: 2, kind: "paid", tokens: 5, reversed: 0, source: pay, expires_at: null },
      ],
    });
    await clocked.clawBack(pay, 20);
    expect((await explain(id)).grants).toMatchObject([{ tokens: 7, reversed: 0 }, {
      tokens: 5,
      reversed: 13,
    }]);
  });

  it("tells the refunds, with their ids and reasons", async () => {
    const [user, id] = [newId(), newId()];
    await clocked.grant(user, 20);
    await clocked.consume(user, 12, id);
    await clocked.refund(id, "first", { p_amount: 2, p_reason: "slow" });
    await clocked.refund(id, "second", { p_amount: 3 });
    const life = await explain(id);
    expect(life).toMatchObject({ charged: 12, refunded: 5, grants: [{ tokens: 12 }] });
    expect(life.events.filter(({ event }: { event: string }) => event === "refunded")).toEqual([
      { at: expect.any(String), event: "refunded", tokens: 2, reason: "slow", refund_id: "first" },
      { at: expect.any(String), event: "refunded", tokens: 3, refund_id: "second" },
    ]);
  });

  it("knows it of a charge whose request is forgotten, after many events of its grants", async () => {
    const [user, id] = [newId(), newId()];
    await clocked.grant(user, 10, { until: 30 });
    await clocked.grant(user, 20, { p_kind: "promotion", p_priority: 90 });
    await clocked.consume(user, 12, id);
    await clocked.at(60);
    for (const amount of [5, 6, 7]) {
      await clocked.grant(user, amount);
      await clocked.consume(user, 4);
    }
    await clocked.refund(id, newId(), { p_amount: 1 });
    const before = await explain(id);
    await clocked.sql`delete from public.token_consumption_locks where request_id = ${id}`;
    for (const life of [await explain(id), await explain(id, user)]) {
      expect(life).toMatchObject({ is_known: false, charged: 12, refunded: 1 });
      expect(life.grants).toEqual(before.grants);
    }
    expect(before.grants).toMatchObject([{ entry_number: 1, tokens: 10 }, { entry_number: 2, tokens: 2 }]);
  });

  it("tells of a request that granted tokens what became of them, and which payments took them back", async () => {
    const [user, pay, later, id] = [newId(), newId(), newId(), newId()];
    const grant = { name: "add_tokens", args: { p_user_id: user, p_reason: "pack" } };
    await run(clocked.sql, {
      ...grant,
      args: { ...grant.args, p_amount: 50, p_request_id: id, p_source: pay },
    });
    await clocked.consume(user, 20);
    await clocked.clawBack(pay, 10);
    expect(await explain(id)).toMatchObject({
      charged: -50,
      grants: [],
      events: [{ event: "granted", tokens: 50, reason: "pack" }],
      grant: {
        entry_number: 1,
        amount: 50,
        remaining: 20,
        reversed: 10,
        clawbacks: [{ source: pay, tokens: 10 }],
      },
    });
    const args = { ...grant.args, p_amount: 9, p_request_id: later, p_effective_at: await clocked.time(100) };
    await run(clocked.sql, { ...grant, args });
    expect(await explain(later)).toMatchObject({
      events: [],
      grant: { entry_number: null, amount: 9, remaining: 0 },
    });
    await clocked.at(101);
    await clocked.state(user);
    expect(await explain(later)).toMatchObject({
      events: [{ event: "granted", tokens: 9 }],
      grant: { remaining: 9 },
    });
  });
});

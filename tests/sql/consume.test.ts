import { afterEach, describe, expect, it } from "vitest";

import { connect, serviceClient } from "../support/stack.ts";
import { consume, createDatabase, hold, Ledger, newId, raceAll, range, run } from "./support.ts";

const { url, sql, ledger } = await createDatabase();
/** The database that REST serves. */
const served = new Ledger(connect({ connections: 1 }));

afterEach(async () => expect(await ledger.problems()).toEqual([]));

describe("one request", () => {
  it("charges once and gives 40 callers at once the first one's outcome (mistakes 5, 7)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 100);
    const outcomes = await raceAll(url, range(40).map(() => consume(user, 7, id)));
    expect(outcomes.filter((one) => one.success)).toHaveLength(40);
    expect(outcomes.filter((one) => one.duplicate)).toHaveLength(39);
    expect(new Set(outcomes.map(({ charged, balance, error }) => `${charged} ${balance} ${error}`)))
      .toEqual(new Set(["7 93 null"]));
    expect(await ledger.deltas(user)).toEqual([100, -7]);
  });

  it("gives a late retry the original charge and balance, not the current ones (mistake 7)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 100);
    const first = await ledger.consume(user, 10, id);
    await ledger.consume(user, 25);
    await ledger.add(user, 1_000);
    expect(await ledger.consume(user, 10, id)).toEqual({ ...first, duplicate: true });
  });

  it("is a duplicate also when the user has no token left (mistake 5)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 10);
    await ledger.consume(user, 10, id);
    expect(await ledger.consume(user, 10, id)).toMatchObject({
      success: true,
      duplicate: true,
      charged: 10,
      balance: 0,
    });
  });

  it("answers with exactly the fields of the contract", async () => {
    const user = newId();
    await ledger.add(user, 1);
    expect(await ledger.consume(user, 1, "contract-" + user)).toEqual({
      success: true,
      duplicate: false,
      error: null,
      charged: 1,
      balance: 0,
      request_id: "contract-" + user,
    });
    expect(await ledger.consume(user, 1, "refused-" + user)).toMatchObject({
      success: false,
      duplicate: false,
      error: "insufficient_tokens",
      charged: 0,
      balance: 0,
      required: 1,
      available: 0,
      request_id: "refused-" + user,
    });
  });

  it("writes its metadata into the entry", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 5);
    const call = consume(user, 5, id);
    await run(sql, { ...call, args: { ...call.args, p_metadata: { price: 5, version: "2026-01" } } });
    const [entry] = await sql`select * from token_balance_history where request_id = ${id}`;
    expect(entry).toMatchObject({
      metadata: { price: 5, version: "2026-01" },
      operation_type: "meal-analyzer",
    });
  });
});

describe("many requests", () => {
  it("passes exactly 19 of 40 at once on a balance for 19 (mistakes 8, 28, 29)", async () => {
    const user = newId();
    await ledger.add(user, 19 * 3 + 2);
    const outcomes = await raceAll(url, range(40).map(() => consume(user, 3, newId())));
    expect(outcomes.filter((one) => one.success)).toHaveLength(19);
    expect(outcomes.filter((one) => one.error === "insufficient_tokens")).toHaveLength(21);
    expect(await ledger.balance(user)).toEqual({ balance: 2, held: 0, entries: 20 });
  });

  it("never refuses legitimate parallel use (mistake 16)", async () => {
    const user = newId();
    await ledger.add(user, 40);
    const outcomes = await raceAll(url, range(40).map(() => consume(user, 1, newId())));
    expect(outcomes.every((one) => one.success)).toBe(true);
    expect(outcomes.map((one) => one.balance).sort((a, b) => a! - b!)).toEqual(range(40));
  });

  it("does not spend what a running request holds (mistake 8)", async () => {
    const user = newId();
    await ledger.add(user, 10);
    await ledger.hold(user, 8, newId());
    expect(await ledger.consume(user, 3)).toMatchObject({
      error: "insufficient_tokens",
      required: 3,
      available: 2,
    });
    expect(await ledger.consume(user, 2)).toMatchObject({ success: true, balance: 8 });
  });

  it("spends what an expired hold had reserved, before any cleanup (mistake 23)", async () => {
    const [user, stale, id] = [newId(), newId(), newId()];
    await ledger.add(user, 10);
    await ledger.hold(user, 8, stale);
    await ledger.outlive(stale);
    const first = await ledger.consume(user, 9, id);
    expect(first).toEqual({
      success: true,
      duplicate: false,
      error: null,
      charged: 9,
      balance: 1,
      request_id: id,
    });
    expect(await ledger.consume(user, 9, id)).toEqual({ ...first, duplicate: true });
    expect(await ledger.anomalies(user)).toEqual([]);
  });
});

describe("the same id with another request", () => {
  async function charged() {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 777);
    await ledger.consume(user, 10, id);
    return { user, id };
  }

  it("is refused with another amount (mistake 6)", async () => {
    const { user, id } = await charged();
    const before = await ledger.balance(user);
    for (const amount of [9, 11, 100_000]) {
      expect(await ledger.consume(user, amount, id))
        .toMatchObject({ success: false, error: "idempotency_key_reused", charged: 0 });
    }
    expect(await ledger.balance(user)).toEqual(before);
  });

  it("is refused with another operation (mistake 6)", async () => {
    const { user, id } = await charged();
    expect(await ledger.consume(user, 10, id, "recipe-generator"))
      .toMatchObject({ success: false, error: "idempotency_key_reused", charged: 0 });
    expect(await ledger.deltas(user)).toEqual([777, -10]);
  });

  it("is refused to another user, who is told nothing of the first one's balance (mistake 6)", async () => {
    const { user, id } = await charged();
    const other = newId();
    await ledger.add(other, 900);
    for (const [asking, amount] of [[other, 10], [other, 900], [newId(), 10]] as const) {
      const outcome = await ledger.consume(asking, amount, id);
      expect(outcome).toMatchObject({ success: false, duplicate: false, error: "idempotency_key_reused" });
      expect(outcome.balance).toBeNull();
      expect(JSON.stringify(outcome).replace(id, "")).not.toMatch(/767|777/);
    }
    expect(await ledger.deltas(other)).toEqual([900]);
    expect(await ledger.deltas(user)).toEqual([777, -10]);
  });

  it("is refused for every one but the first of 20 users at once (mistake 6)", async () => {
    const id = newId();
    const users = range(20).map(newId);
    await Promise.all(users.map((user) => ledger.add(user, 10)));
    const outcomes = await raceAll(url, users.map((user) => consume(user, 4, id)));
    expect(outcomes.filter((one) => one.success && !one.duplicate)).toHaveLength(1);
    expect(outcomes.filter((one) => one.error === "idempotency_key_reused" && one.balance === null))
      .toHaveLength(19);
    const [sum] = await sql`
      select sum(balance)::integer as balance from token_balances where user_id in ${sql(users)}`;
    expect(sum!.balance).toBe(196);
  });

  it("does not touch a two-phase request with the same id", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 100);
    await ledger.hold(user, 10, id);
    expect(await ledger.consume(user, 10, id)).toMatchObject({ error: "idempotency_key_reused" });
    expect(await ledger.balance(user)).toEqual({ balance: 100, held: 10, entries: 1 });
  });

  it("waits its turn while the same request without a fingerprint is held", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 100);
    await ledger.hold(user, 10, id, { p_fingerprint: null });
    expect(await ledger.consume(user, 10, id)).toMatchObject({ error: "request_in_progress", charged: 0 });
    expect(await ledger.balance(user)).toEqual({ balance: 100, held: 10, entries: 1 });
  });

  it("is not free when the id is that of a grant (mistake 6)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 100, id);
    for (const operation of ["grant", "meal-analyzer"]) {
      expect(await ledger.consume(user, 100, id, operation)).toMatchObject({ success: false, charged: 0 });
    }
    expect(await ledger.balance(user)).toMatchObject({ balance: 100 });
  });
});

const AMOUNTS_OF_NOTHING = [
  0,
  -1,
  "-500000",
  null,
  "0.5",
  "1.0000001",
  "NaN",
  "Infinity",
  "-Infinity",
  "9223372036854775808",
  "1e300",
];

describe("a request that makes no sense", () => {
  it.each(AMOUNTS_OF_NOTHING)(
    "is refused with the amount %s and changes nothing (mistake 2)",
    async (amount) => {
      const user = newId();
      await ledger.add(user, 1_000);
      const before = await ledger.snapshot(user);
      const calls = [consume(user, amount, newId()), hold(user, amount, newId())];
      for (const call of calls) {
        expect(await run(sql, call)).toMatchObject({ success: false, error: "invalid_request", charged: 0 });
      }
      expect(await ledger.snapshot(user)).toEqual(before);
    },
  );

  it.each(AMOUNTS_OF_NOTHING)(
    "is refused with the amount %s through REST too (mistake 2)",
    async (amount) => {
      const user = newId();
      await served.add(user, 1_000);
      const before = await served.snapshot(user);
      const { data, error } = await serviceClient().rpc("consume_tokens_atomic", {
        p_request_id: newId(),
        p_user_id: user,
        p_token_amount: amount,
        p_operation_type: "meal-analyzer",
      });
      expect(error).toBeNull();
      expect(data).toMatchObject({ success: false, error: "invalid_request", charged: 0 });
      expect(await served.snapshot(user)).toEqual(before);
    },
  );

  it.each([
    ["no id", { p_request_id: null }],
    ["an empty id", { p_request_id: "" }],
    ["an id of 256 characters", { p_request_id: "x".repeat(256) }],
    ["no user", { p_user_id: null }],
    ["no operation", { p_operation_type: null }],
    ["an empty operation", { p_operation_type: "" }],
    ["an operation of 101 characters", { p_operation_type: "x".repeat(101) }],
  ])("is refused with %s and changes nothing", async (_, wrong) => {
    const user = newId();
    await ledger.add(user, 1_000);
    const before = await ledger.snapshot(user);
    for (const { name, args } of [consume(user, 1, newId()), hold(user, 1, newId())]) {
      expect(await run(sql, { name, args: { ...args, ...wrong } }))
        .toMatchObject({ success: false, error: "invalid_request", charged: 0 });
    }
    expect(await ledger.snapshot(user)).toEqual(before);
  });

  it("does not apply to an id of 255 characters of any script", async () => {
    const user = newId();
    await ledger.add(user, 10);
    for (const letter of ["x", "é", "漢", "🍎"]) {
      const id = user + letter.repeat(255 - user.length);
      expect(await ledger.consume(user, 1, id)).toMatchObject({ success: true, request_id: id });
      expect(await ledger.consume(user, 1, id)).toMatchObject({ success: true, duplicate: true });
    }
    expect(await ledger.balance(user)).toMatchObject({ balance: 6 });
  });

  it("keeps ids apart that differ in case, accents or spaces", async () => {
    const user = newId();
    await ledger.add(user, 10);
    for (const end of ["a", "A", "á", "a ", " a"]) {
      expect(await ledger.consume(user, 1, user + end)).toMatchObject({ success: true, duplicate: false });
    }
    expect(await ledger.balance(user)).toMatchObject({ balance: 5 });
  });
});

describe("the largest numbers", () => {
  it("charges the largest balance there can be, to the token", async () => {
    const user = newId();
    await ledger.add(user, "9007199254740991");
    expect(await ledger.consume(user, "9007199254740991")).toMatchObject({ success: true, balance: 0 });
    expect(await ledger.balance(user)).toMatchObject({ balance: 0 });
  });
});

describe("a user without a row", () => {
  it("has nothing, is not assumed to have something, and gets a row (mistake 30)", async () => {
    const user = newId();
    expect(await ledger.consume(user, 1)).toMatchObject({
      error: "insufficient_tokens",
      balance: 0,
      available: 0,
    });
    expect(await ledger.balance(user)).toEqual({ balance: 0, held: 0, entries: 0 });
  });

  it("gets one row when 40 first requests come at once, none of which fails (mistake 21)", async () => {
    const user = newId();
    const outcomes = await raceAll(url, range(40).map(() => consume(user, 1, newId())));
    expect(new Set(outcomes.map((one) => one.error))).toEqual(new Set(["insufficient_tokens"]));
    expect(await sql`select * from token_balances where user_id = ${user}`).toHaveLength(1);
  });

  it("leaves no lock behind that would make a retry after a top-up fail (mistake 18)", async () => {
    const [user, id] = [newId(), newId()];
    expect(await ledger.consume(user, 5, id)).toMatchObject({ error: "insufficient_tokens" });
    expect(await ledger.lock(id)).toBeUndefined();
    await ledger.add(user, 5);
    expect(await ledger.consume(user, 5, id)).toMatchObject({ success: true, duplicate: false, charged: 5 });
  });
});

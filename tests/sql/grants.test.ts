import { afterEach, describe, expect, it } from "vitest";

import { serviceClient } from "../support/stack.ts";
import { add, createDatabase, newId, raceAll, range, run } from "./support.ts";

const { url, sql, ledger } = await createDatabase();

afterEach(async () => expect(await ledger.problems()).toEqual([]));

const LARGEST = "9007199254740991";

describe("a grant with a request id", () => {
  it("happens once when 40 webhooks come at once (mistake 20)", async () => {
    const [user, id] = [newId(), newId()];
    const outcomes = await raceAll(url, range(40).map(() => add(user, 25, id)));
    expect(outcomes.filter((one) => one.success && one.added === 25 && one.balance === 25)).toHaveLength(40);
    expect(outcomes.filter((one) => one.duplicate)).toHaveLength(39);
    expect(await ledger.deltas(user)).toEqual([25]);
  });

  it("returns the first outcome however late it is repeated, also after cleanups (mistake 20)", async () => {
    const [user, id] = [newId(), newId()];
    const first = await ledger.add(user, 25, id);
    await ledger.consume(user, 20);
    await ledger.cleanup();
    await ledger.cleanup();
    expect(await ledger.add(user, 25, id)).toEqual({ ...first, duplicate: true });
    expect(await ledger.deltas(user)).toEqual([25, -20]);
  });

  it("is refused with another amount or user, who learns nothing of the first (mistake 6)", async () => {
    const [user, id, other] = [newId(), newId(), newId()];
    await ledger.add(user, 25, id);
    const refused = {
      success: false,
      duplicate: false,
      error: "idempotency_key_reused",
      added: 0,
      balance: null,
    };
    expect(await ledger.add(user, 26, id)).toMatchObject(refused);
    expect(await ledger.add(other, 25, id)).toMatchObject(refused);
    expect(await ledger.balance(user)).toMatchObject({ balance: 25 });
    expect(await ledger.balance(other)).toMatchObject({ balance: 0, entries: 0 });
  });

  it("goes to one of 20 users at once", async () => {
    const id = newId();
    const users = range(20).map(newId);
    const outcomes = await raceAll(url, users.map((user) => add(user, 5, id)));
    expect(outcomes.filter((one) => one.success)).toHaveLength(1);
    expect(outcomes.filter((one) => one.error === "idempotency_key_reused")).toHaveLength(19);
    const [sum] = await sql`
      select sum(balance)::integer as balance from token_balances where user_id in ${sql(users)}`;
    expect(sum!.balance).toBe(5);
  });

  it("is refused with the id of a charge (mistake 6)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 100);
    expect(await ledger.consume(user, 10, id)).toMatchObject({ success: true });
    expect(await ledger.add(user, 10, id)).toMatchObject({ success: false, error: "idempotency_key_reused" });
  });

  it("is a duplicate also when the balance has no room for it twice (mistake 5)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, LARGEST, id);
    expect(await ledger.add(user, LARGEST, id)).toMatchObject({ success: true, duplicate: true });
  });

  it("is not lost when the outcome that had its id is deleted at that moment (mistake 5)", async () => {
    for (const _ of range(20)) {
      const [user, id] = [newId(), newId()];
      await ledger.add(user, 100);
      await ledger.consume(user, 10, id);
      await ledger.age([id]);
      const [outcome] = await raceAll(url, [add(user, 10, id), { name: "cleanup_expired_locks", args: {} }]);
      expect(outcome).toMatchObject({ duplicate: false, added: outcome!.success ? 10 : 0 });
      expect(await ledger.balance(user)).toMatchObject({ balance: outcome!.success ? 100 : 90 });
    }
  });
});

describe("a grant without a request id", () => {
  it("grants each time", async () => {
    const user = newId();
    const outcomes = await raceAll(url, range(10).map(() => add(user, 3)));
    expect(outcomes.every((one) => one.success && !one.duplicate && one.added === 3)).toBe(true);
    expect(outcomes.map((one) => one.balance).sort((a, b) => a! - b!)).toEqual(
      range(10).map((n) => 3 * n + 3),
    );
    expect(await ledger.deltas(user)).toEqual(range(10).map(() => 3));
  });
});

describe("a grant", () => {
  it("makes the row of a user that has none, also 40 at once (mistake 21)", async () => {
    const user = newId();
    const outcomes = await raceAll(url, range(40).map(() => add(user, 1, newId())));
    expect(outcomes.filter((one) => one.success)).toHaveLength(40);
    expect(await ledger.balance(user)).toEqual({ balance: 40, held: 0, entries: 40 });
  });

  it("that would exceed the maximum balance is refused and changes nothing", async () => {
    const user = newId();
    await ledger.add(user, LARGEST);
    // When what is due was last looked for is no part of it.
    const state = async () =>
      JSON.parse(
        JSON.stringify(
          await ledger.snapshot(user),
          (name, value) => name === "updated_at" ? undefined : value,
        ),
      );
    const before = await state();
    for (const amount of [1, LARGEST]) {
      for (const id of [undefined, newId()]) {
        expect(await ledger.add(user, amount, id)).toMatchObject({
          success: false,
          error: "invalid_request",
          added: 0,
        });
      }
    }
    expect(await state()).toEqual(before);
  });

  it.each([0, -1, "0.5", "NaN", "Infinity", "9223372036854775808", null])(
    "of %s is refused and changes nothing (mistake 2)",
    async (amount) => {
      const user = newId();
      expect(await ledger.add(user, amount, newId())).toMatchObject({
        success: false,
        error: "invalid_request",
      });
      expect(await ledger.snapshot(user)).toEqual({
        balances: null,
        history: null,
        locks: null,
        anomalies: null,
      });
      const { data } = await serviceClient().rpc("add_tokens", {
        p_user_id: user,
        p_amount: amount,
        p_reason: "test",
      });
      expect(data).toMatchObject({ success: false, error: "invalid_request", added: 0 });
    },
  );

  it.each([
    ["no user", { p_user_id: null }],
    ["no reason", { p_reason: null }],
    ["an empty reason", { p_reason: "" }],
    ["an empty id", { p_request_id: "" }],
    ["an id of 256 characters", { p_request_id: "x".repeat(256) }],
  ])("with %s is refused", async (_, wrong) => {
    const { name, args } = add(newId(), 1);
    expect(await run(sql, { name, args: { ...args, ...wrong } })).toMatchObject({ error: "invalid_request" });
  });

  it("keeps its reason and its metadata", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 5, id, { p_reason: "purchase", p_metadata: { invoice: "in_1" } });
    expect(await sql`select operation_type, metadata from token_balance_history where request_id = ${id}`)
      .toEqual([{ operation_type: "grant", metadata: { reason: "purchase", invoice: "in_1" } }]);
  });

  it("keeps its reason whatever the metadata says", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 5, id, { p_reason: "purchase", p_metadata: { reason: "another" } });
    expect(await sql`select metadata from token_balance_history where request_id = ${id}`)
      .toEqual([{ metadata: { reason: "purchase" } }]);
  });

  it.each([[["a list"]], ["text"]])(
    "is refused with metadata that is not an object: %j",
    async (metadata) => {
      const user = newId();
      expect(await ledger.add(user, 5, newId(), { p_metadata: metadata })).toMatchObject({
        error: "invalid_request",
      });
      expect(await ledger.deltas(user)).toEqual([]);
    },
  );

  it("is spent only once, whatever the user does meanwhile", async () => {
    const user = newId();
    await ledger.add(user, 5);
    expect(await ledger.consume(user, 5)).toMatchObject({ success: true });
    expect(await ledger.consume(user, 1)).toMatchObject({ error: "insufficient_tokens" });
  });
});

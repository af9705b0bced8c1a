import { afterEach, describe, expect, it } from "vitest";

import { createDatabase, newId, range } from "./support.ts";

const { sql, ledger } = await createDatabase();

afterEach(async () => expect(await ledger.problems()).toEqual([]));

/** A user with 100 tokens of which one request holds 10. */
async function held(tokens = 100, amount = 10) {
  const [user, id] = [newId(), newId()];
  await ledger.add(user, tokens);
  const outcome = await ledger.hold(user, amount, id);
  return { user, id, outcome };
}

describe("a hold", () => {
  it("reserves the bound before the work and charges nothing yet (mistakes 8, 10)", async () => {
    const { user, id, outcome } = await held();
    expect(outcome).toEqual({
      success: true,
      duplicate: false,
      error: null,
      charged: 0,
      attempt: 1,
      balance: 100,
      held: 10,
      request_id: id,
    });
    expect(await ledger.balance(user)).toEqual({ balance: 100, held: 10, entries: 1 });
    expect(await ledger.hold(user, 91, newId()))
      .toMatchObject({ error: "insufficient_tokens", required: 91, available: 90, balance: 100 });
  });

  it("of a request that runs is refused to a second caller, who must not call the provider", async () => {
    const { user, id } = await held();
    expect(await ledger.hold(user, 10, id)).toMatchObject({ success: false, error: "request_in_progress" });
    expect(await ledger.balance(user)).toMatchObject({ held: 10 });
  });

  it("is refused to another content, operation or user under the same id (mistake 6)", async () => {
    const { user, id } = await held();
    const other = newId();
    await ledger.add(other, 55);
    const refused = { success: false, duplicate: false, error: "idempotency_key_reused", balance: null };
    for (const end of [() => ledger.settle(user, id, 10), undefined]) {
      expect(await ledger.hold(user, 10, id, { p_fingerprint: "another" })).toMatchObject(refused);
      expect(await ledger.hold(user, 10, id, { p_fingerprint: null })).toMatchObject(refused);
      expect(await ledger.hold(user, 10, id, { p_operation_type: "recipe-generator" })).toMatchObject(
        refused,
      );
      expect(await ledger.hold(other, 10, id)).toMatchObject(refused);
      await end?.();
    }
    expect(await ledger.balance(other)).toEqual({ balance: 55, held: 0, entries: 1 });
  });

  it("of a released request is refused to another content too (mistake 6)", async () => {
    const { user, id } = await held();
    await ledger.release(user, id);
    expect(await ledger.hold(user, 10, id, { p_fingerprint: "another" }))
      .toMatchObject({ error: "idempotency_key_reused" });
    expect(await ledger.balance(user)).toMatchObject({ held: 0 });
  });

  it("may have another bound for the same content, as prices change between two attempts", async () => {
    const { user, id } = await held();
    await ledger.release(user, id);
    expect(await ledger.hold(user, 30, id)).toMatchObject({ success: true, attempt: 2, held: 30 });
  });

  it.each([null, "0 seconds", "-1 minute", "25 hours", "infinity"])(
    "is refused with the time to live %s",
    async (time) => {
      const user = newId();
      await ledger.add(user, 10);
      expect(await ledger.hold(user, 1, newId(), { p_time_to_live: time })).toMatchObject({
        error: "invalid_request",
      });
      expect(await ledger.balance(user)).toMatchObject({ held: 0 });
    },
  );

  it.each([
    [null, "1", "meal-analyzer", "{}", "request_id must"],
    ["", "1", "meal-analyzer", "{}", "request_id must"],
    ["x".repeat(256), "1", "meal-analyzer", "{}", "request_id must"],
    ["x".repeat(255), "1", "", "{}", "operation_type must"],
    ["id", "1", null, "{}", "operation_type must"],
    ["id", "1", "ß".repeat(101), "{}", "operation_type must"],
    ["id", "1", "grant", "{}", "operation_type grant"],
    ["id", null, "ß".repeat(100), "{}", "token_amount must"],
    ["id", "0", "meal-analyzer", "{}", "token_amount must"],
    ["id", "1.5", "meal-analyzer", "{}", "token_amount must"],
    ["id", "9007199254740992", "meal-analyzer", "{}", "token_amount must"],
    ["id", "NaN", "meal-analyzer", "{}", "token_amount must"],
    ["id", "Infinity", "meal-analyzer", "{}", "token_amount must"],
    ["id", "9007199254740991", "meal-analyzer", "[]", "metadata must"],
    ["id", "1.0", "meal-analyzer", "[{}]", "metadata must"],
    ["id", "1", "meal-analyzer", "null", "metadata must"],
    ["id", "1", "meal-analyzer", '"{}"', "metadata must"],
    ["id", "1", "meal-analyzer", '{"model": "m"}', null],
    ["id", "1", "meal-analyzer", null, null],
  ])(
    "of the id %s, the amount %s, the operation %s and the metadata %s has the problem %s",
    async (...asked) => {
      const [id, amount, operation, metadata, problem] = asked;
      const [row] = await sql`
      select private.token_request_problem(${id}, ${newId()}, ${amount}, ${operation}, ${metadata}::text::jsonb) as problem`;
      if (problem === null) expect(row!.problem).toBeNull();
      else expect(row!.problem).toContain(problem);
    },
  );

  it("lives longer than any function may run, by default 10 minutes", async () => {
    const { id } = await held();
    const [lock] = await sql`
      select extract(epoch from expires_at - created_at)::integer as seconds
      from token_consumption_locks where request_id = ${id}`;
    expect(lock!.seconds).toBe(600);
  });

  it("that outlived its time does not block a new request, though no cleanup ran (mistake 23)", async () => {
    const { user, id } = await held(10, 10);
    expect(await ledger.hold(user, 5, newId())).toMatchObject({ error: "insufficient_tokens" });
    await ledger.outlive(id);
    expect(await ledger.hold(user, 5, newId())).toMatchObject({ success: true, held: 5 });
    expect(await ledger.lock(id)).toMatchObject({ status: "expired", charged: null });
  });
});

describe("a settlement", () => {
  it("charges what it really cost and gives the rest of the hold back", async () => {
    const { user, id } = await held();
    expect(await ledger.settle(user, id, 4)).toMatchObject({
      success: true,
      duplicate: false,
      charged: 4,
      balance: 96,
    });
    expect(await ledger.balance(user)).toEqual({ balance: 96, held: 0, entries: 2 });
    expect(await ledger.anomalies(user)).toEqual([]);
  });

  it("of exactly the hold charges the hold", async () => {
    const { user, id } = await held(10, 10);
    expect(await ledger.settle(user, id, 10)).toMatchObject({ charged: 10, balance: 0 });
    expect(await ledger.anomalies(user)).toEqual([]);
  });

  it("above the hold charges the whole cost when the balance has it", async () => {
    const { user, id } = await held();
    expect(await ledger.settle(user, id, 25)).toMatchObject({ charged: 25, balance: 75 });
    expect(await ledger.anomalies(user)).toEqual([]);
  });

  it("above what is available stops there, leaves other holds alone, and records the shortfall once", async () => {
    const { user, id } = await held(100, 10);
    const other = newId();
    await ledger.hold(user, 70, other);
    const first = await ledger.settle(user, id, 200);
    expect(first).toMatchObject({ success: true, charged: 30, balance: 70 });
    expect(await ledger.balance(user)).toMatchObject({ balance: 70, held: 70 });
    expect(await ledger.settle(user, id, 200)).toMatchObject({ duplicate: true, charged: 30, balance: 70 });
    expect(await ledger.anomalies(user)).toMatchObject([{
      anomaly_type: "shortfall",
      severity: "warning",
      details: { request_id: id, held: 10, cost: 200, charged: 30 },
    }]);
    expect(await ledger.settle(user, other, 70)).toMatchObject({ charged: 70, balance: 0 });
  });

  it("of unknown usage charges the whole hold, never nothing, and records it (mistake 12)", async () => {
    const { user, id } = await held();
    expect(await ledger.settle(user, id, null)).toMatchObject({ charged: 10, balance: 90 });
    await ledger.settle(user, id, null);
    expect(await ledger.anomalies(user)).toMatchObject([{
      anomaly_type: "usage_unknown",
      details: { request_id: id, charged: 10 },
    }]);
  });

  it("of nothing ends the hold and writes no entry", async () => {
    const { user, id } = await held();
    expect(await ledger.settle(user, id, 0)).toMatchObject({ success: true, charged: 0, balance: 100 });
    expect(await ledger.balance(user)).toEqual({ balance: 100, held: 0, entries: 1 });
    expect(await ledger.hold(user, 10, id)).toMatchObject({ success: true, duplicate: true, charged: 0 });
  });

  it("of nothing is repeated with the original balance and response tail (mistake 7)", async () => {
    const { user, id } = await held();
    const first = await ledger.settle(user, id, 0, { p_response_head: '{"usage":{' });
    await ledger.add(user, 7);
    expect(await ledger.settle(user, id, 0)).toEqual({ ...first, duplicate: true });
    expect(await ledger.hold(user, 10, id)).toMatchObject({
      duplicate: true,
      balance: 100,
      response: '{"usage":{' + first.response_tail,
    });
  });

  it("is the same however often it is repeated, also with another cost (mistake 5)", async () => {
    const { user, id } = await held();
    const first = await ledger.settle(user, id, 4);
    await ledger.consume(user, 50);
    for (const cost of [4, 4, 9, 0, null]) {
      expect(await ledger.settle(user, id, cost)).toMatchObject({
        success: true,
        duplicate: true,
        charged: 4,
        balance: first.balance,
      });
    }
    expect(await ledger.deltas(user)).toEqual([100, -4, -50]);
    expect(await ledger.anomalies(user)).toEqual([]);
  });

  it.each([-1, "-0.5", "0.5", "NaN", "Infinity", "-Infinity"])(
    "of %s is refused, and the hold stays (mistake 2)",
    async (cost) => {
      const { user, id } = await held();
      const before = await ledger.snapshot(user);
      expect(await ledger.settle(user, id, cost)).toMatchObject({
        success: false,
        error: "invalid_request",
        charged: 0,
      });
      expect(await ledger.snapshot(user)).toEqual(before);
    },
  );

  it("of more than any balance can be takes what is available and not more", async () => {
    const { user, id } = await held();
    const outcome = await ledger.settle(user, id, "9223372036854775808");
    expect(outcome.error === "invalid_request" || outcome.charged === 100).toBe(true);
  });

  it("without a hold, of another user or of no attempt is refused (mistake 6)", async () => {
    const { user, id } = await held();
    const other = newId();
    await ledger.add(other, 55);
    const refused = { success: false, error: "hold_not_current", charged: 0 };
    const calls = [
      () => ledger.settle(user, newId(), 1),
      () => ledger.settle(other, id, 1),
      () => ledger.settle(newId(), id, 1),
      () => ledger.settle(user, id, 1, { p_attempt: null }),
      () => ledger.settle(user, id, 1, { p_attempt: 2 }),
      () => ledger.settle(user, id, 1, { p_attempt: 0 }),
    ];
    for (const call of calls) expect(await call()).toMatchObject(refused);
    expect(await ledger.balance(user)).toMatchObject({ balance: 100, held: 10 });
    expect(await ledger.deltas(other)).toEqual([55]);
  });

  it("keeps the hold's metadata and adds its own, so that the charge knows its price (mistakes 13, 24)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 10);
    await ledger.hold(user, 10, id, { p_metadata: { price_version: 3, model: "demo" } });
    await ledger.settle(user, id, 4, { p_metadata: { usage: { input: 17, output: 3 } } });
    const [entry] = await sql`select metadata from token_balance_history where request_id = ${id}`;
    expect(entry!.metadata).toEqual({ price_version: 3, model: "demo", usage: { input: 17, output: 3 } });
  });
});

describe("a stored answer", () => {
  const LIMIT = 256 * 1024;

  async function settledWith(head: string) {
    const { user, id } = await held();
    const first = await ledger.settle(user, id, 4, { p_response_head: head });
    const again = (await ledger.hold(user, 10, id)).response;
    // The caller that repeats the settlement has the head itself.
    expect((await ledger.settle(user, id, 4)).response_tail).toBe(first.response_tail);
    return { user, id, first, again };
  }

  it.each([
    ["words", '{"data":{"a":1},"usage":{'],
    ["emoji, scripts and combining marks", '{"data":"🍎👩‍👩‍👧 漢字 ñ n\u0303 \u202e \ufeff ￿","usage":{'],
    ["escapes and line ends", '{"data":"\\u0000 \\" \\\\ \\n \r\n\t","usage":{'],
    ["spaces, key order and repeated keys", '{ "b":1,  "a":2,"b":3 ,\n"usage":{'],
    ["numbers that a parser would round", '{"data":[1.0,1e2,12345678901234567890.10],"usage":{'],
  ])("comes back byte for byte with %s (mistake 7)", async (_, head) => {
    const { first, again } = await settledWith(head);
    const answer = head + first.response_tail!;
    expect(answer.endsWith('"charged":4,"balance":96}}')).toBe(true);
    expect(again).toBe(answer);
  });

  it("is kept with exactly 256 KiB, counted in bytes, and not with one more", async () => {
    const tail = '"charged":4,"balance":96}}'.length;
    for (const letter of ["x", "é", "🍎"]) {
      const bytes = new TextEncoder().encode(letter).length;
      const count = Math.floor((LIMIT - tail) / bytes);
      const head = letter.repeat(count) + "y".repeat(LIMIT - tail - count * bytes);
      expect((await settledWith(head)).again).toHaveLength(head.length + tail);
      const { user, again } = await settledWith(head + "y");
      expect(again).toBeNull();
      expect(await ledger.deltas(user)).toEqual([100, -4]);
    }
  });

  it("has the original balance, however much happened since", async () => {
    const { user, id, first } = await settledWith('{"usage":{');
    await ledger.consume(user, 60);
    expect((await ledger.hold(user, 10, id)).response).toBe('{"usage":{' + first.response_tail);
  });

  it("is not given to another content, operation or user (mistake 6)", async () => {
    const { user, id } = await settledWith('{"secret":{');
    const outcomes = [
      await ledger.hold(newId(), 10, id),
      await ledger.hold(user, 10, id, { p_fingerprint: "another" }),
      await ledger.settle(newId(), id, 4),
      await ledger.consume(user, 10, id),
    ];
    for (const outcome of outcomes) expect(JSON.stringify(outcome)).not.toContain("secret");
  });
});

describe("a release", () => {
  it("releases the hold, charges nothing, and is idempotent", async () => {
    const { user, id } = await held();
    expect(await ledger.release(user, id)).toMatchObject({
      success: true,
      duplicate: false,
      balance: 100,
      held: 0,
    });
    expect(await ledger.release(user, id)).toMatchObject({
      success: true,
      duplicate: true,
      balance: 100,
      held: 0,
    });
    expect(await ledger.balance(user)).toEqual({ balance: 100, held: 0, entries: 1 });
  });

  it("keeps why", async () => {
    const { user, id } = await held();
    await ledger.release(user, id, 1, { p_reason: "provider_timeout" });
    expect((await ledger.lock(id))!.metadata).toEqual({ released_for: "provider_timeout" });
  });

  it("after a settlement is refused and pays nothing back (mistake 32)", async () => {
    const { user, id } = await held();
    await ledger.settle(user, id, 4);
    const before = await ledger.snapshot(user);
    expect(await ledger.release(user, id)).toMatchObject({ success: false, error: "hold_not_current" });
    expect(await ledger.snapshot(user)).toEqual(before);
  });

  it.each([
    ["another user", (_: string, id: string) => ledger.release(newId(), id)],
    ["an unknown id", (user: string) => ledger.release(user, newId())],
    ["an unknown id without an attempt", (user: string) => ledger.release(user, newId(), null)],
    ["a later attempt", (user: string, id: string) => ledger.release(user, id, 2)],
    ["no attempt", (user: string, id: string) => ledger.release(user, id, null)],
  ])("of %s is refused, and the hold stays", async (_, call) => {
    const { user, id } = await held();
    expect(await call(user, id)).toMatchObject({
      success: false,
      duplicate: false,
      error: "hold_not_current",
    });
    expect(await ledger.balance(user)).toMatchObject({ held: 10 });
  });

  it("of an expired hold is not an error, and releases nothing twice", async () => {
    const { user, id } = await held();
    await ledger.outlive(id);
    await ledger.cleanup();
    expect(await ledger.release(user, id)).toMatchObject({ success: true, duplicate: true, held: 0 });
    expect(await ledger.balance(user)).toMatchObject({ balance: 100, held: 0 });
  });
});

describe("the fence", () => {
  it("lets a released request run again, as attempt 2 (mistake 18)", async () => {
    const { user, id } = await held();
    await ledger.release(user, id);
    expect(await ledger.hold(user, 10, id)).toMatchObject({ success: true, duplicate: false, attempt: 2 });
    expect(await ledger.settle(user, id, 4, { p_attempt: 2 })).toMatchObject({ charged: 4 });
    expect(await ledger.deltas(user)).toEqual([100, -4]);
  });

  it("lets a request whose hold has expired run again, also when that hold took all there was", async () => {
    const { user, id } = await held(10, 10);
    await ledger.outlive(id);
    expect(await ledger.hold(user, 10, id)).toMatchObject({ success: true, attempt: 2, held: 10 });
    expect(await ledger.balance(user)).toEqual({ balance: 10, held: 10, entries: 1 });
  });

  it("refuses a late settlement of attempt 1 while attempt 2 runs, and after it settled", async () => {
    const { user, id } = await held();
    await ledger.outlive(id);
    await ledger.hold(user, 10, id);
    const late = () => ledger.settle(user, id, 9, { p_response_head: '{"late":{' });
    expect(await late()).toMatchObject({ success: false, error: "hold_not_current", charged: 0 });
    await ledger.settle(user, id, 4, { p_attempt: 2, p_response_head: '{"good":{' });
    expect(await late()).toMatchObject({ success: false, error: "hold_not_current", charged: 0 });
    expect((await ledger.hold(user, 10, id)).response).toMatch(/^{"good"/);
    expect(await ledger.deltas(user)).toEqual([100, -4]);
  });

  it("refuses a late release of attempt 1, so that attempt 2 keeps its hold", async () => {
    const { user, id } = await held();
    await ledger.outlive(id);
    await ledger.hold(user, 10, id);
    expect(await ledger.release(user, id)).toMatchObject({ error: "hold_not_current" });
    expect(await ledger.balance(user)).toMatchObject({ held: 10 });
  });

  it("refuses a settlement after the release or the expiry of its own attempt", async () => {
    const released = await held();
    await ledger.release(released.user, released.id);
    const expired = await held();
    await ledger.outlive(expired.id);
    await ledger.cleanup();
    for (const { user, id } of [released, expired]) {
      expect(await ledger.settle(user, id, 4)).toMatchObject({
        success: false,
        error: "hold_not_current",
        charged: 0,
      });
      expect(await ledger.balance(user)).toEqual({ balance: 100, held: 0, entries: 1 });
    }
  });

  it("accepts a late settlement if no other attempt took over: the work was done", async () => {
    const { user, id } = await held();
    await ledger.outlive(id);
    expect(await ledger.settle(user, id, 4)).toMatchObject({ success: true, charged: 4, balance: 96 });
  });
});

describe("the cleanup", () => {
  it("gives back every expired hold, of every user, and no other (mistake 23)", async () => {
    const stale = await Promise.all(range(3).map(() => held()));
    const running = await held();
    await ledger.outlive(...stale.map((one) => one.id));
    expect(await ledger.cleanup()).toMatchObject({ users_with_expired_holds: 3 });
    for (const { user } of stale) expect(await ledger.balance(user)).toMatchObject({ balance: 100, held: 0 });
    expect(await ledger.balance(running.user)).toMatchObject({ held: 10 });
    expect(await ledger.cleanup()).toMatchObject({ users_with_expired_holds: 0 });
  });

  it("keeps each outcome for 24 hours after it ended, then deletes it, and keeps the entry", async () => {
    const [settled, released, expired] = [await held(), await held(), await held()];
    await ledger.settle(settled.user, settled.id, 4);
    await ledger.release(released.user, released.id);
    await ledger.outlive(expired.id);
    await ledger.cleanup();
    const ids = [settled.id, released.id, expired.id];
    await ledger.age(ids, "-1 minute");
    await ledger.cleanup();
    for (const id of ids) expect(await ledger.lock(id)).toBeDefined();
    await ledger.age(ids);
    await ledger.cleanup();
    for (const id of ids) expect(await ledger.lock(id)).toBeUndefined();
    expect(await ledger.deltas(settled.user)).toEqual([100, -4]);
  });

  it("never deletes a request that still holds tokens: it expires first", async () => {
    const { user, id } = await held();
    await sql`update token_consumption_locks set expires_at = '-infinity' where request_id = ${id}`;
    await ledger.cleanup();
    expect(await ledger.lock(id)).toMatchObject({ status: "expired" });
    expect(await ledger.balance(user)).toMatchObject({ held: 0 });
  });

  it("never deletes the id of a grant (mistake 20)", async () => {
    const [user, id] = [newId(), newId()];
    await ledger.add(user, 10, id);
    for (const _ of range(3)) await ledger.cleanup();
    expect(await ledger.lock(id)).toBeDefined();
  });

  it("visits the pages in small steps, and finds requests that ended on pages it had passed", async () => {
    const { sql, ledger } = await createDatabase();
    const user = newId();
    await ledger.add(user, 1_000);
    const count = 400;
    await sql`
      select consume_tokens_atomic('page ' || number, ${user}, 1, 'meal-analyzer')
      from generate_series(1, ${count}) as number`;
    await ledger.age(range(count).map((index) => `page ${index + 1}`));
    const left = async () =>
      Number(
        (await sql`select count(*) from token_consumption_locks where request_id like 'page %'`)[0]!.count,
      );
    const [size] = await sql`
      select pg_relation_size('token_consumption_locks') / current_setting('block_size')::integer as pages`;
    const pages = Number(size!.pages);
    expect(pages).toBeGreaterThan(5);
    const first = await ledger.cleanup(2);
    expect(first.deleted_locks).toBeLessThan(count);
    let deleted = first.deleted_locks;
    for (const _ of range(pages)) deleted += (await ledger.cleanup(2)).deleted_locks;
    expect(deleted).toBe(count);
    expect(await left()).toBe(0);
    expect(await ledger.problems()).toEqual([]);
  });

  it.each([0, -5, 2_147_483_647])("stays within the table with a limit of %i pages", async (pages) => {
    await ledger.cleanup(pages);
    const [settings] = await sql`select cleanup_page::integer as page from private.token_settings`;
    expect(settings!.page).toBeGreaterThanOrEqual(0);
    await ledger.cleanup();
  });
});

describe("the retention", () => {
  it("cannot be set below the 24 hours that a client may retry", async () => {
    await expect(sql`update private.token_settings set lock_retention = '23:59:59'`).rejects.toThrow(
      /at_least_a_day/,
    );
    await expect(sql`update private.token_settings set lock_retention = null`).rejects.toThrow(/not-null/);
    await expect(
      sql`delete from private.token_settings; insert into private.token_settings (id) values (false)`
        .simple(),
    )
      .rejects.toThrow(/one_row/);
    expect(await sql`select lock_retention::text from private.token_settings`).toEqual([{
      lock_retention: "24:00:00",
    }]);
  });

  it("can be made longer by an operator", async () => {
    const { user, id } = await held();
    await ledger.settle(user, id, 4);
    try {
      await sql`update private.token_settings set lock_retention = '3 days'`;
      await sql`
        update token_consumption_locks set expires_at = now() - interval '2 days' where request_id = ${id}`;
      await ledger.cleanup();
      expect(await ledger.lock(id)).toBeDefined();
      await ledger.age([id]);
      await ledger.cleanup();
      expect(await ledger.lock(id)).toBeUndefined();
    } finally {
      await sql`update private.token_settings set lock_retention = default`;
    }
  });
});

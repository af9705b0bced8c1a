import postgres from "postgres";
import { afterEach, describe, expect, it } from "vitest";

import { type Call, createDatabase, newId, type Outcome, race, range, run, until } from "./support.ts";

const { url, sql, ledger } = await createDatabase();

afterEach(async () => expect(await ledger.problems()).toEqual([]));

interface Request {
  request_id: string | null;
  user_id: string;
  token_amount: unknown;
  operation_type: string;
}

function request(user: string, amount: unknown, id: string | null = newId()): Request {
  return { request_id: id, user_id: user, token_amount: amount, operation_type: "meal-analyzer" };
}

function consumeBatch(requests: Request[]): Call {
  return { name: "consume_tokens_batch", args: { p_requests: requests } };
}

function holdBatch(requests: Request[]): Call {
  return {
    name: "run_token_operations",
    args: { p_operations: requests.map((one) => ({ operation: "hold", ...one })) },
  };
}

async function withTokens(tokens: number, user = newId()): Promise<string> {
  await ledger.add(user, tokens);
  return user;
}

describe("consume_tokens_batch", () => {
  it("gives each request the outcome that it would have had alone, in its place", async () => {
    const [one, two] = [await withTokens(10), await withTokens(5)];
    const id = newId();
    await ledger.consume(one, 1, id);
    const outcomes = await run<Outcome[]>(
      sql,
      consumeBatch([
        request(one, 4),
        request(two, 5),
        request(one, 1, id),
        request(two, 1),
        request(two, 1, id),
        request(one, 5),
        request(newId(), 1),
      ]),
    );
    expect(outcomes.map((outcome) => [outcome.success, outcome.duplicate, outcome.error, outcome.balance]))
      .toEqual([
        [true, false, null, 5],
        [true, false, null, 0],
        [true, true, null, 9],
        [false, false, "insufficient_tokens", 0],
        [false, false, "idempotency_key_reused", null],
        [true, false, null, 0],
        [false, false, "insufficient_tokens", 0],
      ]);
  });

  it("charges a batch that 10 callers send at once a single time (mistake 5)", async () => {
    const user = await withTokens(100);
    const batch = range(8).map(() => request(user, 2));
    const results = await race<Outcome[]>(url, range(10).map(() => consumeBatch(batch)));
    expect(results.map((one) => one.status)).toEqual(range(10).map(() => "fulfilled"));
    expect(await ledger.balance(user)).toEqual({ balance: 84, held: 0, entries: 9 });
  });

  it.each([
    ["no amount", { token_amount: null }],
    ["the amount NaN", { token_amount: "NaN" }],
    ["the amount 0", { token_amount: 0 }],
    ["a negative amount", { token_amount: -5 }],
    ["no id", { request_id: null }],
    ["an empty id", { request_id: "" }],
  ])("refuses a request with %s, and charges the others of the same user (mistake 2)", async (_, wrong) => {
    const user = await withTokens(10);
    const outcomes = await run<Outcome[]>(
      sql,
      consumeBatch([request(user, 3), { ...request(user, 1), ...wrong }, request(user, 4)]),
    );
    expect(outcomes.map((outcome) => outcome.error)).toEqual([null, "invalid_request", null]);
    expect(await ledger.balance(user)).toEqual({ balance: 3, held: 0, entries: 3 });
  });
});

describe("two batches at once", () => {
  it.each([
    ["hold", holdBatch],
    ["charge", consumeBatch],
  ])(
    "that %s tokens of users without a balance, in opposite order, do not deadlock",
    async (_, batch) => {
      // Both wait for the first user's row, and the one that continues first has locked the second one's or not: five
      // times is enough.
      for (const _ of range(5)) {
        const [first, second] = range(2).map(newId).sort() as [string, string];
        const blocker = postgres(url, { max: 1 });
        const crowd = postgres(url, { max: 2 });
        try {
          await blocker`begin`;
          await blocker`insert into token_balances (user_id) values (${first})`;
          const runs = [[second, first], [first, second]].map((order) =>
            run<Outcome[]>(crowd, batch(order.map((user) => request(user, 1)))).catch((error) => error.code)
          );
          await until(async () =>
            (await sql`
              select from pg_locks join pg_stat_activity using (pid)
              where datname = current_database() and not granted`).length === 2
          );
          await blocker`rollback`;
          for (const answers of await Promise.all(runs)) {
            expect(answers).toMatchObject(range(2).map(() => ({ error: "insufficient_tokens" })));
          }
        } finally {
          await Promise.all([blocker.end(), crowd.end()]);
        }
      }
    },
  );

  it.each([
    ["holds", holdBatch],
    ["charges", consumeBatch],
  ])(
    "of %s that claim the same ids for other users charge each id once, or nothing of a batch at all",
    async (_, batch) => {
      for (const _ of range(3)) {
        const users = range(60).map(newId).sort();
        await Promise.all(users.map((user) => withTokens(10, user)));
        const ids = range(30).map(newId);
        const results = await race<Outcome[]>(url, [
          batch(ids.map((id, index) => request(users[index]!, 1, id))),
          batch(ids.toReversed().map((id, index) => request(users[30 + index]!, 1, id))),
        ]);
        for (const result of results) {
          if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "40P01" });
        }
        expect(results.some((result) => result.status === "fulfilled")).toBe(true);
        expect((await sql`select from token_consumption_locks where request_id in ${sql(ids)}`).length).toBe(
          30,
        );
      }
    },
  );
});

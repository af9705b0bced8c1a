import postgres from "postgres";
import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { connectToLedger } from "../../supabase/functions/_shared/ledger/postgres.ts";
import { startPooler, type TestPooler } from "../support/pgbouncer.ts";
import { connect, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";

/** Everything that could end a quoted string, or be taken for something else inside one. */
const AWKWARD =
  `it's "quoted", \\ backslashed \\' \\n, $1 :name $$ -- /* ; drop table token_balances; 🥖 \u2028 é`;

const sql = connect();

const { newUser, accountOf, expectUntouched } = openAccounts();

describe.each(["rest", "postgres"])("with LEDGER_TRANSPORT=%s", (transport) => {
  let functions: ExtraFunctions;
  let failing: ExtraFunctions;
  beforeAll(async () => {
    functions = await openFunctions({ LEDGER_TRANSPORT: transport });
    failing = await openFunctions({ LEDGER_TRANSPORT: transport, AI_TEXT_MODEL: "demo-fail-500" });
  });

  it("100 requests at once, alone and in batches, are each charged once", async () => {
    const user = await newUser(2_000);
    const answers = await Promise.all(
      Array.from(
        { length: 100 },
        (_, n) =>
          call("meal-analyzer", {
            base: functions.url,
            user,
            body: { description: `Meal ${n}` },
            key: `k${n}`,
          }),
      ),
    );
    const charges = answers.map(expectCharged);
    const account = await accountOf(user);
    expect(account.charges).toHaveLength(100);
    expect(new Map(account.charges.map((entry) => [entry.request_id, entry.charged]))).toEqual(
      new Map(charges.map(({ requestId, charged }) => [requestId, charged])),
    );
    expect(account).toMatchObject({
      balance: 2_000 - charges.reduce((sum, { charged }) => sum + charged, 0),
      held: 0,
    });
  });

  it("20 requests at once with one key are charged once, and a retry is the same to the byte", async () => {
    const user = await newUser(100);
    const ask = () =>
      call("meal-analyzer", {
        base: functions.url,
        user,
        body: { description: AWKWARD },
        key: AWKWARD.slice(0, 40),
      });
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
    const [first] = answers.filter(({ status }) => status === 200);
    const again = await ask();
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    expect(again.text).toBe(first!.text);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });

  it("of ten pictures at once on a balance for three, three are made", async () => {
    const user = await newUser(120);
    const answers = await Promise.all(
      Array.from(
        { length: 10 },
        () => call("image-generator", { base: functions.url, user, body: { prompt: AWKWARD } }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, ...Array(7).fill(402)]);
    expect(await accountOf(user)).toMatchObject({ balance: 0, held: 0 });
  });

  it("a provider that fails costs nothing and leaves nothing held", async () => {
    const user = await newUser(100);
    const answer = await call("meal-analyzer", { base: failing.url, user, body: { description: AWKWARD } });
    expectRefusal(answer, 502, "provider_error");
    await expectUntouched(user, 100);
  });
});

describe("a transaction pooler between the functions and Postgres", () => {
  let pooler: TestPooler;
  beforeAll(async () => {
    pooler = await startPooler(stack.databaseUrl);
    return () => pooler.stop();
  });

  it("charges each of 20 requests at once, from two processes, once", async () => {
    const env = { LEDGER_TRANSPORT: "postgres", SUPABASE_DB_URL: pooler.url };
    const both = await Promise.all([openFunctions(env), openFunctions(env)]);
    const user = await newUser(1_000);
    const answers = await Promise.all(
      Array.from(
        { length: 20 },
        (_, n) =>
          call("meal-analyzer", {
            base: both[n % 2]!.url,
            user,
            body: { description: `Meal ${n}` },
            key: `p${n}`,
          }),
      ),
    );
    answers.map(expectCharged);
    expect((await accountOf(user)).charges).toHaveLength(20);
  });

  it("does not lose the limit of a statement, which ends with its transaction", async () => {
    const client = connectToLedger(pooler.url);
    const userId = crypto.randomUUID();
    await client.rpc("add_tokens", { p_user_id: userId, p_amount: 5, p_reason: "test" });
    const held = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const holder = sql.begin(async (transaction) => {
      await transaction`select from token_balances where user_id = ${userId} for update`;
      held.resolve();
      await release.promise;
    });
    await held.promise;
    const answer = await client.rpc("add_tokens", { p_user_id: userId, p_amount: 5, p_reason: "test" });
    release.resolve();
    await holder;
    expect(answer).toMatchObject({ data: null, error: { code: "57014" } });
    const other = postgres(pooler.url, { max: 1, prepare: false, fetch_types: false });
    const [setting] = await other`select current_setting('statement_timeout') as timeout`;
    await other.end();
    expect(setting!.timeout).not.toBe("10s");
  }, 30_000);

  it("takes an address as other tools have it, and says of a wrong one what is wrong, without the password", async () => {
    const address = new URL(pooler.url);
    address.searchParams.set("pgbouncer", "true");
    address.searchParams.set("connection_limit", "1");
    const amount = { p_user_id: crypto.randomUUID(), p_amount: 1, p_reason: "test" };
    expect(await connectToLedger(address.href).rpc("add_tokens", amount)).toMatchObject({ error: null });
    const wrong = "postgresql://postgres.abc:s#e/c?r%et@db.example.com:5432/postgres";
    const { error } = await connectToLedger(wrong).rpc("add_tokens", amount);
    expect(error).toMatchObject({
      message: expect.stringContaining("SUPABASE_DB_URL is not a Postgres URL"),
    });
    expect(Deno.inspect(error)).not.toContain("s#e");
  });
});

describe("a call straight to Postgres", () => {
  const client = connectToLedger(stack.databaseUrl);

  it("passes any text, number, object and null unchanged", async () => {
    const userId = crypto.randomUUID();
    const granted = await client.rpc("add_tokens", {
      p_user_id: userId,
      p_amount: 2 ** 53 - 1,
      p_reason: AWKWARD,
      p_metadata: { [AWKWARD]: [AWKWARD, null, 1.5, { deep: true }] },
      p_request_id: undefined,
    });
    expect(granted).toMatchObject({ data: { success: true, balance: 2 ** 53 - 1 }, error: null });
    const [entry] = await sql`select metadata from token_balance_history where user_id = ${userId}`;
    expect(entry!.metadata).toEqual({ reason: AWKWARD, [AWKWARD]: [AWKWARD, null, 1.5, { deep: true }] });
  });

  it("gives back the database's error as one, with its code", async () => {
    expect(await client.rpc("add_tokens", { p_user_id: "nobody", p_amount: 1, p_reason: "x" }))
      .toMatchObject({ data: null, error: { code: "22P02" } });
    expect(await client.rpc("no_such_function", {})).toMatchObject({ data: null, error: { code: "42883" } });
  });

  it("refuses an invalid function name", async () => {
    await expect(client.rpc("add_tokens(); drop table token_balances; --", {})).resolves
      .toMatchObject({ data: null, error: expect.any(TypeError) });
  });
});

import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { connectToLedger } from "../../supabase/functions/_shared/ledger_postgres.ts";
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

describe("a call straight to Postgres", () => {
  const client = connectToLedger(stack.databaseUrl);

  it("passes any text, number, object and nothing at all as what it is", async () => {
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

  it("refuses what is no function's name", async () => {
    await expect(client.rpc("add_tokens(); drop table token_balances; --", {})).resolves
      .toMatchObject({ data: null, error: expect.any(TypeError) });
  });
});

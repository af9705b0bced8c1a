import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import type { SignedInUser } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";

const { newUser, accountOf, expectUntouched } = openAccounts();
let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions();
});

function charge(user: SignedInUser, estimatedTokens: unknown, requestId?: string) {
  return call("one-shot", { base: functions.url, user, body: { estimatedTokens, requestId } });
}

describe("a function of the earlier system, with consumeTokensAtomic as it calls it", () => {
  it("is charged in one step, with its metadata in the ledger", async () => {
    const user = await newUser(100);
    const { status, body } = await charge(user, 30);
    expect(status).toBe(200);
    expect(body.consumeResult).toMatchObject({
      success: true,
      duplicate: false,
      error: null,
      charged: 30,
      balance: 70,
    });
    const { balance, held, charges } = await accountOf(user);
    expect({ balance, held }).toEqual({ balance: 70, held: 0 });
    expect(charges).toEqual([{
      charged: 30,
      balance_after: 70,
      operation_type: "one-shot",
      request_id: body.consumeResult.request_id,
      metadata: { context: "test" },
    }]);
  });

  it("answers 402 with its own body when the tokens do not suffice, and nothing changes", async () => {
    const user = await newUser(29);
    const answer = await charge(user, 30);
    expect(answer.status).toBe(402);
    expect(answer.body).toEqual({ error: "insufficient_tokens", message: "insufficient_tokens" });
    await expectUntouched(user, 29);
  });

  it("answers 402 to a user who never had tokens (mistake 30)", async () => {
    expect((await charge(await newUser(), 1)).status).toBe(402);
  });

  it("charges a repeated request id once, and each caller hears the first outcome (mistakes 5, 7)", async () => {
    const user = await newUser(100);
    const requestId = crypto.randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, () => charge(user, 30, requestId)));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body.consumeResult).toMatchObject({
        success: true,
        charged: 30,
        balance: 70,
        request_id: requestId,
      });
    }
    expect(answers.filter(({ body }) => !body.consumeResult.duplicate)).toHaveLength(1);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });

  it("charges different requests at once as far as the balance goes (mistakes 28, 29)", async () => {
    const user = await newUser(100);
    const answers = await Promise.all(Array.from({ length: 20 }, () => charge(user, 30)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(17);
    expect((await accountOf(user)).balance).toBe(10);
  });

  it("tells another user with the same request id nothing of the first (mistake 6)", async () => {
    const [one, two] = [await newUser(100), await newUser(500)];
    const requestId = crypto.randomUUID();
    await charge(one, 30, requestId);
    const { status, body } = await charge(two, 30, requestId);
    expect(status).toBe(402);
    expect(body.message).toBe("idempotency_key_reused");
    expect(JSON.stringify(body)).not.toContain("70");
    await expectUntouched(two, 500);
  });

  it.each([0, -5, 1.5, null, 1e30, "30; drop table"])(
    "refuses the amount %j, and nothing changes (mistake 2)",
    async (amount) => {
      const user = await newUser(100);
      expect((await charge(user, amount)).status).toBe(402);
      await expectUntouched(user, 100);
    },
  );
});

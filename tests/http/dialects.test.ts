import { beforeAll, describe, expect, it } from "vitest";

import { functionsFolder } from "../../scripts/local/paths.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { wav } from "../support/recordings.ts";
import { connect } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";
import { callForEvents, expectWhole } from "./support/events.ts";
import { demoModelUrl, modelCalls, openFunctions } from "./support/functions.ts";

const PLENTY = 1_000;
const BODY = { description: "lentil soup" };
const sql = connect({ connections: 1 });
const { newUser, accountOf, expectUntouched } = openAccounts();

/** Against a server that refuses whatever it can refuse: demo_model/dialects/strict.ts. */
let strict: ExtraFunctions;
let roomy: ExtraFunctions;

beforeAll(async () => {
  const AI_BASE_URL = `${demoModelUrl}/dialects/strict/v1`;
  [strict, roomy] = await Promise.all([
    openFunctions({ AI_BASE_URL, AI_TEXT_MODEL: `demo-text+${crypto.randomUUID()}` }, functionsFolder),
    openFunctions({ AI_REASONING_TOKENS: "5000" }, functionsFolder),
  ]);
});

describe("a provider that takes the request only after several refusals", () => {
  it("is charged once, and gets its own dialect from then on, also for streams", async () => {
    const user = await newUser(PLENTY);
    const asked: number[] = [];
    let spent = 0;
    for (let time = 0; time < 2; time++) {
      const answer = await call("meal-analyzer", { base: strict.url, user, body: BODY });
      const { requestId, charged } = expectCharged(answer);
      spent += charged;
      asked.push(await modelCalls(requestId));
    }
    expect(asked).toEqual([5, 1]);
    const streamed = await callForEvents("meal-analyzer", { base: strict.url, user, body: BODY });
    const { usage } = expectWhole(await streamed.rest()).body;
    spent += usage.charged;
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY - spent, held: 0, anomalies: [] });
    expect((await accountOf(user)).charges).toHaveLength(3);
    expect(strict.log).toMatch(/The provider refused a part of the request and takes: /);
  });
});

describe("what is the caller's to mend", () => {
  it("an unsupported language is refused by name, before anything is held", async () => {
    const user = await newUser(PLENTY);
    const body = { file: wav(1), language: "xx" };
    const answer = await call("audio-transcribe", { base: strict.url, user, body });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.details).toMatchObject([{ path: "language" }]);
    await expectUntouched(user, PLENTY);
  });

  it("a refusal because of the content is not a failure of the provider", async () => {
    const user = await newUser(PLENTY);
    const refusing = await openFunctions({ AI_TEXT_MODEL: "demo-refuse" }, functionsFolder);
    const answer = await call("meal-analyzer", { base: refusing.url, user, body: BODY });
    expectRefusal(answer, 422, "answer_refused");
    const locks = await sql`
      select status, metadata ->> 'released_for' as released_for from public.token_consumption_locks
      where user_id = ${user.id}`;
    expect(locks).toEqual([{ status: "settled", released_for: null }]);
  });
});

describe("room for reasoning", () => {
  it("is held on top of the feature's limit and, unused, costs nothing", async () => {
    const user = await newUser(PLENTY);
    const plain = expectCharged(await call("meal-analyzer", { user, body: BODY }));
    const held = expectCharged(await call("meal-analyzer", { base: roomy.url, user, body: BODY }));
    const { locks } = await accountOf(user);
    const amountOf = (requestId: string) => locks.find(({ request_id }) => request_id === requestId)!.amount;
    expect(amountOf(held.requestId)).toBe(amountOf(plain.requestId) + 20);
    expect(held.charged).toBe(plain.charged);
  });
});

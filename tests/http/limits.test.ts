import { describe, expect, it } from "vitest";

import { connect } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { type Answer, call, expectCharged, expectRefusal } from "./support/calls.ts";
import { callForEvents, expectWhole } from "./support/events.ts";

const sql = connect({ connections: 2 });
const { newUser, accountOf } = openAccounts();
const body = { description: "two bowls of lentil soup" };
const ask = (user: { token: string }, key?: string) => call("meal-analyzer", { user, key, body });

/** A user whose plan has limits, as every user has where no test has lifted them. */
async function limitedUser(limits: object) {
  const user = await newUser(10_000);
  const plan = `test ${user.id}`;
  await sql`insert into private.token_plans (plan, request_limits) values (${plan}, ${
    sql.json(limits as never)
  })`;
  await sql`select public.set_account_plan(${user.id}, ${plan})`;
  return user;
}

/** The fields of one limit in a structured header: its parameters by name. */
function stateOf(answer: { headers: Headers }, header: string, name: string): Record<string, number> {
  const item = answer.headers.get(header)?.split(", ").find((one) => one.startsWith(`"${name}";`)) ?? "";
  return Object.fromEntries(
    item.split(";").slice(1).map((one) => one.split("=")).map(([key, value]) => [key, Number(value)]),
  );
}

describe("a user who asks 100 times in a minute, where a function may be asked 60 times", () => {
  it("gets 429 for the excess, uncharged and with Retry-After; one anomaly is recorded", async () => {
    const user = await limitedUser({
      user: { quota: 120, window_s: 60 },
      function: { quota: 60, window_s: 60 },
    });
    const start = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(user)));
    const refilled = Math.floor((performance.now() - start) / 1_000) + 1;
    const [charged, denied] = [
      answers.filter(({ status }) => status === 200),
      answers.filter(({ status }) => status !== 200),
    ];
    expect(charged.length).toBeGreaterThanOrEqual(60);
    expect(charged.length).toBeLessThanOrEqual(60 + refilled);
    for (const answer of denied) {
      expectRefusal(answer, 429, "rate_limited");
      expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThanOrEqual(1);
      expect(stateOf(answer, "RateLimit", "meal-analyzer")).toMatchObject({ r: 0 });
      expect(stateOf(answer, "RateLimit-Policy", "meal-analyzer")).toEqual({ q: 60, w: 60 });
    }
    const { charges, held, anomalies } = await accountOf(user);
    expect(charges).toHaveLength(charged.length);
    expect(held).toBe(0);
    const types = anomalies.map(({ anomaly_type }) => anomaly_type);
    expect(types.length).toBeLessThanOrEqual(2); // The minute may have ended meanwhile.
    expect(new Set(types)).toEqual(new Set(["rate_limited"]));
  });
});

describe("the limits' state", () => {
  it("comes with every answer, as JSON and as events, with the policy", async () => {
    const user = await limitedUser({ user: { quota: 9, window_s: 3600 } });
    const answer = await ask(user);
    expectCharged(answer);
    expect(stateOf(answer, "RateLimit", "user")).toMatchObject({ r: 8 });
    expect(stateOf(answer, "RateLimit-Policy", "user")).toEqual({ q: 9, w: 3600 });
    const events = await callForEvents("meal-analyzer", { user, body });
    expectWhole(await events.rest());
    expect(stateOf(events as unknown as Answer, "RateLimit", "user")).toMatchObject({ r: 7 });
  });

  it("is left out where nothing is limited", async () => {
    const answer = await ask(await newUser(1_000));
    expect(answer.headers.get("RateLimit")).toBeNull();
    expect(answer.headers.get("RateLimit-Policy")).toBeNull();
  });
});

describe("a retry", () => {
  it("of a settled request is answered even over the limit", async () => {
    const user = await limitedUser({ user: { quota: 1, window_s: 3600 } });
    const first = await ask(user, "a key");
    expectCharged(first);
    expectRefusal(await ask(user), 429, "rate_limited");
    const replay = await ask(user, "a key");
    expect({ status: replay.status, text: replay.text }).toEqual({ status: 200, text: first.text });
  });
});

describe("an account", () => {
  it("that is paused is refused with that reason, and charged nothing", async () => {
    const user = await newUser(1_000);
    await sql`select public.pause_account(${user.id}, 'a chargeback')`;
    const answer = await ask(user);
    expectRefusal(answer, 403, "account_paused");
    expect(answer.body.message).toContain("a chargeback");
    expect((await accountOf(user)).charges).toEqual([]);
  });

  it("with a cap is limited by it, and the refusal names the cap and when it resets", async () => {
    const user = await newUser(1_000);
    await sql`select public.set_spend_caps(${user.id}, 0, null)`;
    const answer = await ask(user);
    expectRefusal(answer, 402, "spend_cap_reached");
    expect(answer.body.details).toMatchObject({ cap: "daily", cap_tokens: 0, spent: 0, held: 0 });
    expect(Date.parse(answer.body.details.resets_at)).toBeGreaterThan(Date.now());
  });
});

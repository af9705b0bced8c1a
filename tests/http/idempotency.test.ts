import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { grant, type SignedInUser } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { type Answer, call, eventually, expectCharged, expectRefusal } from "./support/calls.ts";
import { modelCalls, openFunctions } from "./support/functions.ts";
import { openSwitchboard } from "./support/model_switchboard.ts";

const PLENTY = 1_000;
const KIB = 1024;
const AT_ONCE = 20;

const { newUser, accountOf, expectUntouched } = openAccounts();
const switchboard = openSwitchboard();
let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions({ AI_BASE_URL: switchboard.baseUrl });
});

interface Request {
  name?: string;
  text?: string;
  body?: Record<string, unknown>;
}

function ask(user: SignedInUser, key: string | undefined, { name = "echo", text, body }: Request = {}) {
  return call(name, { base: functions.url, user, key, body: body ?? { text: text ?? "a text" } });
}

function newKey(): string {
  return crypto.randomUUID();
}

function newText(): string {
  return `text ${crypto.randomUUID()}`;
}

function expectReplay(replay: Answer, first: Answer): void {
  expect(replay.status).toBe(200);
  expect(replay.headers.get("Idempotent-Replayed")).toBe("true");
  expect(replay.text).toBe(first.text);
  expect(replay.headers.get("X-Request-Id")).toBe(first.headers.get("X-Request-Id"));
  expect(replay.headers.get("Content-Type")).toBe(first.headers.get("Content-Type"));
}

describe("many requests at once with one Idempotency-Key", () => {
  it("run the model once while the first is under way, all others get 409 with Retry-After (mistakes 5, 16)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const paused = switchboard.pause(text);
    const waiting: Answer[] = [];
    const all = Array.from({ length: AT_ONCE }, async () => {
      const answer = await ask(user, key, { text });
      waiting.push(answer);
      return answer;
    });
    await paused.arrived;
    await eventually("all others to be refused", () => waiting.length === AT_ONCE - 1);
    const refused = waiting.slice();
    for (const answer of refused) {
      expectRefusal(answer, 409, "request_in_progress");
      expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0);
    }
    paused.release();
    const winner = (await Promise.all(all)).find(({ status }) => status === 200)!;
    const { requestId, charged } = expectCharged(winner);
    expect(await modelCalls(requestId)).toBe(1);
    expect(await accountOf(user)).toMatchObject({
      balance: PLENTY - charged,
      held: 0,
      charges: [{ request_id: requestId }],
    });
    for (const answer of refused) expect(answer.body.request_id).toBe(requestId);
  });

  it("each get 200 or 409 in any race, with one model call and one charge (mistake 5)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => ask(user, key, { text })));
    const served = answers.filter(({ status }) => status === 200);
    expect(served.length).toBeGreaterThan(0);
    expect(new Set(served.map((answer) => answer.text)).size).toBe(1);
    expect(served.filter(({ headers }) => !headers.has("Idempotent-Replayed"))).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status !== 200) expectRefusal(answer, 409, "request_in_progress");
    }
    const { requestId, charged } = expectCharged(served[0]!);
    expect(await modelCalls(requestId)).toBe(1);
    expect(switchboard.calls(text)).toBe(1);
    const { balance, held, charges } = await accountOf(user);
    expect({ balance, held, count: charges.length }).toEqual({
      balance: PLENTY - charged,
      held: 0,
      count: 1,
    });
  });

  it("are all replayed, byte for byte, once the first has ended", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const first = await ask(user, key);
    const { charged } = expectCharged(first);
    expect(first.headers.has("Idempotent-Replayed")).toBe(false);
    const replays = await Promise.all(Array.from({ length: AT_ONCE }, () => ask(user, key)));
    for (const replay of replays) expectReplay(replay, first);
    expect((await accountOf(user)).balance).toBe(PLENTY - charged);
  });
});

describe("a retry with the same key", () => {
  it("gets the stored answer and pays nothing, neither the model nor the charge runs again (mistakes 4, 7)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const first = await ask(user, key, { text });
    const { requestId, charged } = expectCharged(first);
    expectReplay(await ask(user, key, { text }), first);
    expect(await modelCalls(requestId)).toBe(1);
    expect((await accountOf(user)).balance).toBe(PLENTY - charged);
  });

  it("states the balance of that time, also after other charges", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const first = await ask(user, key);
    expectCharged(await ask(user, newKey()));
    const replay = await ask(user, key);
    expectReplay(replay, first);
    expect(replay.body.usage.balance).toBe(first.body.usage.balance);
  });

  it("is answered although no tokens are left", async () => {
    const user = await newUser(12);
    const [key, text] = [newKey(), newText()];
    switchboard.connect(text, "demo-usage-2000-2000");
    const first = await ask(user, key, { text });
    expect(expectCharged(first)).toMatchObject({ charged: 12, balance: 0 });
    expectReplay(await ask(user, key, { text }), first);
  });

  it("is answered by another functions process too, whatever its model is", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const body = { description: "lentil soup" };
    const first = await ask(user, key, { name: "meal-analyzer", body });
    const replay = await call("meal-analyzer", { user, key, body }); // the suite's own stack
    expectReplay(replay, first);
  });

  it("is the same request when only the JSON's spelling differs", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const first = await ask(user, key, { body: { text: "a text", padding: 0 } });
    const spelled = '{ "padding" : 0.0 ,\n "text":"\\u0061 text", "unknown": 1 }';
    expectReplay(await call("echo", { base: functions.url, user, key, body: spelled }), first);
    expectReplay(await ask(user, key, { body: { text: "a text" } }), first);
  });

  it("keeps any text whole: quotes, emoji, NUL, lone surrogates, line separators", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const body = { description: 'soup "à l’oignon" \u0000 🥣 \ud800 \u2028 \\ </script>' };
    const first = await ask(user, key, { name: "meal-analyzer", body });
    expectCharged(first);
    expectReplay(await ask(user, key, { name: "meal-analyzer", body }), first);
  });

  it("of images gets the same URLs, which still work", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const body = { prompt: "a bowl of lentils" };
    const first = await ask(user, key, { name: "image-generator", body });
    expectCharged(first);
    const replay = await ask(user, key, { name: "image-generator", body });
    expectReplay(replay, first);
    const file = await fetch(replay.body.data.images[0].signed_url);
    expect(file.status).toBe(200);
    await file.body?.cancel();
  });
});

describe("one key for something else", () => {
  it("is refused with 422 for another body, and changes nothing (mistake 6)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const first = await ask(user, key);
    const { charged } = expectCharged(first);
    expectRefusal(await ask(user, key, { text }), 422, "idempotency_key_reused");
    expect(switchboard.calls(text)).toBe(0);
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY - charged, held: 0 });
    expectReplay(await ask(user, key), first);
  });

  it("is refused with 422 also while the first still runs", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const paused = switchboard.pause(text);
    const first = ask(user, key, { text });
    await paused.arrived;
    expectRefusal(await ask(user, key, { text: "another" }), 422, "idempotency_key_reused");
    paused.release();
    expectCharged(await first);
  });

  it("is another request for another function", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const body = { text: "soup", description: "soup" };
    const [one, two] = [
      await ask(user, key, { body }),
      await ask(user, key, { name: "meal-analyzer", body }),
    ];
    expect(expectCharged(one).requestId).not.toBe(expectCharged(two).requestId);
    expect(two.headers.has("Idempotent-Replayed")).toBe(false);
    expect((await accountOf(user)).charges).toHaveLength(2);
  });

  it("is another request for another user, who learns nothing of the first (mistake 6)", async () => {
    const [one, two] = [await newUser(PLENTY), await newUser(500)];
    const key = newKey();
    const first = expectCharged(await ask(one, key));
    const second = await ask(two, key);
    expect(second.headers.has("Idempotent-Replayed")).toBe(false);
    expect(expectCharged(second).requestId).not.toBe(first.requestId);
    expect(second.body.usage.balance).toBe(500 - second.body.usage.charged);
  });
});

describe("the Idempotency-Key header", () => {
  it("may be quoted as the standard writes it, or bare", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const first = await ask(user, `"${key}"`);
    expectCharged(first);
    expectReplay(await ask(user, key), first);
  });

  it.each([
    ["one character", "k"],
    ["255 characters", "k".repeat(255)],
    ["spaces and punctuation", "a key with: {everything}; in=it ~!"],
    ["a comma, when it is quoted", '"a key, with: {everything}; in=it ~!"'],
  ])("may have %s", async (_what, key) => {
    const user = await newUser(PLENTY);
    const first = await ask(user, key);
    expectCharged(first);
    expectReplay(await ask(user, key), first);
  });

  it.each([
    ["empty", ""],
    ["empty in quotes", '""'],
    ["of 256 characters", "k".repeat(256)],
    ["of 256 characters in quotes", `"${"k".repeat(256)}"`],
    ["with a control character", "a\tb"],
    ["beyond ASCII", "clé"],
  ])("is refused when it is %s, and nothing runs", async (_what, key) => {
    const user = await newUser(PLENTY);
    const text = newText();
    const answer = await ask(user, key, { text });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.message).toMatch(/Idempotency-Key/);
    expect(switchboard.calls(text)).toBe(0);
    await expectUntouched(user, PLENTY);
  });

  it("left out gives each request an id of its own, and each is charged", async () => {
    const user = await newUser(PLENTY);
    const answers = [await ask(user, undefined), await ask(user, undefined)];
    const [one, two] = answers.map(expectCharged);
    expect(one!.requestId).not.toBe(two!.requestId);
    const { charges } = await accountOf(user);
    expect(charges.map(({ request_id }) => request_id)).toEqual([one!.requestId, two!.requestId]);
  });

  it("is not readable from the request id, in a log or in the ledger", async () => {
    const user = await newUser(PLENTY);
    const key = "a-key-that-nobody-may-see";
    const { requestId } = expectCharged(await ask(user, key));
    expect(requestId).not.toContain(key);
    expect(requestId).toMatch(/^[\w-]{22}$/);
  });
});

describe("what is not stored, so that the same key runs again", () => {
  it("a body that did not fit (400)", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    expectRefusal(await ask(user, key, { body: { text: 1 } }), 400, "invalid_request");
    expectCharged(await ask(user, key));
  });

  it("tokens that did not suffice (402)", async () => {
    const user = await newUser(1);
    const key = newKey();
    expectRefusal(await ask(user, key), 402, "insufficient_tokens");
    expectRefusal(await ask(user, key), 402, "insufficient_tokens");
    await grant(user.id, PLENTY);
    expectCharged(await ask(user, key));
    expect((await accountOf(user)).charges).toHaveLength(1);
  });

  it("a provider that failed: the same key succeeds later, and is charged once (mistake 18)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    switchboard.connect(text, "demo-fail-500");
    const failed = await ask(user, key, { text });
    expectRefusal(failed, 502, "provider_error");
    await expectUntouched(user, PLENTY);
    switchboard.connect(text, undefined);
    const answer = await ask(user, key, { text });
    const { requestId, charged } = expectCharged(answer);
    expect(requestId).toBe(failed.body.request_id);
    expect(answer.headers.has("Idempotent-Replayed")).toBe(false);
    expectReplay(await ask(user, key, { text }), answer);
    expect(await accountOf(user)).toMatchObject({
      balance: PLENTY - charged,
      held: 0,
      charges: [{ request_id: requestId }],
    });
    expect((await accountOf(user)).locks.find(({ request_id }) => request_id === requestId)).toMatchObject({
      status: "settled",
      attempt: 2,
    });
  });

  it("a bug of the feature (500)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    for (const _run of [1, 2]) expectRefusal(await ask(user, key, { name: "throws", text }), 500, "internal");
    expect(switchboard.calls(text)).toBe(2);
    await expectUntouched(user, PLENTY);
  });
});

describe("an answer that is too large to keep", () => {
  it("over 256 KB is given once, and refused with 410 at the retry, never charged or run again (mistake 7)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const body = { text, padding: 257 * KIB };
    const first = await ask(user, key, { body });
    const { requestId, charged, balance } = expectCharged(first);
    expect(first.body.data.padding).toHaveLength(257 * KIB);
    for (const _retry of [1, 2]) {
      const retry = await ask(user, key, { body });
      expectRefusal(retry, 410, "response_not_stored");
      expect(retry.body.details).toEqual({ charged, balance });
    }
    expect(await modelCalls(requestId)).toBe(1);
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY - charged, held: 0 });
  });

  it("just under 256 KB is kept", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const body = { text: "a text", padding: 250 * KIB };
    const first = await ask(user, key, { body });
    expectCharged(first);
    expectReplay(await ask(user, key, { body }), first);
  });
});

import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import type { SignedInUser } from "../support/stack.ts";
import { cleanUp, openAccounts } from "./support/accounts.ts";
import { type Answer, call, eventually, expectCharged, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";
import { type LedgerProxy, openLedgerProxy } from "./support/ledger_proxy.ts";
import { openSwitchboard } from "./support/model_switchboard.ts";

const PLENTY = 1_000;
const ECHO_HOLD = 12;
const KIB = 1024;

const { newUser, accountOf, expectUntouched, letHoldsRunOut } = openAccounts();
const switchboard = openSwitchboard();
const env = { AI_BASE_URL: switchboard.baseUrl };
let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions(env);
});

function newKey(): string {
  return crypto.randomUUID();
}

function newText(): string {
  return `text ${crypto.randomUUID()}`;
}

function ask(
  user: SignedInUser,
  key: string,
  text: string,
  { base = functions.url, signal, padding }: { base?: string; signal?: AbortSignal; padding?: number } = {},
): Promise<Answer> {
  return call("echo", { base, user, key, body: { text, padding }, signal });
}

function expectReplay(replay: Answer): void {
  expectCharged(replay);
  expect(replay.headers.get("Idempotent-Replayed")).toBe("true");
}

async function expectChargedOnce(user: SignedInUser, answer: Answer): Promise<void> {
  const { requestId, charged, balance } = expectCharged(answer);
  expect(balance).toBe(PLENTY - charged);
  expect(await accountOf(user)).toMatchObject({
    balance: PLENTY - charged,
    held: 0,
    charges: [{ charged, request_id: requestId }],
  });
}

describe("a functions process that is killed", () => {
  it("between hold and settle leaves a hold that expires; the same key runs again and is charged once (mistakes 18, 23)", async () => {
    const doomed = await openFunctions(env);
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const paused = switchboard.pause(text);
    const broken = ask(user, key, text, { base: doomed.url }).catch(() => undefined);
    await paused.arrived;
    await doomed.kill();
    const answer = await broken;
    if (answer) expectRefusal(answer, 503, "service_unavailable");
    paused.release();

    expect(await accountOf(user)).toMatchObject({ balance: PLENTY, held: ECHO_HOLD, charges: [] });
    const early = await ask(user, key, text);
    expectRefusal(early, 409, "request_in_progress");

    await letHoldsRunOut(user);
    await cleanUp();
    await expectUntouched(user, PLENTY);

    const retry = await ask(user, key, text);
    await expectChargedOnce(user, retry);
    expect(retry.headers.has("Idempotent-Replayed")).toBe(false);
    expectReplay(await ask(user, key, text));
  });

  it("with expired holds blocks nobody, even before a cleanup runs", async () => {
    const user = await newUser(ECHO_HOLD);
    const text = newText();
    const paused = switchboard.pause(text);
    const abandoned = ask(user, newKey(), text);
    await paused.arrived;
    const other = newText();
    expectRefusal(await ask(user, newKey(), other), 402, "insufficient_tokens");
    await letHoldsRunOut(user);
    const answer = await ask(user, newKey(), other);
    expectCharged(answer);
    paused.release();
    await abandoned;
    expect((await accountOf(user)).charges).toHaveLength(1);
  });
});

describe("a run that took longer than its hold", () => {
  it("is refused at the settlement: no answer, no charge", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const paused = switchboard.pause(text);
    const late = ask(user, key, text);
    await paused.arrived;
    await letHoldsRunOut(user);
    await cleanUp();
    paused.release();
    expectRefusal(await late, 500, "internal");
    await expectUntouched(user, PLENTY);
  });

  it("cannot settle for the run that replaced it, which is charged alone", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const paused = switchboard.pause(text);
    const late = ask(user, key, text);
    await paused.arrived;
    await letHoldsRunOut(user);
    const second = await ask(user, key, text);
    await expectChargedOnce(user, second);
    paused.release();
    expectRefusal(await late, 500, "internal");
    await expectChargedOnce(user, second);
  });

  it("does not touch the files of the run that replaced it", async () => {
    const user = await newUser(PLENTY);
    const [key, prompt] = [newKey(), newText()];
    const draw = () => call("image-generator", { base: functions.url, user, key, body: { prompt } });
    const paused = switchboard.pause(prompt);
    const late = draw();
    await paused.arrived;
    await letHoldsRunOut(user);
    const second = await draw();
    await expectChargedOnce(user, second);
    paused.release();
    expectRefusal(await late, 500, "internal");
    const replay = await draw();
    expectReplay(replay);
    const file = await fetch(replay.body.data.images[0].signed_url);
    await file.body?.cancel();
    expect(file.status).toBe(200);
  });
});

describe("a client that hangs up in mid-request", () => {
  it("is charged once all the same, and its retry gets the answer", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const paused = switchboard.pause(text);
    const hangUp = new AbortController();
    const broken = ask(user, key, text, { signal: hangUp.signal }).catch(() => "gone");
    await paused.arrived;
    hangUp.abort();
    expect(await broken).toBe("gone");
    paused.release();
    await eventually("the settlement", async () => (await accountOf(user)).charges.length > 0);
    const retry = await ask(user, key, text);
    expectReplay(retry);
    await expectChargedOnce(user, retry);
    expect(switchboard.calls(text)).toBe(1);
  });

  it("is not charged when the model fails afterwards", async () => {
    const user = await newUser(PLENTY);
    const text = newText();
    switchboard.connect(text, "demo-fail-500");
    const paused = switchboard.pause(text);
    const hangUp = new AbortController();
    const broken = ask(user, newKey(), text, { signal: hangUp.signal }).catch(() => "gone");
    await paused.arrived;
    hangUp.abort();
    await broken;
    paused.release();
    await eventually("the release", async () => (await accountOf(user)).held === 0);
    await expectUntouched(user, PLENTY);
  });
});

describe("a ledger that cannot be reached", () => {
  let proxy: LedgerProxy;
  let remote: ExtraFunctions;

  beforeAll(async () => {
    proxy = await openLedgerProxy();
    remote = await openFunctions({ ...env, TEST_SUPABASE_URL: proxy.url });
  });

  function askRemotely(user: SignedInUser, key: string, text: string, padding?: number): Promise<Answer> {
    return ask(user, key, text, { base: remote.url, padding });
  }

  it("for a moment at the settlement (call lost): the answer is given, charged once", async () => {
    const user = await newUser(PLENTY);
    const outage = proxy.lose("settle_tokens", user.id, "before", 2);
    await expectChargedOnce(user, await askRemotely(user, newKey(), newText()));
    expect(outage.lost).toBe(2);
  });

  it("for a moment at the settlement (acknowledgement lost): the answer is returned, charged once, and replayed unchanged", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const outage = proxy.lose("settle_tokens", user.id, "after", 1);
    const answer = await askRemotely(user, key, text);
    await expectChargedOnce(user, answer);
    expect(outage.lost).toBe(1);
    const replay = await askRemotely(user, key, text);
    expectReplay(replay);
    expect(replay.text).toBe(answer.text);
  });

  it("and loses the acknowledgement of an answer too large to keep: it is given whole, charged once", async () => {
    const user = await newUser(PLENTY);
    proxy.lose("settle_tokens", user.id, "after", 1);
    const answer = await askRemotely(user, newKey(), newText(), 300 * KIB);
    expect(answer.text.slice(-40)).toMatch(/"charged":\d+,"balance":\d+\}\}$/);
    await expectChargedOnce(user, answer);
    expect(answer.body.data.padding).toHaveLength(300 * KIB);
  });

  it("for good at the settlement (call lost): no answer is given away uncharged; after the hold's time it runs again (mistakes 9, 26)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const outage = proxy.lose("settle_tokens", user.id, "before");
    const answer = await askRemotely(user, key, text);
    expectRefusal(answer, 503, "service_unavailable");
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY, held: ECHO_HOLD, charges: [] });
    outage.mend();
    expectRefusal(await askRemotely(user, key, text), 409, "request_in_progress");
    await letHoldsRunOut(user);
    await cleanUp();
    await expectUntouched(user, PLENTY);
    await expectChargedOnce(user, await askRemotely(user, key, text));
  });

  it("for good at the settlement (acknowledgements lost): charged once, and the retry gets the answer that was paid", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const outage = proxy.lose("settle_tokens", user.id, "after");
    expectRefusal(await askRemotely(user, key, text), 503, "service_unavailable");
    expect(outage.lost).toBeGreaterThan(1);
    outage.mend();
    const retry = await askRemotely(user, key, text);
    expectReplay(retry);
    await expectChargedOnce(user, retry);
    expect(switchboard.calls(text)).toBe(1);
  });

  it("at the hold (call lost): 503, the model does not run, and a retry works at once (mistake 26)", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const outage = proxy.lose("admit_request", user.id, "before");
    expectRefusal(await askRemotely(user, key, text), 503, "service_unavailable");
    await expectUntouched(user, PLENTY);
    expect(switchboard.calls(text)).toBe(0);
    outage.mend();
    await expectChargedOnce(user, await askRemotely(user, key, text));
  });

  it.each(["before", "after"] as const)(
    "for a moment at the hold (lost %s it): the answer is given, held and charged once",
    async (loss) => {
      const user = await newUser(ECHO_HOLD); // A second hold would find no tokens.
      const text = newText();
      const outage = proxy.lose("admit_request", user.id, loss, 2);
      expectCharged(await askRemotely(user, newKey(), text));
      expect(outage.lost).toBe(2);
      expect(switchboard.calls(text)).toBe(1);
      const { held, charges, locks } = await accountOf(user);
      expect({ held, charges: charges.length, locks: locks.map(({ attempt }) => attempt) })
        .toEqual({ held: 0, charges: 1, locks: [1] });
    },
  );

  it.each([["with a key", newKey], ["without a key", () => undefined]])(
    "for good at the hold (acknowledgements lost), %s: nothing runs, and the hold is soon released",
    async (_what, keyOf) => {
      const user = await newUser(ECHO_HOLD);
      const [key, text] = [keyOf(), newText()];
      const outage = proxy.lose("admit_request", user.id, "after");
      const body = { text };
      expectRefusal(await call("echo", { base: remote.url, user, key, body }), 503, "service_unavailable");
      outage.mend();
      expect(switchboard.calls(text)).toBe(0);
      await eventually("the release", async () => (await accountOf(user)).held === 0);
      await expectUntouched(user, ECHO_HOLD);
      expectCharged(await call("echo", { base: remote.url, user, key, body }));
      expect(switchboard.calls(text)).toBe(1);
    },
  );

  it.each(["before", "after"] as const)(
    "for a moment at the release (lost %s it): the hold is still released",
    async (loss) => {
      const user = await newUser(PLENTY);
      const text = newText();
      switchboard.connect(text, "demo-fail-401");
      proxy.lose("release_tokens", user.id, loss, 1);
      expectRefusal(await askRemotely(user, newKey(), text), 502, "provider_error");
      await expectUntouched(user, PLENTY);
    },
  );

  it("for good at the release: the caller learns why the request failed, and the hold expires", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    switchboard.connect(text, "demo-fail-401");
    const outage = proxy.lose("release_tokens", user.id, "before");
    expectRefusal(await askRemotely(user, key, text), 502, "provider_error");
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY, held: ECHO_HOLD, charges: [] });
    outage.mend();
    await letHoldsRunOut(user);
    await cleanUp();
    await expectUntouched(user, PLENTY);
    switchboard.connect(text, undefined);
    await expectChargedOnce(user, await askRemotely(user, key, text));
  });

  it.each(["before", "after"] as const)(
    "while twenty requests at once lose calls (%s they arrive): all end up answered, each charged once",
    async (loss) => {
      const user = await newUser(PLENTY);
      const keys = Array.from({ length: 20 }, newKey);
      const outage = proxy.lose("any", user.id, loss, 8);
      const answers = new Map<string, Answer>();
      for (let round = 1; answers.size < keys.length && round <= 5; round++) {
        const missing = keys.filter((key) => !answers.has(key));
        await Promise.all(missing.map(async (key) => {
          const answer = await askRemotely(user, key, `text of ${key}`);
          if (answer.status === 200) answers.set(key, answer);
          else expect([409, 503]).toContain(answer.status);
        }));
        await letHoldsRunOut(user);
      }
      expect(outage.lost).toBe(8);
      expect(answers.size).toBe(keys.length);
      const { balance, held, charges } = await accountOf(user);
      const charged = [...answers.values()].map(expectCharged);
      expect(charges.map(({ request_id }) => request_id).toSorted()).toEqual(
        charged.map(({ requestId }) => requestId).toSorted(),
      );
      const sum = charged.reduce((total, one) => total + one.charged, 0);
      expect({ balance, held }).toEqual({ balance: PLENTY - sum, held: 0 });
    },
  );

  it("as the process is killed right after the settlement: charged once, and the retry gets the answer", async () => {
    const user = await newUser(PLENTY);
    const [key, text] = [newKey(), newText()];
    const stalled = proxy.stall("settle_tokens", user.id);
    const broken = askRemotely(user, key, text).catch(() => undefined);
    await stalled;
    await remote.kill();
    expect((await broken)?.status ?? 503).toBe(503);
    const retry = await ask(user, key, text);
    expectReplay(retry);
    await expectChargedOnce(user, retry);
    expect(switchboard.calls(text)).toBe(1);
  });
});

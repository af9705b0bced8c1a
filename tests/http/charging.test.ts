import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import echo from "./fixtures/functions/echo/index.ts";
import { cost } from "../../supabase/functions/_shared/ledger/price.ts";
import { anonymousClient, type SignedInUser, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";
import { modelCalls, openFunctions } from "./support/functions.ts";
import { openSwitchboard } from "./support/model_switchboard.ts";

const PLENTY = 1_000;
/** The hold of a short request to `echo`: 2 + ⌈(1,500 + a few) / 1000 + 4 · 2,000 / 1000⌉. */
const ECHO_HOLD = 12;

const { newUser, accountOf, expectUntouched } = openAccounts();
const switchboard = openSwitchboard();
let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions({ AI_BASE_URL: switchboard.baseUrl });
});

/** A text that the switchboard connects to a model. */
function textFor(model: string): string {
  const text = `text ${crypto.randomUUID()}`;
  switchboard.connect(text, model);
  return text;
}

function ask(user: SignedInUser, text: string, rest: Record<string, unknown> = {}) {
  return call("echo", { base: functions.url, user, body: { text, ...rest } });
}

describe("a request is charged for what it used", () => {
  it.each([
    // 1,000 of input cost 1, 1,000 of output cost 4, a call costs 2
    [1000, 1000, 7],
    [1, 1, 3],
    [999, 1, 4],
    [500, 125, 3],
    [1001, 333, 5],
    [1000, 250, 4],
  ])(
    "%i tokens in and %i out, with parts of a token rounded up once (mistake 13)",
    async (input, output, price) => {
      const user = await newUser(PLENTY);
      const answer = await ask(user, textFor(`demo-usage-${input}-${output}`));
      expect(expectCharged(answer)).toMatchObject({ charged: price, balance: PLENTY - price });
      expect(answer.body.usage).toMatchObject({ input_tokens: input, output_tokens: output });
      const { balance, held, charges, anomalies } = await accountOf(user);
      expect({ balance, held, anomalies }).toEqual({ balance: PLENTY - price, held: 0, anomalies: [] });
      expect(charges).toHaveLength(1);
    },
  );

  it("and the ledger's entry says so, with the price and the usage that made it (mistakes 13, 24, 27)", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, textFor("demo-usage-700-300"));
    const { requestId, charged, balance } = expectCharged(answer);
    const { charges } = await accountOf(user);
    expect(charges).toEqual([{
      charged,
      balance_after: balance,
      operation_type: "echo",
      request_id: requestId,
      metadata: {
        price: echo.price,
        model: "demo-usage-700-300",
        usage: { input_tokens: 700, output_tokens: 300, images: 0, seconds: 0, characters: 0 },
      },
    }]);
    expect(cost(echo.price, charges[0]!.metadata.usage)).toBe(charged);
  });

  it("also where the answer came from the demo model as it is, by the usage that it reports", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, "a text");
    const { charged } = expectCharged(answer);
    expect(charged).toBe(cost(echo.price, { ...answer.body.usage, images: 0, seconds: 0, characters: 0 }));
    expect(charged).toBeLessThan(ECHO_HOLD);
  });

  it("whatever the body says about amounts, prices and usage (mistake 25)", async () => {
    const user = await newUser(PLENTY);
    const claims = {
      amount: 0,
      tokenAmount: 0,
      charged: 0,
      price: { per_call: 0 },
      usage: { input_tokens: 0, output_tokens: 0 },
      limits: { output_tokens: 0 },
    };
    const answer = await ask(user, textFor("demo-usage-1000-1000"), claims);
    expect(expectCharged(answer).charged).toBe(7);
  });

  it("and ten requests one after the other leave a ledger that adds up", async () => {
    const user = await newUser(PLENTY);
    const text = textFor("demo-usage-1000-250");
    for (let run = 1; run <= 10; run++) {
      expect(expectCharged(await ask(user, text)).balance).toBe(PLENTY - 4 * run);
    }
    const { balance, held, charges } = await accountOf(user);
    expect({ balance, held, count: charges.length }).toEqual({ balance: PLENTY - 40, held: 0, count: 10 });
  });

  it("with the bound held while the model runs, and the unused rest released (mistake 8)", async () => {
    const user = await newUser(PLENTY);
    const text = textFor("demo-usage-1-1");
    const paused = switchboard.pause(text);
    const asked = ask(user, text);
    await paused.arrived;
    const { balance, held, charges, locks } = await accountOf(user);
    expect({ balance, held, charges }).toEqual({ balance: PLENTY, held: ECHO_HOLD, charges: [] });
    expect(locks).toMatchObject([{ status: "held", amount: ECHO_HOLD, attempt: 1 }]);
    paused.release();
    expectCharged(await asked);
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY - 3, held: 0 });
  });
});

describe("usage that does not fit the hold", () => {
  it("above the hold is charged in full when the balance allows it", async () => {
    const user = await newUser(PLENTY);
    const answer = await ask(user, textFor("demo-usage-1000-25000"));
    expect(expectCharged(answer)).toMatchObject({ charged: 103, balance: PLENTY - 103 });
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY - 103, held: 0, anomalies: [] });
  });

  it("above the balance is charged as far as the balance goes, never below zero, with an anomaly (mistake 29)", async () => {
    const user = await newUser(50);
    const answer = await ask(user, textFor("demo-usage-1000-25000"));
    const { requestId } = expectCharged(answer);
    expect(answer.body.usage).toMatchObject({ charged: 50, balance: 0 });
    const { balance, held, anomalies } = await accountOf(user);
    expect({ balance, held }).toEqual({ balance: 0, held: 0 });
    expect(anomalies).toEqual([{
      anomaly_type: "shortfall",
      details: { request_id: requestId, held: ECHO_HOLD, cost: 103, charged: 50 },
    }]);
  });

  it("above the hold takes nothing of what another running request holds", async () => {
    const user = await newUser(2 * ECHO_HOLD);
    const [waiting, greedy] = [textFor("demo-usage-1000-250"), textFor("demo-usage-1000-25000")];
    const paused = switchboard.pause(waiting);
    const first = ask(user, waiting);
    await paused.arrived;
    expect(expectCharged(await ask(user, greedy)).charged).toBe(ECHO_HOLD);
    paused.release();
    expect(expectCharged(await first)).toMatchObject({ charged: 4, balance: ECHO_HOLD - 4 });
    expect(await accountOf(user)).toMatchObject({ balance: ECHO_HOLD - 4, held: 0 });
  });

  it.each(["demo-no-usage", "demo-usage-0-0", "demo-usage-0-100"])(
    "that is not reported (%s) costs the whole hold, never nothing, with an anomaly (mistake 12)",
    async (model) => {
      const user = await newUser(PLENTY);
      const answer = await ask(user, textFor(model));
      const { requestId, charged } = expectCharged(answer);
      expect(charged).toBe(ECHO_HOLD);
      expect(await accountOf(user)).toMatchObject({
        balance: PLENTY - ECHO_HOLD,
        held: 0,
        anomalies: [{
          anomaly_type: "usage_unknown",
          details: { request_id: requestId, charged: ECHO_HOLD },
        }],
      });
    },
  );
});

describe("a user who cannot pay", () => {
  it("gets 402 with the required and available tokens, and the model does not run (mistake 10)", async () => {
    const user = await newUser(ECHO_HOLD - 1);
    const text = textFor("demo-text");
    const answer = await ask(user, text);
    expectRefusal(answer, 402, "insufficient_tokens");
    expect(answer.body.details).toEqual({ required: ECHO_HOLD, available: ECHO_HOLD - 1 });
    expect(switchboard.calls(text)).toBe(0);
    expect(await modelCalls(answer.body.request_id)).toBe(0);
    await expectUntouched(user, ECHO_HOLD - 1);
  });

  it("is served with exactly what the request may cost", async () => {
    const user = await newUser(ECHO_HOLD);
    expectCharged(await ask(user, textFor("demo-usage-1-1")));
  });

  it("starts with nothing: no row is no credit (mistake 30), and the first requests at once all get 402 (mistake 21)", async () => {
    const user = await newUser();
    const text = textFor("demo-text");
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(user, text)));
    for (const answer of answers) {
      expectRefusal(answer, 402, "insufficient_tokens");
      expect(answer.body.details).toEqual({ required: ECHO_HOLD, available: 0 });
    }
    expect(switchboard.calls(text)).toBe(0);
  });

  it("cannot run more at once than the balance holds, however many are sent (mistakes 8, 28)", async () => {
    const user = await newUser(3 * ECHO_HOLD);
    const text = textFor("demo-usage-2000-2000"); // costs 12: as much as is held
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(user, text)));
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(served).toHaveLength(3);
    for (const answer of refused) expectRefusal(answer, 402, "insufficient_tokens");
    expect(switchboard.calls(text)).toBe(3);
    expect(await accountOf(user)).toMatchObject({ balance: 0, held: 0 });
  });

  it("with a balance of zero cannot make the operator pay for model calls (mistake 10)", async () => {
    const user = await newUser();
    const text = textFor("demo-text");
    for (const name of ["echo", "meal-analyzer", "image-generator"]) {
      const body = { text, description: text, prompt: text };
      expectRefusal(await call(name, { base: functions.url, user, body }), 402, "insufficient_tokens");
    }
    expect(switchboard.calls(text)).toBe(0);
  });
});

describe("image-generator", () => {
  async function draw(user: SignedInUser, body: Record<string, unknown> = {}) {
    return await call("image-generator", {
      base: functions.url,
      user,
      body: { prompt: `a bowl of lentils ${crypto.randomUUID()}`, ...body },
    });
  }

  it("charges for each image that is delivered", async () => {
    const user = await newUser(PLENTY);
    const answer = await draw(user, { count: 3 });
    expect(expectCharged(answer)).toMatchObject({ charged: 120, balance: PLENTY - 120 });
    expect(answer.body.data.images).toHaveLength(3);
    const { charges, anomalies } = await accountOf(user);
    expect(charges).toMatchObject([{
      charged: 120,
      metadata: { price: { per_image: 40 }, usage: { images: 3 } },
    }]);
    expect(anomalies).toEqual([]);
  });

  it("holds and charges nothing for images that were not drawn", async () => {
    const user = await newUser(PLENTY);
    const prompt = textFor("demo-image-empty");
    expectRefusal(await draw(user, { prompt, count: 2 }), 502, "provider_error");
    await expectUntouched(user, PLENTY);
  });

  it("asks for the tokens of all images before it draws one", async () => {
    const user = await newUser(159);
    const answer = await draw(user, { count: 4 });
    expectRefusal(answer, 402, "insufficient_tokens");
    expect(answer.body.details).toEqual({ required: 160, available: 159 });
  });

  it("puts the files into the private bucket, for the owner alone", async () => {
    const [owner, stranger] = [await newUser(PLENTY), await newUser()];
    const answer = await draw(owner, { count: 2, size: "1024x1536" });
    expectCharged(answer);
    const requestId = answer.body.usage.request_id;
    const paths: string[] = answer.body.data.images.map(({ path }: { path: string }) => path);
    expect(paths).toHaveLength(new Set(paths).size);
    for (const path of paths) {
      expect(path.startsWith(`${owner.id}/${requestId}`)).toBe(true);
      const { data: file, error } = await owner.client.storage.from("generated").download(path);
      expect(error).toBeNull();
      const bytes = new Uint8Array(await file!.arrayBuffer());
      expect([...bytes.slice(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);

      for (const client of [stranger.client, anonymousClient()]) {
        const attempt = await client.storage.from("generated").download(path);
        expect(attempt.data).toBeNull();
        expect(attempt.error).not.toBeNull();
        const signing = await client.storage.from("generated").createSignedUrl(path, 60);
        expect(signing.data?.signedUrl).toBeUndefined();
      }
      const open = await fetch(`${stack.url}/storage/v1/object/public/generated/${path}`);
      expect(open.ok).toBe(false);
      await open.body?.cancel();
    }
    const folder = paths[0]!.split("/").slice(0, 2).join("/");
    const { data: listed } = await stranger.client.storage.from("generated").list(folder);
    expect(listed ?? []).toEqual([]);
  });

  it("returns a URL for each file that works without a credential, only for this file", async () => {
    const user = await newUser(PLENTY);
    const answer = await draw(user, { count: 2 });
    const [one, two] = answer.body.data.images;
    const response = await fetch(one.signed_url);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe(one.media_type);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect([...bytes.slice(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);

    const swapped = await fetch(one.signed_url.replace(one.path, two.path));
    expect(swapped.ok).toBe(false);
    await swapped.body?.cancel();
    const unsigned = await fetch(one.signed_url.split("?")[0]);
    expect(unsigned.ok).toBe(false);
    await unsigned.body?.cancel();
  });

  it("lets no user write, replace or remove a file of the bucket, its own folder included", async () => {
    const user = await newUser(PLENTY);
    const answer = await draw(user);
    const { path } = answer.body.data.images[0];
    const bucket = user.client.storage.from("generated");
    const upload = await bucket.upload(`${user.id}/mine.png`, new Uint8Array([1]), {
      contentType: "image/png",
    });
    expect(upload.error).not.toBeNull();
    const replace = await bucket.upload(path, new Uint8Array([1]), {
      contentType: "image/png",
      upsert: true,
    });
    expect(replace.error).not.toBeNull();
    await bucket.remove([path]);
    expect((await bucket.download(path)).error).toBeNull();
  });
});

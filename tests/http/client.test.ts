import { describe, expect, it } from "vitest";

import { createTesseraClient, hasCode, photoOf, type TesseraOptions } from "../../client/mod.ts";
import balance from "../../supabase/functions/balance/index.ts";
import { grant, type SignedInUser, stack } from "../support/stack.ts";
import { mp3 } from "../support/recordings.ts";
import { openAccounts } from "./support/accounts.ts";
import { PIXEL_URL } from "./support/bodies.ts";

const { newUser, accountOf, expectUntouched } = openAccounts();

function clientFor(user: SignedInUser | undefined, options: Partial<TesseraOptions> = {}) {
  return createTesseraClient({
    url: stack.url,
    publishableKey: stack.publishableKey,
    accessToken: () => user?.token,
    ...options,
  });
}

describe("the client", () => {
  it("analyses a meal from a photo, and says what it cost", async () => {
    const user = await newUser(100);
    const photo = await photoOf(await (await fetch(PIXEL_URL)).blob());
    const { data, usage, requestId, isReplayed } = await clientFor(user).mealAnalyzer({ photo });
    expect(data.dishes[0]!.mass_g).toBeGreaterThan(0);
    expect(data.totals.energy_kcal).toBeGreaterThanOrEqual(0);
    expect(usage).toMatchObject({ request_id: requestId, balance: 100 - usage.charged });
    expect(isReplayed).toBe(false);
    expect((await accountOf(user)).balance).toBe(usage.balance);
  });

  it("makes a team's wallet, and spends from it", async () => {
    const [owner, member] = [await newUser(), await newUser()];
    const team = clientFor(owner);
    const { data: { wallet_id: wallet } } = await team.walletsCreate({ name: "Kitchen" });
    await grant(wallet, 100);
    const { data: { code } } = await team.walletsInvite({ wallet_id: wallet, monthly_cap_tokens: 50 });
    await clientFor(member).walletsAccept({ code });
    const spending = clientFor(member, { wallet });
    const { usage } = await spending.mealAnalyzer({ description: "soup" });
    expect((await spending.balance()).data.balance).toBe(100 - usage.charged);
    expect((await clientFor(member).balance()).data.balance).toBe(0);
    await team.walletsCap({ wallet_id: wallet, member_id: member.id, monthly_cap_tokens: 0 });
    const refused = await spending.mealAnalyzer({ description: "soup" }).catch((error) => error);
    expect(hasCode(refused, "member_cap_reached") && refused.details.spent).toBe(usage.charged);
  });

  it("uploads a file in a form", async () => {
    const user = await newUser(100);
    const { data, usage } = await clientFor(user).audioTranscribe({
      file: new Blob([mp3(150)]),
      language: "en",
    });
    expect(data.text).toBeTypeOf("string");
    expect(usage.charged).toBeGreaterThan(0);
  });

  it("is charged once when the first answer is lost on its way", async () => {
    const user = await newUser(100);
    let losses = 0;
    const client = clientFor(user, {
      retryDelayMs: 1,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (losses++ > 0) return response;
        await response.body?.cancel();
        throw new TypeError("The connection was lost");
      },
    });
    const { usage, isReplayed } = await client.mealAnalyzer({ description: "soup" });
    expect(isReplayed).toBe(true);
    const { balance, charges } = await accountOf(user);
    expect(charges).toHaveLength(1);
    expect(balance).toBe(100 - usage.charged);
  });

  it("waits for the first of two calls with one key, and gets its answer", async () => {
    const user = await newUser(100);
    const client = clientFor(user);
    const call = () => client.mealAnalyzer({ description: "soup" }, { idempotencyKey: "one thing" });
    const [first, second] = await Promise.all([call(), call()]);
    expect(second.data).toEqual(first.data);
    expect([first.isReplayed, second.isReplayed].toSorted()).toEqual([false, true]);
    expect((await accountOf(user)).charges).toHaveLength(1);
  });

  it("shows how an answer grows, and streams a stored one", async () => {
    const user = await newUser(100);
    const ask = () =>
      Array.fromAsync(
        clientFor(user).stream.mealAnalyzer({ description: "soup" }, { idempotencyKey: "one stream" }),
      );
    const last = (await ask()).at(-1)!;
    if (!last.isFinal) throw new Error("The stream has no end");
    expect(last.data.totals.energy_kcal).toBeGreaterThanOrEqual(0);
    expect(last.usage.balance).toBe(100 - last.usage.charged);
    expect((await ask()).at(-1)).toEqual({ ...last, isReplayed: true });
    expect((await accountOf(user)).charges).toHaveLength(1);
  });

  it("throws typed errors", async () => {
    const poor = await newUser();
    const error = await clientFor(poor).imageGenerator({ prompt: "soup" }).catch((thrown) => thrown);
    if (!hasCode(error, "insufficient_tokens")) throw error;
    expect(error.details).toEqual({ required: 40, available: 0 });

    const user = await newUser(100);
    const refused = await clientFor(user).imageGenerator({ prompt: "" }).catch((thrown) => thrown);
    if (!hasCode(refused, "invalid_request")) throw refused;
    expect(refused.details[0]!.path).toBe("prompt");
    await expectUntouched(user, 100);

    await expect(clientFor(undefined).balance()).rejects.toMatchObject({ code: "unauthorized", status: 401 });
  });

  it("gets the user's own export, typed as far as every module's is", async () => {
    const user = await newUser(12);
    const { data } = await clientFor(user).accountExport();
    expect(data.user_id).toBe(user.id);
    expect(data.data.ledger).toMatchObject({ balance: { balance: 12 } });
  });

  it("reads the balance, whose answer is as the reference says", async () => {
    const user = await newUser(100);
    await clientFor(user).mealAnalyzer({ description: "soup" });
    const { data } = await clientFor(user).balance({ limit: 5 });
    expect(data.entries).toHaveLength(2);
    expect(balance.output!.parse(data)).toEqual(data);
  });
});

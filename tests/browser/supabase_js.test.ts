import type { SupabaseClient } from "@supabase/supabase-js";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import summary from "../http/bodies/daily-nutrition-summary.ts";
import { needing } from "../support/needs.ts";
import { grant } from "../support/stack.ts";
import { type AppPage, openBrowser } from "./support/browser.ts";

// supabase-js in a real Chromium, from a page on another origin than the project's: what only a browser asks before it
// sends (preflights), and only a browser keeps from the page afterwards (headers that are not exposed).

/** The page's own client; functions that run in the page see it as a global. */
declare const client: SupabaseClient;

let browser: Awaited<ReturnType<typeof openBrowser>>;
let app: AppPage;

describe("supabase-js in a browser on another origin", await needing("chromium"), () => {
  beforeAll(async () => {
    browser = await openBrowser();
  });

  beforeEach(async () => {
    app = await browser.newAppPage();
    return async () => {
      expect(app.problems).toEqual([]);
      await app.page.context().close();
    };
  });

  const inPage = <Answer, Argument>(run: (argument: Argument) => Promise<Answer>, argument: Argument) =>
    app.page.evaluate(run as never, argument as never) as Promise<Answer>;

  /** Signs up a new user in the page, who stays signed in there. */
  const signUp = async ({ tokens = 0 } = {}) => {
    const credentials = { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
    const id = await inPage(async (credentials) => {
      const { data, error } = await client.auth.signUp(credentials);
      if (error) throw error;
      return data.user!.id;
    }, credentials);
    if (tokens > 0) await grant(id, tokens);
    return { id, ...credentials };
  };

  it("signs up, out and in again, renews the session, changes the user's data and stays in after a reload", async () => {
    const user = await signUp();
    const seen = await inPage(async ({ email, password }) => {
      await client.auth.signOut();
      const signedOut = (await client.auth.getSession()).data.session;
      const wrong = await client.auth.signInWithPassword({ email, password: "wrong" });
      const { data, error } = await client.auth.signInWithPassword({ email, password });
      const renewed = await client.auth.refreshSession();
      const updated = await client.auth.updateUser({ data: { nickname: "Ada" } });
      const asked = await client.auth.getUser();
      return {
        signedOut,
        wrong: wrong.error?.code,
        id: data.user?.id,
        errors: [error, renewed.error, updated.error, asked.error],
        nickname: asked.data.user?.user_metadata.nickname,
      };
    }, user);
    expect(seen).toEqual({
      signedOut: null,
      wrong: "invalid_credentials",
      id: user.id,
      errors: [null, null, null, null],
      nickname: "Ada",
    });
    await app.page.reload();
    expect(await inPage(async () => (await client.auth.getUser()).data.user?.id, undefined)).toBe(user.id);
  });

  it("reads and counts the user's own rows, and sees refused writes and RPCs as errors", async () => {
    const { id } = await signUp({ tokens: 70 });
    const seen = await inPage(async (id) => {
      const rows = await client.from("token_balances").select("user_id, balance");
      const counted = await client.from("token_balance_history").select("*", { count: "exact", head: true });
      const page = await client.from("token_balance_history").select("delta").order("entry_number").range(
        0,
        0,
      );
      const written = await client.from("token_balances").update({ balance: 1_000_000 }).eq("user_id", id);
      const called = await client.rpc("add_tokens", { p_user_id: id, p_amount: 5, p_reason: "free" });
      return {
        rows: rows.data,
        count: counted.count,
        page: page.data,
        written: written.error?.code,
        called: called.error?.code,
      };
    }, id);
    expect(seen).toEqual({
      rows: [{ user_id: id, balance: 70 }],
      count: 1,
      page: [{ delta: 70 }],
      written: "42501",
      called: "42501",
    });
  });

  it("uploads a file, lists it, signs an address for it, downloads it and removes it", async () => {
    const { id } = await signUp();
    const seen = await inPage(async (id) => {
      const bucket = client.storage.from("uploads");
      const path = `${id}/dot.png`;
      const png = Uint8Array.from(
        atob(
          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        ),
        (character) => character.charCodeAt(0),
      );
      const uploaded = await bucket.upload(path, new Blob([png], { type: "image/png" }));
      const inFolder = await bucket.upload(`${id}/more/dot.png`, new Blob([png], { type: "image/png" }));
      const listed = await bucket.list(id);
      const signed = await bucket.createSignedUrl(path, 60);
      const fetched = await fetch(signed.data!.signedUrl);
      const downloaded = await bucket.download(path);
      const strange = await bucket.upload(
        `${crypto.randomUUID()}/dot.png`,
        new Blob([png], { type: "image/png" }),
      );
      const removed = await bucket.remove([path, `${id}/more/dot.png`]);
      return {
        errors: [uploaded.error, inFolder.error, listed.error, signed.error, downloaded.error, removed.error],
        names: listed.data?.map(({ name, id }) => ({ name, isFolder: id === null })),
        signedBytes: (await fetched.arrayBuffer()).byteLength,
        bytes: downloaded.data?.size,
        length: png.length,
        isStrangeRefused: strange.error !== null,
        left: (await bucket.list(id)).data,
      };
    }, id);
    expect(seen).toMatchObject({
      errors: [null, null, null, null, null, null],
      names: [{ name: "more", isFolder: true }, { name: "dot.png", isFolder: false }],
      signedBytes: seen.length,
      bytes: seen.length,
      isStrangeRefused: true,
      left: [],
    });
  });

  it("calls a metered feature with a key, gets a replay with its headers, and reads refusals", async () => {
    await signUp({ tokens: 50 });
    const seen = await inPage(async () => {
      const headers = { "Idempotency-Key": crypto.randomUUID() };
      const body = { description: "two bowls of lentil soup" };
      const first = await client.functions.invoke("meal-analyzer", { headers, body });
      const again = await client.functions.invoke("meal-analyzer", { headers, body });
      const refused = await client.functions.invoke("meal-analyzer", { body: { description: 5 } });
      const refusal = refused.error.context as Response;
      return {
        charged: first.data.usage.charged,
        isSame: JSON.stringify(first.data) === JSON.stringify(again.data),
        replayed: again.response!.headers.get("Idempotent-Replayed"),
        requestId: again.response!.headers.get("X-Request-Id") === first.data.usage.request_id,
        refusal: { status: refusal.status, error: (await refusal.json()).error },
      };
    }, undefined);
    expect(seen).toEqual({
      charged: expect.any(Number),
      isSame: true,
      replayed: "true",
      requestId: true,
      refusal: { status: 400, error: "invalid_request" },
    });
    expect(seen.charged).toBeGreaterThan(0);
  });

  it("reads an answer as it is made", async () => {
    await signUp({ tokens: 50 });
    const streamed = await inPage(async (body) => {
      const headers = { Accept: "text/event-stream" };
      const { data, error } = await client.functions.invoke("daily-nutrition-summary", { headers, body });
      if (error) return await (error.context as Response).text();
      return await (data as Response).text();
    }, summary.sample);
    const events = streamed.trim().split("\n\n").map((event) => /^event: (.+)$/m.exec(event)?.[1]);
    expect(events.at(-1), streamed).toBe("usage");
    expect(events.length).toBeGreaterThan(2);
  });
});

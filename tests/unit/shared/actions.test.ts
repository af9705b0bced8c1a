import { describe, expect, it } from "vitest";
import { z } from "zod";

import { defineActions } from "../../../supabase/functions/_shared/http/actions.ts";
import { defineEndpoint } from "../../../supabase/functions/_shared/http/endpoint.ts";

const echo = (name: string, options: { isAlsoPost?: boolean; method: "GET" | "POST" }) =>
  defineEndpoint({
    name,
    auth: "none",
    ...options,
    input: z.object({ word: z.string() }),
    handle: ({ input }) => Promise.resolve(Response.json({ name, ...input })),
  });

const { fetch } = defineActions("till", {
  open: echo("till/open", { method: "GET", isAlsoPost: true }),
  close: echo("till/close", { method: "POST" }),
});

async function ask(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; [field: string]: unknown }> {
  const response = await fetch(new Request(`http://localhost${path}`, init));
  return { status: response.status, ...await response.json() };
}

const post = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

describe("a function of several actions", () => {
  it("is asked for one by path, by query or in the body", async () => {
    const answer = { status: 200, name: "till/close", word: "x" };
    expect(await ask("/till/close", post({ word: "x" }))).toEqual(answer);
    expect(await ask("/functions/v1/till/close", post({ word: "x" }))).toEqual(answer);
    expect(await ask("/till?action=close", post({ word: "x" }))).toEqual(answer);
    expect(await ask("/till", post({ action: "close", word: "x" }))).toEqual(answer);
  });

  it("takes the same by GET and by POST, with a body, a query or both, where an action says so", async () => {
    const answer = { status: 200, name: "till/open", word: "x" };
    expect(await ask("/till?action=open&word=x")).toEqual(answer);
    expect(await ask("/till?action=open&word=x", { method: "POST" })).toEqual(answer);
    expect(await ask("/till?action=open&word=y", post({ word: "x" }))).toEqual(answer);
    expect(await ask("/till/close?word=x")).toMatchObject({ status: 405, error: "method_not_allowed" });
  });

  it.each(["/till", "/till/", "/till/burn", "/till/open/more", "/till?action=constructor", "/till?action="])(
    "names its actions to who asks for none of them: %s",
    async (path) => {
      const refusal = { status: 404, error: "not_found", details: { actions: ["open", "close"] } };
      expect(await ask(path)).toMatchObject(refusal);
      expect(await ask(path, post({ word: "x" }))).toMatchObject(refusal);
    },
  );

  it("refuses a body that is too large to look for an action in", async () => {
    expect(await ask("/till", post({ word: "x".repeat(300_000) }))).toMatchObject({ status: 413 });
  });

  it.each(["/till", "/till/open", "/till/burn"])(
    "answers a refusal only once the body has come, or the client might never see it: %s",
    async (path) => {
      let left = 50;
      const body = new ReadableStream({
        pull: (controller) => left-- > 0 ? controller.enqueue(new Uint8Array(10_000)) : controller.close(),
      }, { highWaterMark: 0 });
      const { status } = await ask(path, { ...post({}), body });
      expect({ status, left }).toEqual({ status: 413, left: -1 });
    },
  );
});

import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { defineEndpoint } from "../../../supabase/functions/_shared/http/endpoint.ts";

const MIB = 1024 * 1024;
/** Of which two at once are too much for the memory. */
const BODY = JSON.stringify({ text: "x".repeat(20 * MIB) });

beforeAll(() => Deno.env.set("SUPABASE_URL", "http://localhost"));

describe("a request whose work goes on while it is answered", () => {
  it("keeps its place in memory until that has ended, also when it fails", async () => {
    const works: PromiseWithResolvers<void>[] = [];
    const endpoint = defineEndpoint({
      name: "uploads",
      auth: "none",
      method: "POST",
      input: z.object({ text: z.string() }),
      maxBodyBytes: 30 * MIB,
      handle({ until }) {
        const work = Promise.withResolvers<void>();
        works.push(work);
        until(work.promise);
        return Promise.resolve(new Response("begun"));
      },
    });
    const send = async () => {
      const headers = { "Content-Type": "application/json", "Content-Length": String(BODY.length) };
      const request = new Request("http://localhost/uploads", { method: "POST", headers, body: BODY });
      return (await endpoint.fetch(request)).status;
    };
    expect([await send(), await send()]).toEqual([200, 503]);
    works[0]!.resolve();
    await works[0]!.promise;
    await new Promise((resolve) => setTimeout(resolve));
    expect([await send(), await send()]).toEqual([200, 503]);
    works[1]!.reject(new Error("failed"));
    await new Promise((resolve) => setTimeout(resolve));
    expect(await send()).toBe(200);
    works[2]!.resolve();
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  endingWith,
  textEndingWith,
  unlessAborted,
} from "../../../supabase/functions/_shared/platform/aborting.ts";
import { collectGarbage } from "../../support/garbage.ts";

const BEGINNING = "The beginning";
let server: Deno.HttpServer<Deno.NetAddr>;
/** Resolves when the caller has gone. */
let left: PromiseWithResolvers<void>;
/** Cuts those who still wait. */
const end = new AbortController();

/** Begins to answer and falls silent. */
beforeAll(() => {
  server = Deno.serve({ port: 0, hostname: "127.0.0.1", signal: end.signal, onListen: () => {} }, () => {
    left = Promise.withResolvers();
    const { resolve } = left;
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(BEGINNING)),
        cancel: () => resolve(),
      }),
      { status: 202, headers: { "X-Kept": "yes" } },
    );
  });
});
afterAll(async () => {
  end.abort();
  await server.finished;
});

async function open(signal: AbortSignal): Promise<Response> {
  return endingWith(await fetch(`http://127.0.0.1:${server.addr.port}/`, { signal }), signal);
}

describe("a body that its signal ends", () => {
  it("is that of the answer, with its status and headers", async () => {
    const text = "Mosaïque ".repeat(10_000);
    const answer = endingWith(
      new Response(text, { status: 201, headers: { "X-Kept": "yes" } }),
      AbortSignal.timeout(5_000),
    );
    expect([answer.status, answer.headers.get("X-Kept"), await answer.text()]).toEqual([201, "yes", text]);
    const none = new Response(null, { status: 204 });
    expect(endingWith(none, AbortSignal.timeout(5_000))).toBe(none);
  });

  it("ends with the signal's reason and lets go of the server, after garbage was collected too", async () => {
    const controller = new AbortController();
    const answer = await open(AbortSignal.any([controller.signal, AbortSignal.timeout(20_000)]));
    const reader = answer.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(BEGINNING);
    const waiting = reader.read().catch((error) => error);
    await collectGarbage();
    const reason = new Error("Enough");
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    await left.promise;
  });

  it("lets go of the server when its reader does", async () => {
    const answer = await open(AbortSignal.timeout(20_000));
    await answer.body!.cancel();
    await left.promise;
  });

  it("is at its end from the start where the signal was aborted meanwhile", async () => {
    const answer = await fetch(`http://127.0.0.1:${server.addr.port}/`);
    await expect(endingWith(answer, AbortSignal.abort(new Error("Late"))).text()).rejects.toThrow("Late");
    await left.promise;
  });

  it("breaks off where the answer does", async () => {
    const broken = new Response(
      new ReadableStream({ pull: (controller) => controller.error(new Error("Cut")) }),
    );
    await expect(endingWith(broken, AbortSignal.timeout(5_000)).text()).rejects.toThrow("Cut");
  });
});

describe("an answer that is read as a text", () => {
  it("is what was answered", async () => {
    const answer = textEndingWith(new Response("Mosaïque", { status: 201 }), AbortSignal.timeout(5_000));
    expect([answer.status, await answer.text()]).toEqual([201, "Mosaïque"]);
  });

  it("ends with the signal's reason, after garbage was collected too", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const answer = textEndingWith(await fetch(`http://127.0.0.1:${server.addr.port}/`, { signal }), signal);
    const waiting = answer.text().catch((error) => error);
    await collectGarbage();
    const reason = new Error("Enough");
    controller.abort(reason);
    expect(await waiting).toBe(reason);
  });
});

describe("work that cannot be ended", () => {
  it("is waited for until the signal aborts", async () => {
    const never = new Promise(() => {});
    expect(await unlessAborted(Promise.resolve(1), AbortSignal.timeout(5_000))).toBe(1);
    await expect(unlessAborted(never, AbortSignal.abort(new Error("Late")))).rejects.toThrow("Late");
    await expect(unlessAborted(Promise.reject(new Error("Cut")), AbortSignal.timeout(5_000))).rejects.toThrow(
      "Cut",
    );
    const controller = new AbortController();
    const waiting = unlessAborted(never, controller.signal);
    controller.abort(new Error("Enough"));
    await expect(waiting).rejects.toThrow("Enough");
  });
});

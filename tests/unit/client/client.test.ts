import { afterEach, describe, expect, it, vi } from "vitest";

import { createTesseraClient, hasCode, photoOf, type TesseraOptions } from "../../../client/mod.ts";

interface Sent {
  url: string;
  headers: Headers;
  body: unknown;
}

type Step = Error | { status: number; body: unknown; headers?: Record<string, string> };

const usage = { request_id: "r", model: "m", input_tokens: 1, output_tokens: 1, charged: 3, balance: 7 };
const success: Step = {
  status: 200,
  body: { data: { dishes: [] }, usage },
  headers: { "X-Request-Id": "r" },
};
const refusal = (status: number, error: string, headers: Record<string, string> = {}): Step => ({
  status,
  headers,
  body: { error, message: "No", request_id: "r", details: { required: 5, available: 1 } },
});

/** A client whose server answers these, one after the other. */
function clientOf(steps: Step[], options: Partial<TesseraOptions> = {}) {
  const sent: Sent[] = [];
  const client = createTesseraClient({
    url: "https://project.example/",
    publishableKey: "sb_publishable_x",
    accessToken: () => "jwt",
    retryDelayMs: 1,
    fetch: (url, init) => {
      sent.push({ url: String(url), headers: new Headers(init?.headers), body: init?.body });
      const step = steps.shift();
      if (step === undefined) throw new Error("Nothing left to answer");
      if (step instanceof Error) return Promise.reject(step);
      return Promise.resolve(Response.json(step.body, { status: step.status, headers: step.headers }));
    },
    ...options,
  });
  return { client, sent };
}

const keysOf = (sent: Sent[]) => new Set(sent.map(({ headers }) => headers.get("Idempotency-Key")));

describe("a call", () => {
  it("goes to the function with the credentials and a key of its own", async () => {
    const { client, sent } = clientOf([success, success]);
    const answer = await client.mealAnalyzer({ description: "soup" });
    expect(answer).toMatchObject({ usage: { charged: 3 }, requestId: "r", isReplayed: false });
    await client.mealAnalyzer({ description: "soup" });
    expect(sent[0]!.url).toBe("https://project.example/functions/v1/meal-analyzer");
    expect(sent[0]!.headers.get("Authorization")).toBe("Bearer jwt");
    expect(sent[0]!.headers.get("apikey")).toBe("sb_publishable_x");
    expect(JSON.parse(sent[0]!.body as string)).toEqual({ description: "soup" });
    expect(keysOf(sent).size).toBe(2);
  });

  it("names the team's wallet that pays: the call's, else the client's, and on each retry the same", async () => {
    const { client, sent } = clientOf([
      refusal(503, "service_unavailable"),
      success,
      success,
      success,
      success,
    ], {
      wallet: "team",
    });
    await client.mealAnalyzer({ description: "soup" });
    await client.mealAnalyzer({ description: "soup" }, { wallet: "other" });
    await client.mealAnalyzer({ description: "soup" }, { wallet: undefined });
    await client.mealAnalyzer({ description: "soup" }, { wallet: null });
    expect(sent.map(({ headers }) => headers.get("Tessera-Wallet"))).toEqual([
      "team",
      "team",
      "other",
      "team",
      null,
    ]);
  });

  it("names no wallet to a function that does not look at it", async () => {
    const { client, sent } = clientOf([{ status: 200, body: { wallets: [] } }, { status: 200, body: {} }], {
      wallet: "team",
    });
    await client.walletsList();
    await client.balance();
    expect(sent.map(({ headers }) => headers.get("Tessera-Wallet"))).toEqual([null, "team"]);
  });

  it("uses the caller's key, and takes an access token for each try", async () => {
    let tokens = 0;
    const { client, sent } = clientOf([new TypeError("lost"), success], {
      accessToken: () => `jwt${++tokens}`,
    });
    await client.mealAnalyzer({}, { idempotencyKey: "mine" });
    expect([...keysOf(sent)]).toEqual(["mine"]);
    expect(sent.map(({ headers }) => headers.get("Authorization"))).toEqual(["Bearer jwt1", "Bearer jwt2"]);
  });

  it("sends a form when a field is a file, and a query where the function is read", async () => {
    const { client, sent } = clientOf([success, { status: 200, body: { balance: 1 } }]);
    await client.audioTranscribe({ file: new Blob(["sound"]), language: "en" });
    const form = sent[0]!.body as FormData;
    expect(form.get("file")).toBeInstanceOf(Blob);
    expect(form.get("language")).toBe("en");
    expect(sent[0]!.headers.has("Content-Type")).toBe(false);
    expect(await client.balance({ limit: 5 })).toMatchObject({ data: { balance: 1 } });
    expect(sent[1]!.url).toMatch(/\/balance\?limit=5$/);
    expect(sent[1]!.headers.has("Idempotency-Key")).toBe(false);
  });
});

describe("a retry", () => {
  it.each([
    ["a lost connection", new TypeError("lost")],
    ["409", refusal(409, "request_in_progress", { "Retry-After": "0" })],
    ["429", refusal(429, "rate_limited")],
    ["503", refusal(503, "service_unavailable")],
  ])("follows %s, with the same key", async (_what, step) => {
    const { client, sent } = clientOf([step, step, success]);
    expect((await client.mealAnalyzer({ description: "soup" })).usage.charged).toBe(3);
    expect(sent).toHaveLength(3);
    expect(keysOf(sent).size).toBe(1);
  });

  it("of a code that was asked for has the same key, so that no second message is sent", async () => {
    const asked = {
      status: 200,
      body: { challenge_id: "c", expires_in: 300, resend_in: 60, attempts_left: 5 },
    };
    const { client, sent } = clientOf([new TypeError("lost"), asked, asked]);
    await client.otpRequest({ phone: "+33612345678" });
    expect([...keysOf(sent)]).toEqual([expect.any(String)]);
    await client.otpRequest({ phone: "+33612345678" }, { idempotencyKey: "mine" });
    expect(sent.at(-1)!.headers.get("Idempotency-Key")).toBe("mine");
  });

  it("waits as long as the server asks for, and gives up on more than the caller waits for", async () => {
    const { client } = clientOf([refusal(503, "service_unavailable", { "Retry-After": "1" }), success]);
    const startedAt = performance.now();
    await client.mealAnalyzer({ description: "soup" });
    expect(performance.now() - startedAt).toBeGreaterThan(900);

    const impatient = clientOf([refusal(429, "rate_limited", { "Retry-After": "3600" })]);
    await expect(impatient.client.mealAnalyzer({ description: "soup" })).rejects.toMatchObject({
      status: 429,
    });
    expect(impatient.sent).toHaveLength(1);
  });

  it.each([400, 401, 402, 410, 422, 500, 502, 504])("does not follow %i", async (status) => {
    const { client, sent } = clientOf([refusal(status, "insufficient_tokens")]);
    await expect(client.mealAnalyzer({ description: "soup" })).rejects.toMatchObject({ status });
    expect(sent).toHaveLength(1);
  });

  it("ends after as many as were allowed, with the key to ask again", async () => {
    const lost = () => new TypeError("lost");
    const { client, sent } = clientOf([lost(), lost(), lost()], { retries: 2 });
    const error = await client.mealAnalyzer({}, { idempotencyKey: "k" }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "network_error", status: 0, idempotencyKey: "k" });
    expect(sent).toHaveLength(3);
  });

  it("stops at once when the caller aborts", async () => {
    const caller = new AbortController();
    const { client, sent } = clientOf([refusal(503, "service_unavailable", { "Retry-After": "30" })]);
    const call = client.mealAnalyzer({ description: "soup" }, { signal: caller.signal });
    setTimeout(() => caller.abort(new Error("left the page")), 20);
    await expect(call).rejects.toThrow("left the page");
    expect(sent).toHaveLength(1);
  });
});

describe("a stream", () => {
  const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  const drafts = event("data", { dishes: [] }) + ":\n\n" + event("data", { dishes: [{ name: "Käse" }] });
  const ended = drafts + event("usage", usage);

  /** Sends a text in pieces of seven bytes, so that events and letters are cut. */
  function streaming(texts: string[]) {
    const keys: (string | null)[] = [];
    const { client } = clientOf([], {
      fetch: (_url, init) => {
        keys.push(new Headers(init?.headers).get("Idempotency-Key"));
        expect(new Headers(init?.headers).get("Accept")).toBe("text/event-stream");
        const bytes = new TextEncoder().encode(texts.shift());
        const pieces = Array.from(
          { length: Math.ceil(bytes.length / 7) },
          (_, at) => bytes.slice(7 * at, 7 * at + 7),
        );
        return Promise.resolve(new Response(ReadableStream.from(pieces)));
      },
    });
    return { client, keys };
  }

  it("gives drafts, then the answer with what it cost", async () => {
    const { client } = streaming([ended]);
    const parts = await Array.fromAsync(client.stream.mealAnalyzer({ description: "soup" }));
    expect(parts.map(({ isFinal }) => isFinal)).toEqual([false, false, true]);
    expect(parts.at(-1)).toMatchObject({ data: { dishes: [{ name: "Käse" }] }, usage: { charged: 3 } });
  });

  it("that breaks is asked for again, with the same key", async () => {
    const { client, keys } = streaming([drafts, ended.slice(0, -5), ended]);
    const parts = await Array.fromAsync(client.stream.mealAnalyzer({ description: "soup" }));
    expect(parts.at(-1)).toMatchObject({ isFinal: true, usage: { charged: 3 } });
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it("throws the failure that it ends with", async () => {
    const failed = event("error", { error: "provider_error", message: "No", request_id: "r" });
    const { client, keys } = streaming([drafts + failed]);
    const parts = Array.fromAsync(client.stream.mealAnalyzer({ description: "soup" }));
    await expect(parts).rejects.toMatchObject({ code: "provider_error", requestId: "r" });
    expect(keys).toHaveLength(1);
  });
});

describe("a failure", () => {
  it("has its code, and details of the code's type", async () => {
    const { client } = clientOf([refusal(402, "insufficient_tokens")]);
    const error = await client.mealAnalyzer({ description: "soup" }).catch((thrown) => thrown);
    if (!hasCode(error, "insufficient_tokens")) throw error;
    expect(error.details.required - error.details.available).toBe(4);
    expect(error.requestId).toBe("r");
    expect(hasCode(error, "rate_limited")).toBe(false);
  });

  it("of a proxy in between, which knows nothing of codes, is one of ours all the same", async () => {
    const { client } = clientOf([{ status: 504, body: "Gateway Timeout" }]);
    await expect(client.mealAnalyzer({})).rejects.toMatchObject({ code: "service_unavailable", status: 504 });
  });
});

describe("photoOf", () => {
  it("makes a data URL of a picture of any size", async () => {
    const bytes = new Uint8Array(100_000).fill(200);
    const url = await photoOf(new Blob([bytes], { type: "image/png" }));
    expect(url.slice(0, 22)).toBe("data:image/png;base64,");
    expect(Uint8Array.from(atob(url.slice(22)), (character) => character.charCodeAt(0))).toEqual(bytes);
  });
});

describe("a platform that lacks", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  const without = (name: "any" | "timeout") =>
    vi.spyOn(AbortSignal, name).mockImplementation(() => {
      throw new TypeError(`AbortSignal.${name} is not a function`);
    });

  it.each([
    ["crypto.randomUUID, as a page without https", { getRandomValues: crypto.getRandomValues.bind(crypto) }],
    ["crypto, as React Native", undefined],
  ])("%s, gets a key of its own for each call all the same", async (_what, stub) => {
    vi.stubGlobal("crypto", stub);
    const { client, sent } = clientOf(Array.from({ length: 100 }, () => success));
    for (let call = 0; call < 100; call++) await client.mealAnalyzer({});
    const keys = keysOf(sent);
    expect(keys.size).toBe(100);
    for (const key of keys) expect(key).toMatch(/^[\w-]{16,255}$/);
  });

  it("ways to join signals, ends a try in time and the call by the caller's signal", async () => {
    without("any");
    without("timeout");
    const hanging: typeof fetch = (_url, init) =>
      new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason)));
    const late = clientOf([], { fetch: hanging, timeoutMs: 5, retries: 1 }).client.mealAnalyzer({});
    await expect(late).rejects.toMatchObject({ code: "network_error", cause: { name: "TimeoutError" } });

    const caller = new AbortController();
    const left = clientOf([], { fetch: hanging }).client.mealAnalyzer({}, { signal: caller.signal });
    setTimeout(() => caller.abort(new Error("left the page")), 5);
    await expect(left).rejects.toThrow("left the page");
    const early = clientOf([success]).client.mealAnalyzer({}, { signal: caller.signal });
    await expect(early).rejects.toThrow("left the page");
  });

  it("reasons of signals, says that the call was aborted", async () => {
    const signal = Object.assign(new EventTarget(), { aborted: false }) as AbortSignal;
    const busy = clientOf([refusal(503, "service_unavailable", { "Retry-After": "30" })]);
    const call = busy.client.mealAnalyzer({}, { signal });
    setTimeout(() => {
      Object.assign(signal, { aborted: true });
      signal.dispatchEvent(new Event("abort"));
    }, 5);
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
  });

  it("bodies that can be read in part, gives a stream's parts when all are there, with one request", async () => {
    const text = `event: data\ndata: {"dishes":[]}\n\nevent: usage\ndata: ${JSON.stringify(usage)}\n\n`;
    let requests = 0;
    const { client } = clientOf([], {
      fetch: () => {
        requests++;
        const response = {
          ok: true,
          status: 200,
          headers: new Headers(),
          body: null,
          text: () => Promise.resolve(text),
        };
        return Promise.resolve(response as Response);
      },
    });
    const parts = await Array.fromAsync(client.stream.mealAnalyzer({ description: "soup" }));
    expect(parts.map(({ isFinal }) => isFinal)).toEqual([false, true]);
    expect(parts.at(-1)).toMatchObject({ data: { dishes: [] }, usage: { charged: 3 } });
    expect(requests).toBe(1);
  });

  it("its own Response, reads what another fetch answers", async () => {
    const answerOf = (ok: boolean, status: number, body: unknown) => ({
      ok,
      status,
      headers: new Headers(),
      body: null,
      json: () => Promise.resolve(body),
    });
    const answers = [
      answerOf(true, 200, { data: { dishes: [] }, usage }),
      answerOf(false, 402, { error: "insufficient_tokens", message: "No", request_id: "r" }),
    ];
    const { client } = clientOf([], { fetch: () => Promise.resolve(answers.shift() as unknown as Response) });
    expect((await client.mealAnalyzer({})).usage.charged).toBe(3);
    await expect(client.mealAnalyzer({})).rejects.toMatchObject({ code: "insufficient_tokens", status: 402 });
  });

  it("bytes of a Blob, makes a data URL of a picture", async () => {
    vi.stubGlobal(
      "FileReader",
      class {
        result?: string;
        onload?: () => void;
        readAsDataURL({ type }: Blob) {
          this.result = `data:${type};base64,AAAA`;
          queueMicrotask(() => this.onload!());
        }
      },
    );
    expect(await photoOf({ type: "image/png" } as Blob)).toBe("data:image/png;base64,AAAA");
  });
});

describe("a call that is over", () => {
  it("leaves no timer and nothing at the caller's signal", async () => {
    const [set, clear] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")];
    const caller = new AbortController();
    const [add, remove] = [
      vi.spyOn(caller.signal, "addEventListener"),
      vi.spyOn(caller.signal, "removeEventListener"),
    ];
    const steps = [
      success,
      refusal(400, "invalid_request"),
      new TypeError("lost"),
      refusal(503, "service_unavailable"),
      success,
    ];
    const { client } = clientOf(steps);
    await client.mealAnalyzer({}, { signal: caller.signal });
    await client.mealAnalyzer({}, { signal: caller.signal }).catch(() => {});
    await client.mealAnalyzer({}, { signal: caller.signal });
    const deadlines = set.mock.results.filter((_, at) => set.mock.calls[at]![1] === 150_000).map((
      { value },
    ) => value);
    expect(deadlines).toHaveLength(5);
    expect(clear.mock.calls.map(([timer]) => timer)).toEqual(expect.arrayContaining(deadlines));
    const removed = remove.mock.calls.map(([, listener]) => listener);
    expect(add).toHaveBeenCalled();
    for (const [, listener] of add.mock.calls) expect(removed).toContain(listener);
    vi.restoreAllMocks();
  });
});

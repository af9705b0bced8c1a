import { describe, expect, it } from "vitest";

import { Circuit } from "../../../supabase/functions/_oauth/circuit.ts";
import { Coalescer } from "../../../supabase/functions/_oauth/coalescer.ts";
import { freshnessOf, type TokenRecord } from "../../../supabase/functions/_oauth/token_record.ts";
import { asProviderFailure, ProviderFailure } from "../../../supabase/functions/_oauth/provider_failure.ts";
import { ProvidersText, RedirectUrlsText } from "../../../supabase/functions/_oauth/setting_texts.ts";

const PROVIDER = {
  issuer: "https://auth.example.com",
  client_id: "an-id",
  client_secret: "a-client-secret",
  grants: ["authorization_code"],
};
const messagesOf = (settings: unknown) => {
  const text = typeof settings === "string" ? settings : JSON.stringify(settings);
  return ProvidersText.safeParse(text).error?.issues.map(({ message }) => message).join("; ") ?? "";
};

describe("OAUTH_PROVIDERS", () => {
  it("is one JSON object by name", () => {
    const providers = ProvidersText.parse(JSON.stringify({ acme: PROVIDER }));
    expect(providers.get("acme")).toMatchObject({ ...PROVIDER, discovery: "openid" });
    expect(providers.get("constructor")).toBeUndefined();
  });

  it.each([
    ["http://auth.example.com", false],
    ["http://10.0.0.1/", false],
    ["http://localhost.example.com", false],
    ["http://127.0.0.1.example.com", false],
    ["https://user:password@auth.example.com", false],
    ["ftp://auth.example.com", false],
    ["file:///etc/passwd", false],
    ["https://auth.example.com", true],
    ["http://127.0.0.1:8080", true],
    ["http://[::1]:8080", true],
    ["http://localhost:8080", true],
  ])("takes an issuer over TLS, and plain HTTP on a loopback address alone: %s", (issuer, isTaken) => {
    const [endpoint] = ["token_endpoint"];
    expect(messagesOf({ acme: { ...PROVIDER, issuer } }) === "").toBe(isTaken);
    expect(messagesOf({ acme: { ...PROVIDER, [endpoint!]: issuer } }) === "").toBe(isTaken);
  });

  it("says what is wrong where, and repeats nothing of what was given", () => {
    const wrong = [
      ["{", "Expected JSON"],
      [
        { acme: { ...PROVIDER, client_secret: undefined, client_authentication: "basic" } },
        "acme.client_secret",
      ],
      [{ acme: { ...PROVIDER, discovery: "none" } }, "acme.token_endpoint"],
      [{ acme: { ...PROVIDER, grants: [] } }, "acme.grants"],
      [{ acme: { ...PROVIDER, password: "a-client-secret" } }, "acme"],
      [{ "No Name": PROVIDER }, "No Name"],
      [`{"acme": "a-client-secret"`, "Expected JSON"],
    ] as const;
    for (const [given, expected] of wrong) {
      expect(messagesOf(given)).toContain(expected);
      expect(messagesOf(given)).not.toContain("a-client-secret");
    }
  });
});

describe("OAUTH_REDIRECT_URLS", () => {
  it("are whole addresses over TLS, or on a loopback address", () => {
    expect(RedirectUrlsText.parse("https://app.example.com/a,http://127.0.0.1:3000/b  https://b.example.com"))
      .toEqual(["https://app.example.com/a", "http://127.0.0.1:3000/b", "https://b.example.com/"]);
    for (
      const url of ["http://app.example.com", "https://a.example.com/?x=1", "https://a.example.com/#x", "*"]
    ) {
      expect(RedirectUrlsText.safeParse(`https://app.example.com ${url}`).error?.issues[0]?.message)
        .toContain("entry 2");
    }
  });
});

describe("callers who share work", () => {
  /** A run that the test decides and ends. */
  function openRuns() {
    const runs: (PromiseWithResolvers<string> & { decide(): void })[] = [];
    const work = (decide: () => void) => {
      const run = { ...Promise.withResolvers<string>(), decide };
      runs.push(run);
      return run.promise;
    };
    return { runs, work };
  }

  it("get only what is decided after they asked: who comes later shares the next run", async () => {
    const coalescer = new Coalescer();
    const { runs, work } = openRuns();
    const first = coalescer.run("key", work);
    const others = Array.from({ length: 99 }, () => coalescer.run("key", work));
    expect(runs).toHaveLength(1);
    runs[0]!.resolve("old");
    expect(await first).toBe("old");
    expect(runs).toHaveLength(2);
    const late = coalescer.run("key", work);
    runs[1]!.resolve("new");
    expect(new Set(await Promise.all(others))).toEqual(new Set(["new"]));
    runs[2]!.resolve("newest");
    expect(await late).toBe("newest");
    expect(runs).toHaveLength(3);
  });

  it("share a run that asks once more what is true, with its success and with its failure", async () => {
    for (const isFailing of [false, true]) {
      const coalescer = new Coalescer();
      const { runs, work } = openRuns();
      const early = [coalescer.run("key", work), coalescer.run("key", work), coalescer.run("key", work)];
      runs[0]!.decide();
      const late = coalescer.run("key", work);
      if (isFailing) runs[0]!.reject(new Error("failed"));
      else runs[0]!.resolve("decided");
      const outcomes = await Promise.allSettled(early);
      expect(new Set(outcomes.map(({ status }) => status))).toEqual(
        new Set([isFailing ? "rejected" : "fulfilled"]),
      );
      expect(runs).toHaveLength(2);
      runs[1]!.resolve("later");
      expect(await late).toBe("later");
    }
  });

  it("are not held up by a run that fails, nor by other keys, and nothing is left behind", async () => {
    const coalescer = new Coalescer();
    const failing = coalescer.run("key", () => Promise.reject(new Error("failed")));
    const next = coalescer.run("key", () => Promise.resolve("fine"));
    const other = coalescer.run("other", () => Promise.resolve("at once"));
    expect(await other).toBe("at once");
    await expect(failing).rejects.toThrow("failed");
    expect(await next).toBe("fine");
    expect(await coalescer.run("key", () => Promise.resolve("again"))).toBe("again");
  });
});

describe("a version of a token", () => {
  const NOW_MS = 1_800_000_000_000;
  const record = (change: Partial<TokenRecord> = {}): TokenRecord => ({
    access_token: "the token",
    token_type: "bearer",
    expires_at_ms: NOW_MS + 3_600_000,
    lifetime_ms: 3_600_000,
    fence: 5,
    ...change,
  });
  const judge = (one: TokenRecord | undefined, change = {}) =>
    freshnessOf(one, { now_ms: NOW_MS, revoked_fence: 0, ...change });

  it("is good until its end by the database's clock, to the millisecond, and renewed before", () => {
    expect(judge(record())).toBe("fresh");
    expect(judge(record({ expires_at_ms: NOW_MS + 60_001 }))).toBe("fresh");
    expect(judge(record({ expires_at_ms: NOW_MS + 60_000 }))).toBe("ending");
    expect(judge(record({ expires_at_ms: NOW_MS + 1 }))).toBe("ending");
    expect(judge(record({ expires_at_ms: NOW_MS }))).toBe("gone");
    expect(judge(record({ expires_at_ms: NOW_MS + 1_000, lifetime_ms: 2_000 }))).toBe("fresh");
    expect(judge(record({ expires_at_ms: NOW_MS + 200, lifetime_ms: 2_000 }))).toBe("ending");
    expect(judge(record({ expires_at_ms: null, lifetime_ms: null }))).toBe("fresh");
  });

  it("is gone when it is revoked, rejected or not there", () => {
    expect(judge(record(), { revoked_fence: 4 })).toBe("fresh");
    expect(judge(record(), { revoked_fence: 5 })).toBe("gone");
    expect(judge(record(), { rejected: "another token" })).toBe("fresh");
    expect(judge(record(), { rejected: "the token" })).toBe("gone");
    expect(judge(undefined)).toBe("gone");
  });
});

describe("a provider's failure", () => {
  const wrapped = (cause: unknown) => new Error("something went wrong", { cause });

  it("has the kind of it, and nothing of what was sent or answered", () => {
    const oauth = Object.assign(new Error("a-secret"), {
      error: "invalid_client",
      error_description: "a-secret is wrong",
      response: new Response(null, { status: 401, headers: { "Retry-After": "7" } }),
    });
    const failure = asProviderFailure("acme", wrapped(oauth));
    expect(failure).toMatchObject({ provider: "acme", kind: "invalid_client", retryAfterMs: 7_000 });
    expect(`${failure.message} ${failure.stack} ${failure.cause}`).not.toContain("a-secret");
  });

  it("is told by status, time or reachability where there is no code of OAuth", () => {
    const kinds = [
      wrapped(new Response(null, { status: 503 })),
      wrapped(new DOMException("too late", "TimeoutError")),
      wrapped(new TypeError("connection refused")),
      Object.assign(new Error(), { error: "<script>" }),
      new ProviderFailure("acme", "unsafe_endpoint"),
    ].map((error) => asProviderFailure("acme", error).kind);
    expect(kinds).toEqual(["http_503", "timeout", "unreachable", "unusable_answer", "unsafe_endpoint"]);
  });
});

describe("a circuit", () => {
  it("opens with the first failure, counts failures together as one, and closes with a success", () => {
    const circuit = new Circuit();
    expect([circuit.isOpen, circuit.isFailing, circuit.succeeded()]).toEqual([false, false, false]);
    expect([circuit.failed(), circuit.failed(), circuit.failed()]).toEqual([true, false, false]);
    expect([circuit.isOpen, circuit.isFailing]).toEqual([true, true]);
    expect([circuit.succeeded(), circuit.isOpen, circuit.succeeded()]).toEqual([true, false, false]);
  });
});

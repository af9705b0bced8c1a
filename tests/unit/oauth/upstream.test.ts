import { Buffer } from "node:buffer";
import { afterAll, describe, expect, it, vi } from "vitest";

import { openStore } from "../../../supabase/functions/_oauth/open_store.ts";
import type { ProviderFailure } from "../../../supabase/functions/_oauth/provider_failure.ts";
import { Upstream } from "../../../supabase/functions/_oauth/upstream.ts";
import { ProvidersText } from "../../../supabase/functions/_oauth/setting_texts.ts";
import { newKeyring } from "../../support/oauth.ts";
import { needing } from "../../support/needs.ts";
import { startRedis } from "../../support/redis.ts";

/** Names endpoints of its own choice, and says what it was asked for. */
function startProvider(endpointsOf: (issuer: string) => Record<string, string>) {
  const asked: string[] = [];
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
  }, (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    if (pathname === "/.well-known/openid-configuration") {
      return Response.json({ issuer, response_types_supported: ["code"], ...endpointsOf(issuer) });
    }
    if (pathname === "/moved") return Response.redirect(`${issuer}/elsewhere`, 307);
    return Response.json({ access_token: "a token", token_type: "bearer" });
  });
  const issuer: string = `http://127.0.0.1:${server.addr.port}`;
  afterAll(() => server.shutdown());
  const text = JSON.stringify({
    acme: { issuer, client_id: "an-id", client_secret: "a-client-secret", grants: ["client_credentials"] },
  });
  return { asked, provider: { name: "acme", settings: ProvidersText.parse(text).get("acme")! } };
}

describe("whom a failure is about", () => {
  const failureOf = async (settings: Record<string, unknown>) => {
    const text = JSON.stringify({
      acme: {
        client_id: "an-id",
        client_secret: "a-client-secret",
        grants: ["authorization_code"],
        ...settings,
      },
    });
    const provider = { name: "acme", settings: ProvidersText.parse(text).get("acme")! };
    return await new Upstream(1_000).refresh(provider, "a refresh token").then(
      () => Promise.reject(new Error("A token was given")),
      (failure) => failure as ProviderFailure,
    );
  };

  it("is the provider when it does not say where its endpoints are, whatever it answers in place of that", async () => {
    const { provider } = startProvider(() => ({}));
    const { issuer } = provider.settings;
    for (const path of ["/elsewhere", "/moved"]) {
      const failure = await failureOf({ issuer: `${issuer}${path}` });
      expect(failure.blame({ isAppsOwn: false })).toBe("provider");
    }
  });

  it("is the provider when it cannot be reached", async () => {
    const failure = await failureOf({ issuer: "http://127.0.0.1:9" });
    expect(failure).toMatchObject({ kind: "unreachable" });
    expect(failure.blame({ isAppsOwn: false })).toBe("provider");
  });
});

describe("a provider that leads elsewhere", () => {
  it.each([
    "http://169.254.169.254/token",
    "http://internal.example.com/token",
    "https://user:password@example.com/token",
  ])("is not followed to an endpoint that the settings would not take: %s", async (token_endpoint) => {
    const { provider } = startProvider(() => ({ token_endpoint }));
    await expect(new Upstream(2_000).clientCredentials(provider)).rejects.toMatchObject({
      kind: "unsafe_endpoint",
    });
  });

  it("sends no browser to an address that the settings would not take", async () => {
    for (const authorization_endpoint of ["javascript:alert(1)", "http://internal.example.com/authorize"]) {
      const { provider } = startProvider(() => ({ authorization_endpoint }));
      await expect(new Upstream(2_000).authorize(provider, "https://app.example.com")).rejects.toMatchObject({
        name: "ProviderFailure",
      });
    }
  });

  it("is not followed by a redirect, so that no secret goes where it points", async () => {
    const { provider, asked } = startProvider((issuer) => ({ token_endpoint: `${issuer}/moved` }));
    await expect(new Upstream(2_000).clientCredentials(provider)).rejects.toMatchObject({ kind: "http_307" });
    expect(asked).toEqual(["/.well-known/openid-configuration", "/moved"]);
  });

  it("is followed to its own endpoints, which are looked up once", async () => {
    const { provider, asked } = startProvider((issuer) => ({ token_endpoint: `${issuer}/token` }));
    const upstream = new Upstream(2_000);
    await upstream.clientCredentials(provider);
    expect(await upstream.clientCredentials(provider)).toMatchObject({ access_token: "a token" });
    expect(asked).toEqual(["/.well-known/openid-configuration", "/token", "/token"]);
  });
});

const withRedis = await needing("redis-server");

describe("Entra ID for users of any tenant", () => {
  const ORIGIN = "https://login.microsoftonline.com";
  const TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad";
  const REDIRECT_URI = "https://app.example.com/callback";

  /** Speaks for login.microsoftonline.com, over HTTP on this machine. */
  function startEntra(idTokenIssuer: string) {
    let nonce = "";
    const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => {
        const { pathname } = new URL(request.url);
        if (pathname.endsWith("/.well-known/openid-configuration")) {
          return Response.json({
            issuer: `${ORIGIN}/{tenantid}/v2.0`,
            authorization_endpoint: `${ORIGIN}/organizations/oauth2/v2.0/authorize`,
            token_endpoint: `${ORIGIN}/organizations/oauth2/v2.0/token`,
            jwks_uri: `${ORIGIN}/organizations/discovery/v2.0/keys`,
            response_types_supported: ["code"],
          });
        }
        const nowS = Math.floor(Date.now() / 1_000);
        const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const claims = {
          iss: idTokenIssuer,
          tid: TENANT,
          aud: "an-id",
          sub: "a user",
          nonce,
          iat: nowS,
          exp: nowS + 60,
        };
        const id_token = `${part({ alg: "RS256" })}.${part(claims)}.${part("signature")}`;
        return Response.json({
          access_token: "a token",
          token_type: "Bearer",
          refresh_token: "a refresh token",
          id_token,
        });
      },
    );
    const realFetch = fetch;
    vi.stubGlobal("fetch", (address: URL, init: RequestInit) => {
      const url = new URL(address);
      if (url.origin !== ORIGIN) return realFetch(address, init);
      return realFetch(`http://127.0.0.1:${server.addr.port}${url.pathname}${url.search}`, init);
    });
    return {
      setNonce: (given: string) => nonce = given,
      async stop() {
        vi.unstubAllGlobals();
        await server.shutdown();
      },
    };
  }

  async function connect(idTokenIssuer: string): Promise<unknown> {
    const entra = startEntra(idTokenIssuer);
    try {
      const settings = {
        issuer: `${ORIGIN}/organizations/v2.0`,
        client_id: "an-id",
        client_secret: "a-client-secret",
        grants: ["authorization_code"],
        user_scope: "openid offline_access",
      };
      const text = JSON.stringify({ entra: settings });
      const provider = { name: "entra", settings: ProvidersText.parse(text).get("entra")! };
      const upstream = new Upstream(2_000);
      const { url, secrets } = await upstream.authorize(provider, REDIRECT_URI);
      const state = new URL(url).searchParams.get("state")!;
      entra.setNonce(secrets.nonce);
      return await upstream.exchange(provider, new URL(`${REDIRECT_URI}?code=c&state=${state}`), secrets);
    } finally {
      await entra.stop();
    }
  }

  it("gives a token with the issuer of the user's tenant", async () => {
    expect(await connect(`${ORIGIN}/${TENANT}/v2.0`)).toMatchObject({ access_token: "a token" });
  });

  it("gives none with an issuer that is not of the tenant it names", async () => {
    const another = `${ORIGIN}/00000000-0000-0000-0000-000000000000/v2.0`;
    await expect(connect(another)).rejects.toMatchObject({ kind: "unusable_answer" });
  });
});

describe("TOKEN_STORE_TYPE", () => {
  const settings = {
    REDIS_URL: undefined,
    REDIS_CA_CERTIFICATE: undefined,
    OAUTH_MEMORY_FALLBACK: "none" as const,
  };

  it("chooses the backend, and says what is missing for Redis", withRedis, async () => {
    const redis = await startRedis();
    try {
      const keyring = newKeyring();
      const open = (change: object) =>
        openStore({ ...settings, TOKEN_STORE_TYPE: "redis", ...change }, keyring);
      const store = open({ REDIS_URL: redis.url });
      await store.set("test:key", "a value");
      expect(await open({ REDIS_URL: redis.url }).get("test:key")).toBe("a value");
      expect(store.health().type).toBe("redis");
      await store.disconnect!();
      expect(open({ TOKEN_STORE_TYPE: "memory" }).health().type).toBe("memory");
      expect(open({ TOKEN_STORE_TYPE: "supabase" }).health().type).toBe("supabase");
      expect(() => open({})).toThrow(
        expect.objectContaining({
          code: "internal",
          cause: expect.objectContaining({ message: expect.stringContaining("REDIS_URL is expected") }),
        }),
      );
    } finally {
      await redis.stop();
    }
  });
});

import { afterAll, describe, expect, it } from "vitest";

import { openStore } from "../../../supabase/functions/_oauth/open_store.ts";
import { Upstream } from "../../../supabase/functions/_oauth/upstream.ts";
import { ProvidersText } from "../../../supabase/functions/_shared/oauth_settings.ts";
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

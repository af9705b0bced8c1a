import { describe, expect, it } from "vitest";

import { functionsFolder } from "../../../scripts/local/paths.ts";
import { anonymousClient, connect, stack } from "../../support/stack.ts";
import { openFunctions } from "../support/functions.ts";

const sql = connect({ connections: 1 });

const HOME = "https://app.example.com";
const OTHER = "https://blog.example.org";

const { url: base } = await openFunctions({ AUTH_SITES: `${HOME}, ${OTHER}` }, functionsFolder);

/** Opens a link as a browser does, and stays where it leads. */
async function open(path: string, query: Record<string, string>) {
  const response = await fetch(`${base}/functions/v1/auth/${path}?${new URLSearchParams(query)}`, {
    redirect: "manual",
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    location: response.headers.get("Location"),
    text,
  };
}

const CODE = "0b1b6ae2-3c2f-4f43-a2c6-25a1f0a4f7a1";

describe("auth/callback", () => {
  it("leads on to the site with the code, and what it leads to gets no referrer", async () => {
    const { status, location, headers } = await open("callback", { code: CODE, next: "/welcome?tab=1#top" });
    expect({ status, location }).toEqual({ status: 303, location: `${HOME}/welcome?tab=1&code=${CODE}#top` });
    expect(headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(headers.get("Cache-Control")).toBe("no-store");
  });

  it("passes a failure on", async () => {
    const failure = {
      error: "access_denied",
      error_code: "otp_expired",
      error_description: "Email link is invalid",
    };
    const { location } = await open("callback", failure);
    expect(Object.fromEntries(new URL(location!).searchParams)).toEqual(failure);
  });

  it.each([{}, { code: "a b" }, { code: "x".repeat(201) }, { code: "<script>" }])(
    "refuses %o",
    async (query) => {
      expect(await open("callback", query as Record<string, string>)).toMatchObject({
        status: 400,
        location: null,
      });
    },
  );
});

describe("where a link leads", () => {
  it.each([
    [undefined, `${HOME}/`],
    ["/a/b", `${HOME}/a/b`],
    ["a", `${HOME}/a`],
    ["", `${HOME}/`],
    [`${OTHER}/post`, `${OTHER}/post`],
    [`${HOME}:443/x`, `${HOME}/x`],
    // Each of these would lead elsewhere.
    ["https://evil.example", `${HOME}/`],
    ["//evil.example/x", `${HOME}/`],
    ["/\\evil.example/x", `${HOME}/`],
    ["\\\\evil.example", `${HOME}/`],
    ["/\t/evil.example", `${HOME}/`],
    [`${HOME}.evil.example/`, `${HOME}/`],
    [`${HOME}@evil.example/`, `${HOME}/`],
    ["https://user:word@app.example.com/", `${HOME}/`],
    ["http://app.example.com/", `${HOME}/`],
    [`${HOME}:8443/`, `${HOME}/`],
    ["javascript:alert(1)", `${HOME}/`],
    ["data:text/html,x", `${HOME}/`],
    [`blob:${HOME}/x`, `${HOME}/`],
    ["https://", `${HOME}/`],
  ])("for next=%s is %s", async (next, expected) => {
    const query: Record<string, string> = { code: CODE };
    if (next !== undefined) query.next = next;
    const { location } = await open("callback", query);
    const address = new URL(location!);
    address.searchParams.delete("code");
    expect(address.href).toBe(expected);
  });

  it("is on a listed site also if what is carried tries to be an address, and carries nothing else", async () => {
    const { location } = await open("callback", {
      code: CODE,
      next: "/?code=mine&error=x",
      redirect_to: "https://evil.example",
    });
    expect(location).toBe(`${HOME}/?code=${CODE}&error=x`);
  });
});

describe("auth/confirm", () => {
  it("leads on with the token's hash, and confirms nothing before the site asks for it, once", async () => {
    const client = anonymousClient();
    const email = `${crypto.randomUUID()}@example.com`;
    const { error } = await client.auth.signInWithOtp({ email });
    expect(error).toBeNull();
    const [{ hash, type }] = await sql<[{ hash: string; type: "signup" | "magiclink" }]>`
      select coalesce(nullif(confirmation_token, ''), recovery_token) as hash,
        case when confirmation_token <> '' then 'signup' else 'magiclink' end as type
      from auth.users where email = ${email}`;
    for (const _ of [1, 2, 3]) { // The mail's scanner, then the person.
      const { status, location } = await open("confirm", { token_hash: hash, type, next: "/in" });
      expect({ status, location }).toEqual({
        status: 303,
        location: `${HOME}/in?token_hash=${hash}&type=${type}`,
      });
    }
    const first = await client.auth.verifyOtp({ token_hash: hash, type });
    expect(first).toMatchObject({ error: null, data: { session: { user: { email } } } });
    expect((await client.auth.verifyOtp({ token_hash: hash, type })).error).not.toBeNull();
  });

  it.each([
    { token_hash: "abc" },
    { token_hash: "abc", type: "sms" },
    { token_hash: "a/b", type: "email" },
    { type: "email" },
  ])("refuses %o", async (query) => {
    expect(await open("confirm", query as Record<string, string>)).toMatchObject({
      status: 400,
      location: null,
    });
  });

  it("on the local stack leads to the site of config.toml", async () => {
    const response = await fetch(`${stack.url}/functions/v1/auth/confirm?token_hash=abc&type=email`, {
      redirect: "manual",
    });
    await response.body?.cancel();
    expect(response.headers.get("Location")).toBe("http://127.0.0.1:3000/?token_hash=abc&type=email");
  });
});

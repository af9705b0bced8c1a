import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ExtraFunctions, type Stack, startFunctions, startStack } from "../../scripts/local/stack.ts";
import { newPlace, type Place, signUp, until } from "./helpers.ts";

let place: Place;
let stack: Stack;
let starting: Promise<Stack>;
const aborter = new AbortController();
let sql: postgres.Sql;
let user: { id: string; token: string };
let folder: string;

const FUNCTIONS: Record<string, string> = {
  "show": `export default { fetch: async (request: Request) => Response.json({
    url: request.url, method: request.method, body: await request.text(),
    headers: Object.fromEntries(request.headers), env: Deno.env.toObject(), version: 1,
  }) };`,
  "served": `Deno.serve((request) => new Response("served " + new URL(request.url).pathname));`,
  "socket": `Deno.serve((request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "chat.v2" });
    socket.onmessage = ({ data }) => socket.send("echo " + data);
    return response;
  });`,
  "drip": `export default { fetch: () => {
    let timer = 0;
    return new Response(new ReadableStream({
      start(controller) {
        timer = setInterval(() => controller.enqueue(new TextEncoder().encode("drop\\n")), 50);
      },
      cancel() { clearInterval(timer); console.log("drip cancelled"); },
    }));
  } };`,
  "slow": `declare const EdgeRuntime: { waitUntil(promise: Promise<unknown>): void };
  export default { fetch: async () => {
    EdgeRuntime.waitUntil(new Promise((resolve) => setTimeout(resolve, 900)).then(() => console.log("background done")));
    await new Promise((resolve) => setTimeout(resolve, 600));
    return new Response("slow " + Deno.pid);
  } };`,
  "broken": `import "./missing.ts";`,
  "thrower": `export default { fetch: () => { throw new Error("secret detail"); } };`,
  "_hidden": `export default { fetch: () => new Response("hidden") };`,
};

beforeAll(async () => {
  place = await newPlace();
  folder = join(place.dataDir, "functions");
  for (const [name, text] of Object.entries(FUNCTIONS)) await writeFunction(name, text);
  starting = startStack({
    portBase: place.portBase,
    dataDir: place.dataDir,
    functionsFolder: folder,
    quiet: true,
    fast: true,
    signal: aborter.signal,
  });
  stack = await starting;
  sql = postgres(stack.databaseUrl, { max: 2, onnotice: () => {} });
  user = await signUp(stack.url, stack.publishableKey);
});

afterAll(async () => {
  await sql?.end();
  aborter.abort();
  await starting.then((started) => started.stop(), () => {});
  await place.remove();
});

async function writeFunction(name: string, text: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, "index.ts"), text);
}

function call(path: string, init: RequestInit = {}, token?: string): Promise<Response> {
  return fetch(stack.url + path, {
    ...init,
    headers: {
      apikey: stack.publishableKey,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...init.headers,
    },
  });
}

async function json(response: Response): Promise<Record<string, unknown>> {
  return { status: response.status, ...await response.json() };
}

/** What the function "show" received. */
async function shown(path: string, init: RequestInit = {}, token?: string) {
  return await (await call(`/functions/v1/show${path}`, init, token)).json();
}

describe("the gateway", () => {
  test("shows functions a user's token as ES256 of the published key set, with the same claims", async () => {
    const { headers } = await shown("", {}, user.token);
    const token = headers.authorization.slice("Bearer ".length);
    const keys = await (await fetch(`${stack.url}/auth/v1/.well-known/jwks.json`)).json();
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: "ES256", kid: keys.keys[0].kid });
    expect(keys.keys[0]).not.toHaveProperty("d");
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
      issuer: `${stack.url}/auth/v1`,
      audience: "authenticated",
    });
    expect(payload).toMatchObject({ sub: user.id, role: "authenticated" });
    expect((await shown("", {}, user.token)).headers.authorization).toBe(headers.authorization);
  });

  test("takes that token back at Auth and REST", async () => {
    const { headers } = await shown("", {}, user.token);
    const exchanged = headers.authorization.slice("Bearer ".length);
    expect(await json(await call("/auth/v1/user", {}, exchanged))).toMatchObject({
      status: 200,
      id: user.id,
    });
  });

  test("leaves a forged token as it is, so that each service refuses it itself", async () => {
    const forged = `${user.token.slice(0, -4)}AAAA`;
    expect((await shown("", {}, forged)).headers.authorization).toBe(`Bearer ${forged}`);
    expect((await call("/auth/v1/user", {}, forged)).status).toBe(403);
  });

  test("does not accept a signed Storage URL as a user's token", async () => {
    const admin = createClient(stack.url, stack.secretKey);
    await admin.storage.createBucket("addresses", { public: false });
    await admin.storage.from("addresses").upload(user.id, new Blob(["x"]));
    const { data } = await admin.storage.from("addresses").createSignedUrl(user.id, 60);
    const token = new URL(data!.signedUrl).searchParams.get("token")!;
    expect((await shown("", {}, token)).headers.authorization).toBe(`Bearer ${token}`);
    expect((await call("/rest/v1/token_balances", {}, token)).status).toBe(401);
    expect((await fetch(data!.signedUrl)).status).toBe(200);
  });

  test.each(["/rest/v1/", "/rest/v1/token_balances", "/auth/v1/user", "/auth/v1/token"])(
    "refuses %s without an API key, whatever is in Authorization",
    async (path) => {
      for (const authorization of [undefined, `Bearer ${stack.secretKey}`]) {
        const response = await fetch(stack.url + path, { headers: authorization ? { authorization } : {} });
        expect(await json(response)).toMatchObject({ status: 401, message: "No API key found in request" });
      }
    },
  );

  test("gives no more rights to a caller with the secret key only in Authorization", async () => {
    await sql`create table public.secrets_of_test (id int primary key)`;
    await sql`grant select on public.secrets_of_test to service_role`;
    const asService = async () => {
      const response = await call("/rest/v1/secrets_of_test", { headers: { apikey: stack.secretKey } });
      return [response.status, await response.json()];
    };
    await expect.poll(asService, { timeout: 10_000 }).toEqual([200, []]); // REST learns of a new table after a moment.
    expect((await call("/rest/v1/secrets_of_test", {}, stack.secretKey)).status).toBe(401);
  });

  test("cannot be bypassed at lite's own port", async () => {
    const response = await fetch(`http://127.0.0.1:${stack.ports.lite}/rest/v1/token_balances`, {
      headers: { apikey: stack.secretKey },
    });
    expect(response.status).toBe(403);
    await response.body?.cancel();
  });

  test("answers unknown paths with 404 in JSON", async () => {
    const response = await call("/nothing/here");
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await json(response)).toMatchObject({ status: 404, error: "not_found" });
  });

  test("passes on bodies, paths and queries, and the caller's identity", async () => {
    const seen = await shown("/deeper/path?a=1&b=%20", {
      method: "POST",
      body: "ü".repeat(100_000),
      headers: { "x-forwarded-for": "6.6.6.6" },
    });
    expect(seen.url).toBe(`${stack.url}/show/deeper/path?a=1&b=%20`);
    expect(seen.body).toBe("ü".repeat(100_000));
    expect(seen.headers["x-forwarded-for"]).toBe("127.0.0.1");
  });

  test("streams an answer as it comes, and tells the function when the client hangs up", async () => {
    const extra = await startExtra();
    const aborter = new AbortController();
    const response = await fetch(`${extra.url}/functions/v1/drip`, { signal: aborter.signal });
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain("drop");
    aborter.abort();
    await until("the function sees it", () => extra.log.includes("drip cancelled"), 5_000);
    await extra.stop();
  });

  test("passes a WebSocket through in both directions, with its subprotocol", async () => {
    const socket = new WebSocket(`${stack.url.replace("http", "ws")}/functions/v1/socket`, [
      "chat.v1",
      "chat.v2",
    ]);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    expect(socket.protocol).toBe("chat.v2");
    const answer = new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data));
    socket.send("hello");
    expect(await answer).toBe("echo hello");
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  });
});

describe("functions", () => {
  test("get the environment of hosted ones, and the demo model", async () => {
    const { env } = await shown("");
    expect(env).toMatchObject({
      SUPABASE_URL: stack.url,
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: stack.publishableKey }),
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: stack.secretKey }),
      SUPABASE_DB_URL: stack.databaseUrl,
      AI_TEXT_MODEL: "demo-text",
    });
    expect(JSON.parse(env.SUPABASE_JWKS).keys[0]).not.toHaveProperty("d");
  });

  test("may use Deno.serve instead of a default export", async () => {
    expect(await (await call("/functions/v1/served/x")).text()).toBe("served /served/x");
  });

  test.each(["unknown", "_hidden", ".git", "..%2f..", ""])("named %j are not found", async (name) => {
    expect(await json(await call(`/functions/v1/${name}`))).toMatchObject({
      status: 404,
      error: "not_found",
    });
  });

  test("that cannot be loaded or throw answer 500 without the cause, and leave the others alone", async () => {
    for (const name of ["broken", "thrower"]) {
      const response = await call(`/functions/v1/${name}`);
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      const body = await json(response);
      expect(body).toMatchObject({ status: 500, error: "internal", request_id: expect.any(String) });
      expect(JSON.stringify(body)).not.toMatch(/secret detail|missing/);
    }
    expect(await (await call("/functions/v1/served")).text()).toBe("served /served");
  });

  test("are reloaded when a file changes, after running requests are answered", async () => {
    const pid = stack.functionsPid;
    const underWay = call("/functions/v1/slow");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await writeFunction("show", FUNCTIONS.show!.replace("version: 1", "version: 2"));
    expect(await (await underWay).text()).toBe(`slow ${pid}`);
    await until("the new version answers", async () => (await shown("")).version === 2, 5_000);
    expect(stack.functionsPid).not.toBe(pid);
    await until("the work left behind is done", async () => {
      return (await Deno.readTextFile(join(place.dataDir, "logs", "functions.log"))).includes(
        "background done",
      );
    }, 5_000);
  });

  test("that die are restarted, and requests wait for that", async () => {
    const pid = stack.functionsPid!;
    Deno.kill(pid, "SIGKILL");
    expect((await call("/functions/v1/served")).status).toBe(200);
    expect(stack.functionsPid).not.toBe(pid);
  });

  test("run beside the stack's own with another environment, and answer 503 once killed", async () => {
    const extra = await startExtra({ AI_TEXT_MODEL: "demo-fail-500" });
    const url = `${extra.url}/functions/v1/show`;
    const seen = await (await fetch(url, { headers: { authorization: `Bearer ${user.token}` } })).json();
    expect(seen.env.AI_TEXT_MODEL).toBe("demo-fail-500");
    expect(decodeProtectedHeader(seen.headers.authorization.slice("Bearer ".length)).alg).toBe("ES256");
    await extra.kill();
    const response = await fetch(url);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await json(response)).toMatchObject({ status: 503, error: "service_unavailable" });
    await extra.stop();
  }, 20_000);
});

describe("the database", () => {
  test("has the roles of a hosted project, and postgres is no superuser", async () => {
    const roles =
      await sql`select rolname, rolsuper, rolbypassrls from pg_roles where rolname !~ '^pg_' order by 1`;
    const bypassing = roles.filter((role) => role.rolbypassrls).map((role) => role.rolname);
    expect(bypassing).toEqual(["postgres", "service_role", "supabase_admin"]);
    expect(roles.filter((role) => role.rolsuper).map((role) => role.rolname)).toEqual(["supabase_admin"]);
  });

  test("listens on 127.0.0.1 with a password only", async () => {
    const stranger = postgres(stack.databaseUrl.replace(/:[^:@]+@/, ":wrong@"), { max: 1 });
    await expect(stranger`select 1`).rejects.toThrow(/password authentication failed/);
    await stranger.end();
    expect(await sql`select setting from pg_settings where name = 'listen_addresses'`).toEqual([
      { setting: "127.0.0.1" },
    ]);
  });

  test("keeps the rights that migrations gave, after requests came in", async () => {
    await sql`create table public.closed (id int primary key)`;
    await sql`alter table public.closed enable row level security`;
    await sql`revoke all on public.closed from anon, authenticated, service_role`;
    await until("REST knows the table", async () => (await call("/rest/v1/closed")).status !== 404, 5_000);
    for (const apikey of [stack.publishableKey, stack.secretKey]) {
      expect([401, 403]).toContain((await call("/rest/v1/closed", { headers: { apikey } })).status);
    }
  });

  test("gives policies and functions the caller's identity, and accepts and returns jsonb", async () => {
    await sql.unsafe(`
      create table public.notes (owner uuid not null default auth.uid(), body jsonb);
      alter table public.notes enable row level security;
      create policy "own notes" on public.notes to authenticated using ((select auth.uid()) = owner);
      grant select, insert on public.notes to authenticated, service_role;
      create function public.who(p_data jsonb) returns jsonb language sql as
        $$ select jsonb_build_object('user', auth.uid(), 'role', current_user, 'type', jsonb_typeof(p_data)) $$;
      create function public.refuse() returns void language plpgsql as
        $$ begin raise exception 'no' using detail = 'because', hint = 'ask'; end $$;
      grant execute on function public.who, public.refuse to authenticated;`);
    const client = createClient(stack.url, stack.publishableKey, {
      accessToken: () => Promise.resolve(user.token),
    });
    await until("REST knows the function", async () => {
      return (await client.rpc("who", { p_data: {} })).status === 200;
    }, 5_000);
    expect((await client.rpc("who", { p_data: { a: [1] } })).data).toEqual({
      user: user.id,
      role: "authenticated",
      type: "object",
    });
    expect((await client.rpc("refuse")).error).toMatchObject({
      code: "P0001",
      message: "no",
      details: "because",
      hint: "ask",
    });
    expect((await client.from("notes").insert({ body: { a: 1 } }).select()).data).toEqual([
      { owner: user.id, body: { a: 1 } },
    ]);
    const stranger = await signUp(stack.url, stack.publishableKey);
    expect(await (await call("/rest/v1/notes", {}, stranger.token)).json()).toEqual([]);
  });

  test("decides by policies who reads and writes files", async () => {
    await sql.unsafe(`
      insert into storage.buckets (id, name, public) values ('plates', 'plates', false);
      create policy "own plates" on storage.objects to authenticated
        using (bucket_id = 'plates' and (storage.foldername(name))[1] = (select auth.uid())::text)
        with check (bucket_id = 'plates' and (storage.foldername(name))[1] = (select auth.uid())::text);`);
    const own = createClient(stack.url, stack.publishableKey, {
      accessToken: () => Promise.resolve(user.token),
    });
    const anyone = createClient(stack.url, stack.publishableKey);
    const path = `${user.id}/plate.txt`;
    expect((await own.storage.from("plates").upload(path, new Blob(["soup"], { type: "text/plain" }))).error)
      .toBeNull();
    expect((await own.storage.from("plates").upload("other/plate.txt", new Blob(["soup"]))).error).not
      .toBeNull();
    expect(await (await own.storage.from("plates").download(path)).data!.text()).toBe("soup");
    expect((await anyone.storage.from("plates").download(path)).error).not.toBeNull();
  });
});

describe("the Studio", () => {
  test("opens by its address only, and keeps a cookie that scripts cannot read", async () => {
    const base = `http://127.0.0.1:${stack.ports.studio}`;
    expect((await fetch(`${base}/`)).status).toBe(403);
    expect((await fetch(`${base}/?token=wrong`)).status).toBe(403);
    const opened = await fetch(stack.studioUrl, { redirect: "manual" });
    expect(opened.status).toBe(302);
    const cookie = opened.headers.get("set-cookie")!;
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    const headers = { cookie: cookie.split(";")[0]! };
    const page = await (await fetch(`${base}/`, { headers })).text();
    for (const [, path] of page.matchAll(/(?:src|href)="(\/static\/[^"]+\.(?:js|css))"/g)) {
      expect((await fetch(base + path, { headers })).headers.get("content-type")).toMatch(/javascript|css/);
    }
    expect((await fetch(`${base}/rest/v1/token_balances`, { headers })).status).toBe(200);
    expect((await fetch(`${base}/rest/v1/token_balances`)).status).toBe(403);
    for (
      const foreign of [{ origin: "http://127.0.0.1:3000" }, { "sec-fetch-site": "same-site" }] as Record<
        string,
        string
      >[]
    ) {
      expect((await fetch(`${base}/rest/v1/token_balances`, { headers: { ...headers, ...foreign } })).status)
        .toBe(403);
    }
  });

  test("answers under its own host name only", async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: stack.ports.studio });
    await connection.write(
      new TextEncoder().encode("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
    );
    const buffer = new Uint8Array(1024);
    const length = await connection.read(buffer);
    connection.close();
    expect(new TextDecoder().decode(buffer.subarray(0, length!))).toContain(" 403 ");
  });
});

describe("the schedule", () => {
  test("runs the jobs of the list: functions of SQL, and Edge Functions with the secret key", async () => {
    await sql`
      insert into private.jobs (name, description, schedule, kind, command, timeout_ms, overdue_after)
      values ('test_job', 'Asks a function', '* * * * *', 'http', 'served/by-schedule', 10000, '1 hour')`;
    // As if they had been due since yesterday.
    await sql`
      update private.jobs set created_at = now() - interval '1 day'
      where name in ('test_job', 'cleanup_rate_limits')`;
    await until("both jobs are done", async () => {
      const rows = await sql`
        select from public.job_status where state = 'succeeded' and name in ('test_job', 'cleanup_rate_limits')`;
      return rows.length === 2;
    });
    await sql`delete from private.jobs where name = 'test_job'`;
  });
});

function startExtra(env: Record<string, string> = {}): Promise<ExtraFunctions> {
  return startFunctions({ env, folder, portBase: place.portBase, dataDir: place.dataDir });
}

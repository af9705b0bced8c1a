import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { functionsFolder, projectFolder } from "../../scripts/local/paths.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { open } from "../../supabase/functions/_shared/security/envelope.ts";
import { eventually } from "../http/support/calls.ts";
import { openFunctions } from "../http/support/functions.ts";
import { needing } from "../support/needs.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { connect, stack } from "../support/stack.ts";
import {
  inSeconds,
  jwt,
  keyringOf,
  newKeyText,
  newSourceName,
  newTrader,
  openClient,
  type RedisClient,
} from "../support/vault.ts";

const withRedis = await needing("redis-server");

const sql = connect({ connections: 2 });
const sourceName = newSourceName();
const [oldKey, newKey] = [newKeyText("cli-old"), newKeyText("cli-new")].map((key) =>
  key.replace(":", `-${crypto.randomUUID().slice(0, 8)}:`)
) as [string, string];
const [account, over] = [`PAAPEX${newTrader()}0000001`, `APEX_${newTrader()}`];
const token = jwt({ exp: inSeconds(3_600) });

let redis: TestRedis;
let client: RedisClient;
let functions: ExtraFunctions;

beforeAll(async () => {
  redis = await startRedis();
  client = await openClient(redis.url);
  functions = await openFunctions({
    REDIS_URL: redis.url,
    VAULT_SOURCE: sourceName,
    TOKEN_ENCRYPTION_KEYS: oldKey,
  }, functionsFolder);
  await client.set(`token:${account}`, token, { EX: 3_600 });
  await client.set(`token:${over}`, jwt({ exp: inSeconds(-60) }));
  await client.set("token:NONE", "login failed");
});

afterAll(async () => {
  client?.destroy();
  await redis?.stop();
  await sql`delete from public.tradovate_tokens where source = ${sourceName}`;
  await sql`delete from private.token_rejections where source = ${sourceName}`;
  await sql`delete from private.token_syncs where source = ${sourceName}`;
});

function start(args: string[], environment: Record<string, string>) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(projectFolder, "scripts", "tokens.ts"), ...args],
    cwd: projectFolder,
    env: { SUPABASE_URL: functions.url, SUPABASE_SECRET_KEY: stack.secretKey, NO_COLOR: "1", ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs `deno task tokens` with these words. */
async function run(args: string[], environment: Record<string, string> = {}) {
  const { code, stdout, stderr } = await start(args, environment).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, printed: text(stdout), complained: text(stderr) };
}

describe("deno task tokens", withRedis, () => {
  it("syncs, shows the status, gives a token out and cleans up, for people and as JSON", async () => {
    const before = await run(["status", "--check", "--json"]);
    expect({ code: before.code, complained: before.complained }).toEqual({ code: 5, complained: "" });
    expect(JSON.parse(before.printed)).toMatchObject({ sync_needed: true, redis: { keys: 3 } });

    const synced = await run(["sync"]);
    expect({ code: synced.code, complained: synced.complained }).toEqual({ code: 0, complained: "" });
    expect(synced.printed).toContain("Sync successful: synced 2 tokens from Redis");
    expect(synced.printed).toContain(`   • ${account}`);

    const [status, given, raw] = [
      await run(["status", "--check"]),
      await run(["get", account]),
      await run([
        ...["get", account, "--token"],
      ]),
    ];
    expect(status.code).toBe(0);
    expect(status.printed).toMatch(new RegExp(`\\n   ${account} +APEX_\\d+ +20..-..-.. ..:..:.. UTC`));
    expect(status.printed).toMatch(/\n {3}NONE +not_a_token +20.* neither a JWT nor JSON/);
    expect(status.printed).not.toContain(token);
    expect(given.printed).toContain(`   Token:        ${token}`);
    expect(raw.printed).toBe(`${token}\n`);
    expect(await run(["cleanup"])).toMatchObject({
      code: 0,
      printed: expect.stringMatching(/^Cleaned up \d+ expired tokens\n$/),
    });
  });

  it("ends with a code of its own for no token, one that is over, wrong usage and no project", async () => {
    expect(await run(["get", "NOBODY"])).toMatchObject({
      code: 3,
      printed: "",
      complained: expect.stringContaining("There is no token of NOBODY (not_found"),
    });
    expect(await run(["get", over])).toMatchObject({
      code: 4,
      complained: expect.stringContaining("expired at"),
    });
    expect(await run(["get"])).toMatchObject({
      code: 2,
      complained: expect.stringContaining("deno task tokens get <account>"),
    });
    expect(await run(["sync"], { SUPABASE_URL: "http://127.0.0.1:1" })).toMatchObject({
      code: 1,
      complained: expect.stringContaining("http://127.0.0.1:1 does not answer"),
    });
  });

  it("rotates the key, and reads go on with the new one", async () => {
    const rotated = await run(["rotate-key", "--json"], {
      SUPABASE_URL: stack.url,
      TOKEN_ENCRYPTION_KEYS: `${newKey},${oldKey}`,
    });
    // Tokens of other tests have keys that are not given here: they are reported and left.
    expect(JSON.parse(rotated.printed).rotated).toBe(2);
    const rows =
      await sql`select account_name, access_token from public.tradovate_tokens where source = ${sourceName}`;
    for (const row of rows) {
      expect(await open(keyringOf(newKey), row.access_token, row.account_name)).toMatch(/^eyJ/);
    }
    expect((await run(["get", account])).complained).toContain(newKey.split(":")[0]);
    expect(await run(["rotate-key"], { SUPABASE_URL: stack.url, TOKEN_ENCRYPTION_KEYS: "short:AAAA" }))
      .toMatchObject({
        code: 2,
        complained: expect.stringContaining("Expected id:key with 32 bytes in base64"),
      });
  });

  it("watches until it is interrupted", async () => {
    const child = start(["watch", "--every", "1"], {});
    let printed = "";
    const reading = (async () => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) printed += text;
    })();
    await eventually("two syncs", () => printed.split("unchanged").length > 2);
    child.kill("SIGINT");
    await reading;
    await child.stderr.cancel();
    expect((await child.status).code).toBe(0);
  });
});

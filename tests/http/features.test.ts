import { parse } from "@std/toml";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { functionsFolder } from "../../scripts/local/paths.ts";
import { checkPrice, cost } from "../../supabase/functions/_shared/ledger/price.ts";
import { openAccounts } from "./support/accounts.ts";
import { bodiesOf } from "./support/bodies.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";
import { callForEvents, expectWhole } from "./support/events.ts";
import { openFunctions } from "./support/functions.ts";
import {
  configText,
  endpoints,
  functionNames,
  isFeature,
  isRealtime,
  sources,
} from "./support/functions_folder.ts";

const PLENTY = 100_000;
const config = parse(configText) as { functions: Record<string, Record<string, unknown>> };
const features = await Promise.all(
  endpoints.flatMap((one) =>
    isFeature(one) ? [bodiesOf(one.name).then((bodies) => [one.name, one, bodies] as const)] : []
  ),
);

const { newUser, accountOf, expectUntouched } = openAccounts();
let failing: ExtraFunctions;

beforeAll(async () => {
  const model = "demo-fail-500";
  failing = await openFunctions(
    {
      AI_TEXT_MODEL: model,
      AI_VISION_MODEL: model,
      AI_IMAGE_MODEL: model,
      AI_TRANSCRIBE_MODEL: model,
      AI_SPEECH_MODEL: model,
    },
    functionsFolder,
  );
});

describe("the folders of supabase/functions", () => {
  it("are there at all, features among them", () => {
    expect(functionNames.length).toBeGreaterThan(4);
    expect(features.length).toBeGreaterThan(3);
  });

  it("each have a block in supabase/config.toml, and no block is without a folder", () => {
    expect(Object.keys(config.functions).toSorted()).toEqual(functionNames);
  });

  it("have names that fit in a URL, a ledger and a config block", () => {
    for (const name of functionNames) expect(name).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
  });

  it("each have an index.ts, and nothing else is served", () => {
    const entries = sources.map(({ path }) => path).filter((path) => path.endsWith("/index.ts"));
    expect(entries).toEqual(functionNames.map((name) => `${name}/index.ts`));
  });
});

describe.each(functionNames)("the function %s", (name) => {
  it("is declared in config.toml with the one list of dependencies, and checks its callers itself", () => {
    expect(config.functions[name]).toEqual({ enabled: true, verify_jwt: false, import_map: "../deno.json" });
  });

  it("has endpoints with its name", () => {
    expect(endpoints.filter((one) => one.name.split("/")[0] === name).length).toBeGreaterThan(0);
  });
});

describe.each(endpoints)("the endpoint $name", ({ name, auth, method, input, fetch }) => {
  it("declares who may call it, how and with what", () => {
    expect(["user", "publishable", "secret", "none"]).toEqual(expect.arrayContaining([auth].flat()));
    expect(["GET", "POST"]).toContain(method);
    expect(input).toBeInstanceOf(z.ZodType);
    expect(fetch).toBeTypeOf("function");
  });

  it("refuses callers without a credential", async () => {
    if ([auth].flat().includes("none")) return;
    const answer = await call(name, {
      method,
      body: method === "GET" ? undefined : {},
      headers: { apikey: undefined },
    });
    expectRefusal(answer, 401, "unauthorized");
  });
});

describe.each(features)("the feature %s", (name, feature, bodies) => {
  it("has a whole price, schemas, and users for callers (mistake 13)", () => {
    expect(() => checkPrice(name, feature.price)).not.toThrow();
    expect(feature.input).toBeInstanceOf(z.ZodType);
    expect(feature.output).toBeInstanceOf(z.ZodType);
    expect({ auth: feature.auth, method: feature.method }).toEqual({ auth: "user", method: "POST" });
  });

  it("answers its sample according to its schema, and its charge matches the ledger (mistakes 9, 24)", async () => {
    const user = await newUser(PLENTY);
    const answer = await call(name, { user, body: bodies.sample });
    const { requestId, charged, balance } = expectCharged(answer);
    expect(feature.output.parse(answer.body.data)).toEqual(answer.body.data);
    expect(Object.keys(answer.body).toSorted()).toEqual(["data", "usage"]);
    expect(answer.body.usage.model).toMatch(/^demo/);

    expect(charged).toBeGreaterThan(0);
    const account = await accountOf(user);
    expect(account).toMatchObject({ balance, held: 0, anomalies: [] });
    expect(balance).toBe(PLENTY - charged);
    expect(account.charges).toMatchObject([
      { charged, balance_after: balance, operation_type: name, request_id: requestId },
    ]);
    const { price, usage, model } = account.charges[0]!.metadata;
    expect({ price, model }).toEqual({ price: feature.price, model: answer.body.usage.model });
    expect(cost(feature.price, usage)).toBe(charged);
    const [lock] = account.locks.filter(({ request_id }) => request_id === requestId);
    expect(lock).toMatchObject({ status: "settled", charged });
    expect(charged).toBeLessThanOrEqual(lock!.amount);
  });

  it("answers the largest accepted body, within its hold", async () => {
    const user = await newUser(PLENTY);
    const answer = await call(name, { user, body: bodies.largest ?? bodies.sample });
    const { requestId, charged } = expectCharged(answer);
    const { locks, anomalies } = await accountOf(user);
    expect(anomalies).toEqual([]);
    expect(charged).toBeLessThanOrEqual(locks.find(({ request_id }) => request_id === requestId)!.amount);
  });

  it("replays the answer to the same key, byte for byte (mistake 4)", async () => {
    const user = await newUser(PLENTY);
    const key = crypto.randomUUID();
    const first = await call(name, { user, key, body: bodies.sample });
    const { balance } = expectCharged(first);
    const replay = await call(name, { user, key, body: bodies.sample });
    expect(replay.status).toBe(200);
    expect(replay.text).toBe(first.text);
    expect(replay.headers.get("Idempotent-Replayed")).toBe("true");
    expect((await accountOf(user)).balance).toBe(balance);
  });

  it("streams the same to a client that accepts events, charged once", async () => {
    const user = await newUser(PLENTY);
    const answer = await callForEvents(name, { user, body: bodies.sample });
    expect(answer.status).toBe(200);
    const { data, usage } = expectWhole(await answer.rest()).body;
    expect(feature.output.parse(data)).toEqual(data);
    const { balance, held, charges, anomalies } = await accountOf(user);
    expect({ balance, held, anomalies }).toEqual({ balance: PLENTY - usage.charged, held: 0, anomalies: [] });
    expect(charges).toMatchObject([
      { charged: usage.charged, balance_after: usage.balance, request_id: usage.request_id },
    ]);
  });

  it("refuses a body that does not fit, uncharged", async () => {
    const user = await newUser(PLENTY);
    for (const body of [[], null, "soup", { [Object.keys(bodies.sample)[0]!]: { not: "this" } }]) {
      const answer = await call(name, { user, body: JSON.stringify(body) });
      expectRefusal(answer, 400, "invalid_request");
      expect(answer.body.details.length).toBeGreaterThan(0);
    }
    await expectUntouched(user, PLENTY);
  });

  it("refuses a user without tokens, and states how many are required (mistake 10)", async () => {
    const user = await newUser();
    const answer = await call(name, { user, body: bodies.sample });
    expectRefusal(answer, 402, "insufficient_tokens");
    expect(answer.body.details).toEqual({ required: expect.any(Number), available: 0 });
    expect(answer.body.details.required).toBeGreaterThan(0);
  });

  it("charges nothing when the provider fails", async () => {
    const user = await newUser(PLENTY);
    const answer = await call(name, { base: failing.url, user, body: bodies.sample });
    expectRefusal(answer, 502, "provider_error");
    await expectUntouched(user, PLENTY);
  });

  it("imports what a feature may: the declaration, inputs, a domain and zod; no database, environment or vendor", () => {
    const own = sources.filter(({ path }) => path.startsWith(`${name}/`));
    for (const { imports, text, path } of own) {
      for (const target of imports) {
        const isAllowed = target === "zod" || target.startsWith(`${name}/`) ||
          /^_shared\/(feature|inputs|feature\/drafts|ledger\/price|media\/audio|models\/answer_bounds|platform\/errors)\.ts$/
            .test(target) ||
          (/^_[a-z_]+\//.test(target) && !target.startsWith("_shared/"));
        expect({ path, target, isAllowed }).toEqual({ path, target, isAllowed: true });
      }
      const withoutTypes = text.replaceAll("Deno.ServeDefaultExport", "");
      expect(withoutTypes).not.toMatch(/\bDeno\b|\bfetch\s*\(|\bprocess\.|\bcrypto\b|\bglobalThis\b/);
    }
  });
});

describe.each(endpoints.filter(isRealtime))(
  "the conversation $name",
  ({ name, price, auth, method }) => {
    it("has a whole price, users for callers, and imports the declaration, inputs, domains and zod alone", () => {
      expect(() => checkPrice(name, price!)).not.toThrow();
      expect({ auth, method }).toEqual({ auth: "user", method: "GET" });
      for (const { imports, path } of sources.filter((one) => one.path.startsWith(`${name}/`))) {
        for (const target of imports) {
          const isAllowed = target === "zod" || target.startsWith(`${name}/`) ||
            /^_shared\/(realtime\/realtime|inputs|platform\/errors|ledger\/price)\.ts$/.test(target) ||
            (/^_[a-z_]+\//.test(target) && !target.startsWith("_shared/"));
          expect({ path, target, isAllowed }).toEqual({ path, target, isAllowed: true });
        }
      }
    });
  },
);

describe("the layout of supabase/functions", () => {
  const withoutTypes = (text: string) => text.replaceAll("Deno.ServeDefaultExport", "");

  it("reads the environment in _shared/platform/env.ts alone", () => {
    const readers = sources.filter(({ text }) =>
      /\bDeno\s*(\.|\[\s*["'])\s*env\b|\bprocess\.env\b/.test(text)
    );
    expect(readers.map(({ path }) => path)).toEqual(["_shared/platform/env.ts"]);
  });

  it("uses nothing else of Deno but an upgrade and a connection with TLS, so that it runs wherever Edge Functions do", () => {
    const allowed: Record<string, string[]> = {
      "_shared/http/websocket.ts": ["Deno.upgradeWebSocket"],
      "_shared/http/pinned_request.ts": ["Deno.connect", "Deno.startTls"],
    };
    for (const { path, text } of sources) {
      if (path === "_shared/platform/env.ts") continue;
      const uses = withoutTypes(text).match(/\bDeno\.\w+/g);
      expect({ path, uses }).toEqual({ path, uses: allowed[path] ?? null });
    }
  });

  it("lets _shared import only _shared, and domains import no function", () => {
    for (const { path, imports } of sources) {
      for (const target of imports.filter((one) => one.endsWith(".ts"))) {
        const [from, to] = [path.split("/")[0]!, target.split("/")[0]!];
        const isOneModule = [from, to].every((folder) => ["_oauth", "_vault"].includes(folder));
        const isAllowed = from === to || isOneModule || to === "_shared" ||
          (!from.startsWith("_") && to.startsWith("_"));
        expect({ path, target, isAllowed: isAllowed && !(from === "_shared" && to !== "_shared") })
          .toEqual({ path, target, isAllowed: true });
      }
    }
  });

  it("has imports that exist and never lead in a circle", () => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const done = new Set<string>();
    const visit = (path: string, way: string[]) => {
      if (way.includes(path)) throw new Error(`Imports in a circle: ${[...way, path].join(" → ")}`);
      if (done.has(path)) return;
      const source = byPath.get(path);
      if (!source) throw new Error(`${way.at(-1)} imports ${path}, which does not exist`);
      for (const target of source.imports.filter((one) => one.endsWith(".ts"))) visit(target, [...way, path]);
      done.add(path);
    };
    for (const { path } of sources) visit(path, []);
  });

  it("imports packages by the names of deno.json, without versions or addresses of their own", async () => {
    const { imports } = JSON.parse(await Deno.readTextFile("deno.json"));
    for (const { path, imports: targets } of sources) {
      for (const target of targets.filter((one) => !one.endsWith(".ts"))) {
        const isListed = Object.keys(imports).some((name) =>
          target === name || target.startsWith(`${name}/`)
        ) ||
          target.startsWith("node:");
        expect({ path, target, isListed }).toEqual({ path, target, isListed: true });
      }
    }
  });

  it("leaves the charging to feature.ts: no other function holds, settles or grants (mistakes 9, 26)", () => {
    const callers = sources.filter(({ path, imports }) =>
      imports.includes("_shared/tokenMiddleware.ts") && !path.startsWith("_shared/")
    );
    expect(callers.map(({ path }) => path)).toEqual([]);
    for (const { path, text } of sources) {
      const writes = text.match(/from\(\s*["'`]token_\w+["'`]\s*\)\s*\.\s*(insert|update|upsert|delete)/g);
      expect({ path, writes }).toEqual({ path, writes: null });
    }
  });
});

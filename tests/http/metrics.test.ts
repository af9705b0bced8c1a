import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { PREFIX } from "../../supabase/functions/_metrics/exposition.ts";
import { readMetricCatalog } from "../support/metric_catalog.ts";
import { type Family, readExposition, valueOf } from "../support/exposition.ts";
import { connect, serviceClient, type SignedInUser, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { type Answer, call, eventually } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";
import { type LedgerProxy, openLedgerProxy } from "./support/ledger_proxy.ts";
import { openSwitchboard } from "./support/model_switchboard.ts";

const FUNCTION = "metered";
/** The process's model name, which distinguishes its calls from those of other tests. */
const MODEL = "metered-model";
const AT_ONCE = 16;

const sql = connect({ connections: 2 });
const accounts = openAccounts();
const switchboard = openSwitchboard();
let proxy: LedgerProxy;
let functions: ExtraFunctions;
/** The same, with the proxy between it and the project. */
let proxied: ExtraFunctions;

beforeAll(async () => {
  switchboard.connect("metered-good", "demo-text");
  switchboard.connect("metered-bad", "demo-fail-401");
  proxy = await openLedgerProxy();
  const env = { AI_BASE_URL: switchboard.baseUrl, AI_TEXT_MODEL: MODEL, METRICS_FLUSH_MS: "300" };
  [functions, proxied] = await Promise.all([
    openFunctions(env),
    openFunctions({ ...env, TEST_SUPABASE_URL: proxy.url }),
  ]);
});

async function scrape(headers: Record<string, string> = {}): Promise<Answer> {
  return await call("metrics", {
    method: "GET",
    headers: { apikey: stack.secretKey, "Content-Type": undefined, ...headers },
  });
}

async function metrics(): Promise<Map<string, Family>> {
  const { status, text } = await scrape();
  expect(status, text).toBe(200);
  return readExposition(text);
}

/** The increase of the function's metrics. */
function growth(before: Map<string, Family>, after: Map<string, Family>) {
  return (name: string, labels: Record<string, string>) =>
    Number(valueOf(after, name, labels) ?? 0) - Number(valueOf(before, name, labels) ?? 0);
}

interface Planned {
  user: SignedInUser;
  body: unknown;
  key: string;
}

async function run(calls: Planned[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < calls.length) {
      const index = next++;
      const { user, body, key } = calls[index]!;
      answers[index] = await call(FUNCTION, { base: functions.url, user, body, key });
    }
  }));
  return answers;
}

const countBy = <Item>(items: Item[], key: (item: Item) => unknown) =>
  Object.fromEntries(
    [...Map.groupBy(items, (item) => String(key(item)))].map(([name, of]) => [name, of.length]),
  );

describe("the metrics of a run of 1,000 requests", () => {
  it("match the ledger and the responses, to the token", async () => {
    const users = await Promise.all(Array.from({ length: 8 }, () => accounts.newUser(100_000)));
    const poor = await accounts.newUser(1);
    const plan = (count: number, make: (index: number) => Partial<Planned>): Planned[] =>
      Array.from({ length: count }, (_, index) => ({
        user: users[index % users.length]!,
        // One in five asks the model, as that is most of a request's time.
        body: { text: `metered-good ${crypto.randomUUID()}`, asks: index % 5 === 0 },
        key: crypto.randomUUID(),
        ...make(index),
      }));
    const good = plan(870, () => ({}));
    const others = [
      ...plan(30, () => ({ user: poor })),
      ...plan(25, () => ({ body: { words: "no text" } })),
      ...plan(15, () => ({ body: { text: `metered-bad ${crypto.randomUUID()}` } })),
    ];
    const before = await metrics();

    const first = [...good, ...others].toSorted(() => Math.random() - 0.5);
    let isOver = false;
    const rolling = (async () => {
      while (!isOver) {
        await sql`select private.rollup_metrics(p_margin => '0')`;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    const answers = await run(first);
    answers.push(...await run(good.slice(0, 60))); // Retries of what was answered: replays.
    isOver = true;
    await rolling;
    expect(answers).toHaveLength(1_000);
    const statuses = countBy(answers, ({ status }) => status);
    expect(statuses).toEqual({ 200: 930, 400: 25, 402: 30, 502: 15 });

    const after = await eventually("the last flush", async () => {
      const found = await metrics();
      const requests = growth(before, found);
      const seen = Object.keys(statuses).reduce(
        (sum, status) => sum + requests("tessera_requests_total", { function: FUNCTION, status }),
        0,
      );
      return seen >= 1_000 && found;
    });
    const grown = growth(before, after);
    for (const [status, count] of Object.entries(statuses)) {
      expect(grown("tessera_requests_total", { function: FUNCTION, status })).toBe(count);
      expect(grown("tessera_request_duration_seconds_count", { function: FUNCTION, status })).toBe(count);
    }
    const codes = countBy(answers.filter(({ status }) => status >= 400), ({ body }) => body.error);
    expect(codes).toEqual({ invalid_request: 25, insufficient_tokens: 30, provider_error: 15 });
    for (const [code, count] of Object.entries(codes)) {
      expect(grown("tessera_request_errors_total", { function: FUNCTION, code })).toBe(count);
    }
    const replays = answers.filter(({ headers }) => headers.get("Idempotent-Replayed") === "true");
    expect(replays).toHaveLength(60);
    expect(grown("tessera_requests_replayed_total", { function: FUNCTION })).toBe(60);
    expect(grown("tessera_provider_calls_total", { model: MODEL, outcome: "ok" })).toBe(174);
    expect(grown("tessera_provider_calls_total", { model: MODEL, outcome: "misconfigured" })).toBe(15);

    const ids = [...users, poor].map(({ id }) => id);
    const [ledger] = await sql`
      select count(*)::integer, -sum(delta)::bigint as tokens from token_balance_history
      where user_id = any(${ids}) and delta < 0`;
    const paid = answers.filter((one) => one.status === 200 && !replays.includes(one))
      .reduce((sum, { body }) => sum + body.usage.charged, 0);
    expect(ledger!.count).toBe(870);
    expect(Number(ledger!.tokens)).toBe(paid);
    expect(grown("tessera_tokens_charged_total", { function: FUNCTION })).toBe(paid);
    expect(grown("tessera_charges_total", { function: FUNCTION })).toBe(870);
    expect(Number(valueOf(after, "tessera_tokens_held", { function: FUNCTION }) ?? 0)).toBe(0);
    expect(Number(valueOf(after, "tessera_requests_released", { reason: "provider_error" })))
      .toBeGreaterThanOrEqual(15);
  }, 120_000);
});

describe("everything that may be asked for", () => {
  it("is served: each metric of the catalog", async () => {
    const user = await accounts.newUser(10);
    const server = serviceClient();
    await server.rpc("hold_tokens", {
      p_request_id: crypto.randomUUID(),
      p_user_id: user.id,
      p_token_amount: 1,
      p_operation_type: FUNCTION,
    });
    await server.rpc("record_token_anomaly", {
      p_user_id: user.id,
      p_anomaly_type: "test",
      p_severity: "info",
      p_occurrence: crypto.randomUUID(),
    });
    await sql`call job_runner.run('rollup_metrics')`;
    const served = [...(await metrics()).keys()];
    expect(served).toEqual((await readMetricCatalog(sql)).map(({ name }) => `${PREFIX}${name}`));
    await accounts.letHoldsRunOut(user);
  }, 60_000);
});

describe("what a process counted", () => {
  it("is added once if the database's acknowledgement was lost", async () => {
    const user = await accounts.newUser(1_000);
    const before = await metrics();
    const lost = proxy.lose("record_request_metrics" as never, FUNCTION, "after", 2);
    const { status } = await call(FUNCTION, { base: proxied.url, user, body: { text: "metered-good" } });
    expect(status).toBe(200);
    await eventually("a second loss", () => Promise.resolve(lost.lost === 2));
    await call(FUNCTION, { base: proxied.url, user, body: { text: "metered-good" } });
    const grown = await eventually("both requests", async () => {
      const found = growth(before, await metrics());
      return found("tessera_requests_total", { function: FUNCTION, status: "200" }) >= 2 && found;
    });
    expect(grown("tessera_requests_total", { function: FUNCTION, status: "200" })).toBe(2);
  });

  it("fails no request if the database rejects it, and is written once the database accepts it", async () => {
    const user = await accounts.newUser(1_000);
    const before = await metrics();
    const lost = proxy.lose("record_request_metrics" as never, FUNCTION, "before");
    const body = { text: "metered-good" };
    const answers = await Promise.all(
      [1, 2, 3].map(() => call(FUNCTION, { base: proxied.url, user, body })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    await eventually("a loss", () => Promise.resolve(lost.lost > 0));
    expect(growth(before, await metrics())("tessera_requests_total", { function: FUNCTION, status: "200" }))
      .toBe(0);
    lost.mend();
    const count = await eventually("the requests", async () => {
      const found = growth(before, await metrics())("tessera_requests_total", {
        function: FUNCTION,
        status: "200",
      });
      return found >= 3 && found;
    });
    expect(count).toBe(3);
  });

  it("is written when the process is told to end, however long it could have waited", async () => {
    const user = await accounts.newUser(1_000);
    const ending = await openFunctions({
      AI_BASE_URL: switchboard.baseUrl,
      AI_TEXT_MODEL: MODEL,
      METRICS_FLUSH_MS: "600000",
    });
    const before = await metrics();
    const { status } = await call(FUNCTION, { base: ending.url, user, body: { text: "metered-good" } });
    expect(status).toBe(200);
    await ending.stop();
    expect(growth(before, await metrics())("tessera_requests_total", { function: FUNCTION, status: "200" }))
      .toBe(1);
  });
});

describe("what a process counts under load", () => {
  it("is written once per interval, not again and again as long as requests come", async () => {
    const before = proxy.countOf("record_request_metrics");
    const start = Date.now();
    while (Date.now() - start < 2_000) await call(FUNCTION, { base: proxied.url, body: {} });
    const intervalCount = Math.ceil((Date.now() - start) / 300);
    const flushCount = proxy.countOf("record_request_metrics") - before;
    expect(flushCount).toBeGreaterThan(0);
    expect(flushCount).toBeLessThanOrEqual(intervalCount + 1);
  });
});

describe("the metrics endpoint", () => {
  it("serves Prometheus' text format, and OpenMetrics to scrapers that accept it", async () => {
    const plain = await scrape({ Accept: "text/plain;version=0.0.4;q=0.5,*/*;q=0.1" });
    expect(plain.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const families = readExposition(plain.text);
    expect(families.get("tessera_tokens_charged_total")?.type).toBe("counter");
    expect(Number(valueOf(families, "tessera_database_connections_max"))).toBeGreaterThan(0);
    expect(Number(valueOf(families, "tessera_table_bytes", { table: "public.token_balance_history" })))
      .toBeGreaterThan(0);
    expect(valueOf(families, "tessera_job_overdue", { job: "rollup_metrics" })).toMatch(/^[01]$/);
    expect(valueOf(families, "tessera_alert_deliveries", { status: "dead" })).toMatch(/^\d+$/);

    const open = await scrape({ Accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5" });
    expect(open.headers.get("Content-Type")).toBe(
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    expect(readExposition(open.text, { isOpen: true }).get("tessera_tokens_charged")?.type).toBe("counter");
  });

  it("is for the secret key alone", async () => {
    const user = await accounts.newUser();
    const attempts: Record<string, string>[] = [
      { apikey: stack.publishableKey },
      { apikey: stack.publishableKey, Authorization: `Bearer ${user.token}` },
      { apikey: "", Authorization: `Bearer ${stack.secretKey}` },
    ];
    for (const headers of attempts) expect((await scrape(headers)).status).toBe(401);
  });

  it("names no user, no request and no key", async () => {
    const user = await accounts.newUser(100);
    const { body } = await call(FUNCTION, { base: functions.url, user, body: { text: "metered-good" } });
    const { text } = await scrape();
    for (const secret of [user.id, body.usage.request_id, stack.secretKey, stack.publishableKey]) {
      expect(text).not.toContain(secret);
    }
  });
});

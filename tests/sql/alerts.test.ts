import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { deliver, type Delivering } from "../../supabase/functions/_alerts/deliver.ts";
import { newSecret, openEndpoint, sealEndpoint } from "../../supabase/functions/_alerts/endpoints.ts";
import { Outbox } from "../../supabase/functions/_alerts/outbox.ts";
import { ALERT_TYPES, ALERTS, type AlertType } from "../support/alert_data.ts";
import { KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";
import { type AlertReceiver, openAlertReceiver, type Received } from "../support/alert_receiver.ts";
import { createDatabase, newId, raceAll, range, run } from "./support.ts";

// The deliverer itself, on a separate database, with real receivers on this machine. Time passes by moving the
// deliveries into the past.

const { url, sql, ledger } = await createDatabase();
// So long that no test can come upon the start of the next one.
await sql`
  update private.ledger_alert_settings
  set anomaly_window = '30 days', low_balance_window = '30 days', provider_repeat = '30 days'`;
const keyring = KeyringText.parse(`new:${keyText()},old:${keyText()}`);
const receiver = openAlertReceiver();

/** Goes straight to the database where a function goes through REST. */
const outbox = new Outbox((name, args) => {
  const given = Object.fromEntries(Object.entries(args ?? {}).filter(([, value]) => value !== undefined));
  return run<never>(sql, { name, args: given });
});

let endpointId: string;

beforeEach(async () => {
  Object.assign(receiver, { received: [], invalid: [], answer: () => 204, secrets: [newSecret()] });
  endpointId = await subscribe(receiver);
});

afterEach(async () => {
  await sql`select public.end_alert_endpoint(id) from private.alert_endpoints`;
  expect(receiver.invalid).toEqual([]);
});

function keyText(): string {
  return randomBytes(32).toString("base64");
}

async function subscribe(to: AlertReceiver, alertTypes: string[] = ALERT_TYPES): Promise<string> {
  const id = newId();
  await sql`
    select public.create_alert_endpoint(${id}, '127.0.0.1', ${alertTypes},
      ${await sealEndpoint(keyring, id, { url: to.url, secret: to.secrets[0]! })})`;
  return id;
}

async function emit(key: string, payload: Record<string, unknown> = {}, dedupeKey: string | null = null) {
  const [row] = await sql`
    select private.emit_alert('anomaly', ${key}, ${sql.json(payload as never)}, ${dedupeKey}) as answer`;
  return row!.answer;
}

function deliverAll(options: Partial<Delivering> = {}) {
  const usual = { outbox, keyring, budgetMs: 20_000, timeoutMs: 2_000, mayBeLoopback: true };
  return deliver({ ...usual, ...options });
}

/** As if time had passed for what waits. */
async function pass(interval: string): Promise<void> {
  await sql`
    update private.alert_deliveries
    set next_attempt_at = next_attempt_at - ${interval}::interval, leased_until = leased_until - ${interval}::interval,
      first_attempt_at = first_attempt_at - ${interval}::interval
    where status = 'pending'`;
}

async function statuses(id = endpointId) {
  const rows = await sql`
    select status, count(*)::integer as count from private.alert_deliveries
    where endpoint_id = ${id} group by status`;
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

/** The numbers that came under each ordering key, in the order of their first arrival. */
function numbersByKey(received: Received[]): Record<string, number[]> {
  const byKey: Record<string, number[]> = {};
  const seen = new Set<string>();
  for (const { webhookId, data } of received) {
    if (!seen.has(webhookId)) (byKey[data.key] ??= []).push(data.number);
    seen.add(webhookId);
  }
  return byKey;
}

function expectInOrder(received: Received[], keys: string[], count: number): void {
  expect(numbersByKey(received)).toEqual(Object.fromEntries(keys.map((key) => [key, range(count)])));
}

describe("an alert", () => {
  it("is there when its transaction commits, and is not when it rolls back", async () => {
    const [kept, undone] = [newId(), newId()];
    await sql.begin((transaction) => recordAnomaly(transaction, kept));
    await expect(sql.begin(async (transaction) => {
      await recordAnomaly(transaction, undone);
      const [there] = await transaction`
        select count(*)::integer as count from private.alert_outbox where ordering_key = ${`user:${undone}`}`;
      expect(there!.count).toBe(1);
      throw new Error("undone");
    })).rejects.toThrow("undone");
    await deliverAll();
    expect(receiver.received.map(({ data }) => data.user_id)).toEqual([kept]);
  });

  it("is emitted once under one dedupe key, also by 8 transactions at once", async () => {
    const args = { p_type: "anomaly", p_key: "k", p_payload: {}, p_dedupe_key: newId() };
    const answers = await raceAll<{ emitted: boolean; duplicate: boolean }>(
      url,
      range(8).map(() => ({ name: "private.emit_alert", args })),
    );
    expect(answers.filter(({ emitted }) => emitted)).toHaveLength(1);
    expect(answers.filter(({ duplicate }) => duplicate)).toHaveLength(7);
    expect((await emit("k")).emitted).toBe(true);
    expect((await emit("k")).emitted).toBe(true);
  });

  it.each([
    ["of no known type", ["nonsense", "k", "{}", null]],
    ["without a type", [null, "k", "{}", null]],
    ["without a key", ["anomaly", "", "{}", null]],
    ["with a key of 301 characters", ["anomaly", "k".repeat(301), "{}", null]],
    ["with a payload that is no object", ["anomaly", "k", "[]", null]],
    ["without a payload", ["anomaly", "k", null, null]],
    ["with a payload of 70 KB", ["anomaly", "k", `{"a":"${"x".repeat(70_000)}"}`, null]],
    ["with an empty dedupe key", ["anomaly", "k", "{}", ""]],
  ])("%s is refused with a reason, and raises nothing", async (_what, args) => {
    const [row] = await sql.unsafe(
      "select private.emit_alert($1::text, $2, $3::text::jsonb, $4) as answer",
      args as string[],
    );
    expect(row!.answer).toMatchObject({ emitted: false, error: "invalid_request" });
    expect(row!.answer.message).toContain("low_balance");
  });

  it("of an anomaly is emitted for warnings and worse, once per user, type, severity and window", async () => {
    const user = newId();
    for (const severity of ["info", "warning", "warning", "critical"]) {
      await recordAnomaly(sql, user, severity);
    }
    await deliverAll();
    const received = receiver.received.filter(({ data }) => data.user_id === user);
    expect(received.map(({ data }) => data.severity)).toEqual(["warning", "critical"]);
    expect(received[0]).toMatchObject({
      type: "anomaly",
      data: { anomaly_type: "test", details: { request_id: "r" }, anomaly_id: expect.any(Number) },
    });
  });

  it("of a low balance is emitted once per user, threshold and window", async () => {
    const [one, other] = [newId(), newId()];
    const low = async (user: string, threshold: number) => {
      const [row] = await sql`select private.emit_low_balance_alert(${user}, 90, ${threshold}) as answer`;
      return row!.answer.emitted;
    };
    expect([await low(one, 100), await low(one, 100), await low(one, 95), await low(other, 100)])
      .toEqual([true, false, true, true]);
    await sql`update private.alert_outbox set dedupe_key = 'an hour ago' || id where payload ->> 'user_id' = ${one}`;
    expect(await low(one, 100)).toBe(true);
    await deliverAll();
    expect(receiver.received.map(({ data }) => [data.user_id, data.balance, data.threshold])).toContainEqual(
      [other, 90, 100],
    );
    expectFits(receiver.received);
  });

  function recordAnomaly(on: Pick<typeof sql, "unsafe">, user: string, severity = "warning") {
    return on.unsafe("select public.record_token_anomaly($1, 'test', $2, $3, '{\"request_id\": \"r\"}')", [
      user,
      severity,
      newId(),
    ]);
  }
});

describe("a type of alerts that a module adds", () => {
  it("can be emitted and subscribed to, and its scan is one of those that look for alerts", async () => {
    await sql.unsafe(`
      create function private.scan_moons() returns integer language sql set search_path = '' as $$
        select (private.emit_alert('full_moon', 'moon', '{}', 'this month') ->> 'emitted')::boolean::integer $$;
      insert into public.alert_types (alert_type, scan, description) values ('full_moon', 'scan_moons', 'The moon is full')`);
    try {
      const scan = async () => (await sql`select private.scan_alerts() as it`)[0]!.it;
      expect(await scan()).toMatchObject({ full_moon: 1, job_overdue: expect.any(Number) });
      expect(await scan()).toMatchObject({ full_moon: 0 });
      const [row] = await sql`
        select public.create_alert_endpoint(${newId()}, 'example.test', array['full_moon'], 'sealed') as it`;
      expect(row!.it).toMatchObject({ success: true });
    } finally {
      await sql`delete from public.alert_types where alert_type = 'full_moon'`;
    }
    const [row] = await sql`
      select public.create_alert_endpoint(${newId()}, 'example.test', array['full_moon'], 'sealed') as it`;
    expect(row!.it).toMatchObject({ success: false, error: "invalid_request" });
  });
});

/** Each payload must be what docs and types say. */
function expectFits(received: Received[]): void {
  for (const { type, data } of received) ALERTS[type as AlertType].strict().parse(data);
}

describe("the types of alerts", () => {
  it("are the same in SQL and in the documentation's schemas", async () => {
    const [row] = await sql`select array_agg(alert_type) as types from public.alert_types`;
    expect(row!.types.toSorted()).toEqual(ALERT_TYPES.toSorted());
  });
});

describe("a receiver", () => {
  it("that is down for an hour gets every alert once it is up, in order per key, signed", async () => {
    const keys = range(5).map(() => newId());
    await receiver.goDown();
    for (const minute of range(60)) {
      if (minute % 5 === 0) {
        for (const key of keys) await emit(key, { key, number: minute / 5 });
      }
      await deliverAll({ budgetMs: 0 }); // One round: the receiver refuses to connect.
      await pass("1 minute");
    }
    expect(receiver.received).toEqual([]);
    expect(await statuses()).toEqual({ pending: 60 });
    receiver.comeUp();
    let minutes = 0;
    for (; (await statuses()).pending; minutes++) {
      await deliverAll();
      await pass("1 minute");
    }
    expect(minutes).toBeLessThanOrEqual(16); // longest_retry_after: the first to be tried wakes the others.
    expectInOrder(receiver.received, keys, 12);
    expect(receiver.received).toHaveLength(60);
    expect(new Set(receiver.received.map(({ webhookId }) => webhookId)).size).toBe(60);
  });

  it("that fails now and then gets each key's alerts in order all the same, and each again under the same id", async () => {
    const keys = range(6).map(() => newId());
    for (const number of range(5)) {
      for (const key of keys) await emit(key, { key, number });
    }
    const tries = new Map<string, number>();
    receiver.answer = ({ webhookId }) => {
      const count = (tries.get(webhookId) ?? 0) + 1;
      tries.set(webhookId, count);
      return count === 1 && webhookId < "msg_8" ? 500 : 200;
    };
    do {
      await deliverAll();
      await pass("5 minutes");
    } while ((await statuses()).pending);
    expectInOrder(receiver.received, keys, 5);
    const repeated = [...tries].filter(([, count]) => count > 1);
    expect(repeated.length).toBeGreaterThan(0);
    for (const [id] of repeated) {
      expect(
        new Set(receiver.received.filter(({ webhookId }) => webhookId === id).map(({ body }) => body)).size,
      )
        .toBe(1);
    }
  });

  it("that failed is tried again after 10 s, then twice as long each time, and not before its Retry-After", async () => {
    await emit("waits", { key: "waits", number: 0 });
    const waitAfter = async (answer: () => number | Response) => {
      receiver.answer = answer;
      await deliverAll();
      const [row] = await sql`
        select extract(epoch from next_attempt_at - last_attempt_at)::float as wait_s from private.alert_deliveries
        where endpoint_id = ${endpointId} and status = 'pending'`;
      await pass(`${row!.wait_s} seconds`);
      return row!.wait_s;
    };
    for (const longest of [10, 20, 40]) {
      const waitS = await waitAfter(() => 500);
      expect(waitS).toBeGreaterThan(longest / 2 - 1);
      expect(waitS).toBeLessThan(longest + 2);
    }
    expect(await waitAfter(() => new Response(null, { status: 503, headers: { "Retry-After": "7200" } })))
      .toBeGreaterThanOrEqual(7_200);
    for (let count = 0; count < 8; count++) await waitAfter(() => 500);
    expect(await waitAfter(() => 500)).toBeLessThan(902);
  });

  it("that is gone is ended at the first 410 without a deadlock, and no other", async () => {
    const [other, keys] = [openAlertReceiver([newSecret()]), range(12).map((number) => `gone ${number}`)];
    const otherId = await subscribe(other);
    for (const key of keys) await emit(key, { key, number: 0 });
    receiver.answer = () => 410;
    const counts = await deliverAll();
    expect(counts.delivered).toBe(keys.length);
    expect(counts.dead).toBeGreaterThan(0);
    // Those of one batch were under way together.
    expect(receiver.received.length).toBeLessThanOrEqual(8);
    expect(await statuses()).toEqual({ cancelled: keys.length });
    expect(await statuses(otherId)).toEqual({ delivered: keys.length });
    const [row] =
      await sql`select public.list_gone_alert_endpoints() as gone, public.list_alert_endpoints() as there`;
    expect(row!.gone).toMatchObject([{ endpoint_id: endpointId, host: "127.0.0.1" }]);
    expect(row!.there.map(({ endpoint_id }: { endpoint_id: string }) => endpoint_id)).toEqual([otherId]);
    await emit("later");
    expect(await deliverAll()).toMatchObject({ delivered: 1, failed: 0, dead: 0 });
    expect(await statuses()).toEqual({ cancelled: keys.length });
  });

  it("that takes nothing for three days leaves dead letters, which hold up nothing and can be replayed", async () => {
    const [stuck, fine] = [newId(), newId()];
    for (const key of [stuck, fine]) {
      for (const number of range(2)) await emit(key, { key, number });
    }
    receiver.answer = ({ data }) => data.key === stuck && data.number === 0 ? 400 : 204;
    await deliverAll();
    expect(numbersByKey(receiver.received)).toEqual({ [stuck]: [0], [fine]: [0, 1] });
    await pass("71 hours");
    expect(await deliverAll()).toMatchObject({ failed: 1, dead: 0 });
    await pass("1 hour 15 minutes");
    expect(await deliverAll()).toMatchObject({
      dead: 1,
      delivered: 1,
      lastError: "The receiver answered 400",
    });
    expect(await statuses()).toEqual({ dead: 1, delivered: 3 });

    const [listed] = await run<Record<string, unknown>[]>(sql, {
      name: "list_alert_deliveries",
      args: { p_status: "dead", p_endpoint_id: endpointId, p_before_alert_id: null, p_limit: 10 },
    });
    expect(listed).toMatchObject({
      status: "dead",
      attempts: 3,
      last_http_status: 400,
      last_error: "The receiver answered 400",
      data: { key: stuck, number: 0 },
      next_attempt_at: null,
    });

    receiver.answer = () => 204;
    expect(await replay(endpointId, null)).toMatchObject({ replayed: 1 });
    expect(await deliverAll()).toMatchObject({ delivered: 1 });
    expect(receiver.received.at(-1)).toMatchObject({ webhookId: listed!.webhook_id, data: { number: 0 } });
    expect(await statuses()).toEqual({ delivered: 4 });
    expect(await replay(endpointId, null)).toMatchObject({ replayed: 0 });
    expect(await replay(endpointId, [listed!.alert_id as number])).toMatchObject({ replayed: 1 });
  });

  it("that is down or hangs keeps no other one waiting, and is tried with few requests", async () => {
    const others = openAlertReceiver([newSecret()]);
    const otherId = await subscribe(others);
    const keys = range(40).map(() => newId());
    for (const key of keys) await emit(key, { key, number: 0 });
    let asked = 0;
    receiver.answer = () => {
      asked++;
      return new Promise((resolve) => setTimeout(() => resolve(204), 700));
    };
    const outcome = await deliverAll({ timeoutMs: 300 });
    expect(outcome).toMatchObject({ delivered: 40, failed: 8, lastError: "No answer within 300 ms" });
    expectInOrder(others.received, keys, 1);
    expect(await statuses(otherId)).toEqual({ delivered: 40 });
    expect(asked).toBe(8);
    expect(await statuses()).toEqual({ pending: 40 });
    await new Promise((resolve) => setTimeout(resolve, 700));
  });

  it("that sends Retry-After gets no earlier attempt", async () => {
    await emit("k", { key: "k", number: 0 });
    receiver.answer = () => new Response(null, { status: 429, headers: { "Retry-After": "600" } });
    await deliverAll();
    await pass("9 minutes");
    await deliverAll();
    expect(receiver.received).toHaveLength(1);
    await pass("2 minutes");
    await deliverAll();
    expect(receiver.received).toHaveLength(2);
  });

  it("gets the types that it wants and no others, and nothing once it has unsubscribed", async () => {
    await run(sql, { name: "end_alert_endpoint", args: { p_endpoint_id: endpointId } });
    endpointId = await subscribe(receiver, ["low_balance"]);
    const user = newId();
    await emit("k", { key: "k", number: 0 });
    await sql`select private.emit_low_balance_alert(${user}, 1, 2)`;
    await deliverAll();
    expect(receiver.received.map(({ type }) => type)).toEqual(["low_balance"]);
    await sql`select private.emit_low_balance_alert(${user}, 1, 3)`;
    await deliverAll({ outbox: withoutSending() });
    await run(sql, { name: "end_alert_endpoint", args: { p_endpoint_id: endpointId } });
    await pass("1 hour");
    await deliverAll();
    expect(receiver.received).toHaveLength(1);
    expect(await statuses()).toEqual({ delivered: 1, cancelled: 1 });
  });

  it("that changes its secret gets both signatures for a day, and its row sealed again when the key is old", async () => {
    const old = KeyringText.parse(`old:${oldKeyText()}`);
    const [secret, previous] = [newSecret(), receiver.secrets[0]!];
    const sealed = await sealEndpoint(old, endpointId, {
      url: receiver.url,
      secret,
      previous_secret: previous,
    });
    await sql`
      update private.alert_endpoints set sealed = ${sealed}, previous_secret_until = now() + interval '1 hour'
      where id = ${endpointId}`;
    await emit("k", { key: "k", number: 0 });
    await deliverAll();
    const [{ sealed: anew }] =
      await sql`select sealed from private.alert_endpoints where id = ${endpointId}` as never as [
        { sealed: string },
      ];
    expect(anew).toMatch(/^t1\.new\./);
    expect(await openEndpoint(keyring, endpointId, anew)).toEqual({
      url: receiver.url,
      secret,
      previous_secret: previous,
    });
    receiver.secrets = [secret];
    await sql`update private.alert_endpoints set previous_secret_until = now() - interval '1 second'`;
    await emit("k", { key: "k", number: 1 });
    await deliverAll();
    expect(receiver.received.map(({ signatures }) => signatures.length)).toEqual([2, 1]);
  });

  it("whose row was altered or copied from another gets nothing, and the others get theirs", async () => {
    const others = openAlertReceiver([newSecret()]);
    const otherId = await subscribe(others);
    await sql`
      update private.alert_endpoints set sealed = (select sealed from private.alert_endpoints where id = ${otherId})
      where id = ${endpointId}`;
    await emit("k", { key: "k", number: 0 });
    expect(await deliverAll()).toMatchObject({ delivered: 1, failed: 1 });
    expect(receiver.received).toEqual([]);
    expect(others.received).toHaveLength(1);
  });
});

/** The key of the keyring that is not active. */
function oldKeyText(): string {
  return Buffer.from(keyring.key("old")!).toString("base64");
}

/** A deliverer that is killed before it sends anything: it claims, and nothing more. */
function withoutSending(): Outbox {
  return Object.assign(Object.create(outbox), {
    claim: async (options: Parameters<Outbox["claim"]>[0]) => {
      await outbox.claim(options);
      return [];
    },
  });
}

/** A deliverer that is killed after it sent and before it could say so. */
function withoutCompleting(): Outbox {
  const killed = () => Promise.reject(new Error("killed"));
  return Object.assign(Object.create(outbox), { complete: killed, fail: killed });
}

function replay(endpoint: string | null, alertIds: number[] | null) {
  return run<{ replayed: number }>(sql, {
    name: "replay_alerts",
    args: { p_endpoint_id: endpoint, p_alert_ids: alertIds, p_limit: 1_000 },
  });
}

describe("a deliverer", () => {
  it("that dies after sending leaves a lease; when it expires the alert is sent again with the same id", async () => {
    for (const number of range(2)) await emit("k", { key: "k", number });
    await expect(deliverAll({ outbox: withoutCompleting() })).rejects.toThrow("killed");
    expect(receiver.received).toHaveLength(1);
    await deliverAll();
    expect(receiver.received).toHaveLength(1); // It is leased: nobody else may deliver it, and number 1 waits behind it.
    await pass("1 minute");
    expect(await deliverAll()).toMatchObject({ delivered: 2 });
    expect(receiver.received.map(({ data }) => data.number)).toEqual([0, 0, 1]);
    expect(receiver.received[0]!.webhookId).toBe(receiver.received[1]!.webhookId);
    expect(receiver.received[0]!.body).toBe(receiver.received[1]!.body);
  });

  it("that dies before sending loses nothing", async () => {
    for (const number of range(3)) await emit("k", { key: "k", number });
    await deliverAll({ outbox: withoutSending() });
    await pass("1 minute");
    await deliverAll();
    expectInOrder(receiver.received, ["k"], 3);
  });

  it("whose lease was taken over cannot record the outcome", async () => {
    await emit("k", { key: "k", number: 0 });
    const [late] = await outbox.claim({ limit: 1, endpointId, without: [] });
    await pass("1 minute");
    const [next] = await outbox.claim({ limit: 1, endpointId, without: [] });
    expect(next!.webhook_id).toBe(late!.webhook_id);
    expect(await outbox.complete(late!, 200)).toBe(false);
    expect(await outbox.fail(late!, { error: "late" })).toMatchObject({ success: false });
    expect(await statuses()).toEqual({ pending: 1 });
    expect(await outbox.complete(next!, 200)).toBe(true);
    expect(await outbox.complete(next!, 200)).toBe(false);
  });

  it("beside three others sends each alert once, and each key's in order", async () => {
    const keys = range(15).map(() => newId());
    for (const number of range(4)) {
      for (const key of keys) await emit(key, { key, number });
    }
    const outcomes = await Promise.all(range(4).map(() => deliverAll()));
    // Who came while another held the last of a key has ended; one more run finds what it left.
    outcomes.push(await deliverAll());
    expect(outcomes.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(60);
    expect(receiver.received).toHaveLength(60);
    expectInOrder(receiver.received, keys, 4);
  });

  it("that claims at the same moment as seven others gets other alerts than they do, one of each key", async () => {
    const keys = range(10).map(() => newId());
    for (const number of range(2)) {
      for (const key of keys) await emit(key, { key, number });
    }
    await sql`select private.fan_out_alerts()`;
    const claim = {
      name: "claim_alert_deliveries",
      args: { p_limit: 4, p_lease: "1 minute", p_endpoint_id: endpointId, p_without: null },
    };
    const claims = await raceAll<
      { deliveries: { alert_id: number; payload: { key: string; number: number } }[] }
    >(
      url,
      range(8).map(() => claim),
    );
    const claimed = claims.flatMap(({ deliveries }) => deliveries);
    expect(new Set(claimed.map(({ alert_id }) => alert_id)).size).toBe(claimed.length);
    expect(claimed.map(({ payload }) => payload.key).toSorted()).toEqual(keys.toSorted());
    expect(claimed.every(({ payload }) => payload.number === 0)).toBe(true);
  });

  it.each([
    ["no limit", { p_limit: null, p_lease: "1 minute" }],
    ["the limit 0", { p_limit: 0, p_lease: "1 minute" }],
    ["no lease", { p_limit: 1, p_lease: null }],
    ["a lease of an hour", { p_limit: 1, p_lease: "1 hour" }],
  ])("is refused with %s", async (_what, args) => {
    const claim = { name: "claim_alert_deliveries", args: { ...args, p_endpoint_id: null, p_without: null } };
    expect(await run(sql, claim)).toMatchObject({ success: false, error: "invalid_request", deliveries: [] });
  });
});

describe("scan_alerts", () => {
  const scan = () => run<Record<string, number>>(sql, { name: "private.scan_alerts", args: {} });

  it("emits the alerts of the other scans when one fails, and reports an incomplete run", async () => {
    const name = `test_${newId().slice(0, 8)}`;
    await sql`
      insert into private.jobs (name, description, schedule, kind, command, timeout_ms, overdue_after, created_at)
      values (${name}, 'A test', '* * * * *', 'sql', 'public.nothing', 1000, '1 minute', now() - interval '1 hour')`;
    await sql`
      insert into public.alert_types (alert_type, scan, description)
      values ('a_broken_one', 'no_such_scan', 'A test'), ('z_broken_one', 'no_such_scan', 'A test')`;
    try {
      const answer = await scan();
      const error = "function private.no_such_scan() does not exist";
      expect(answer).toMatchObject({
        job_overdue: 1,
        is_whole: false,
        errors: { a_broken_one: error, z_broken_one: error },
      });
      await scan();
      await deliverAll();
      expect(receiver.received.filter(({ data }) => data.name === name)).toHaveLength(1);
      const told = receiver.received.filter(({ data }) => data.name === "scan_alerts");
      expect(told.map(({ data }) => [data.state, JSON.parse(data.last_error as string).a_broken_one]))
        .toEqual([
          ["problem", error],
        ]);
      expectFits(told);
      const [job] = await sql`select expected_result from private.jobs where name = 'scan_alerts'`;
      expect(answer).not.toMatchObject(job!.expected_result);
    } finally {
      await sql`delete from public.alert_types where alert_type like '%_broken_one'`;
      await sql`delete from private.jobs where name = ${name}`;
    }
    expect(await scan()).toMatchObject({ is_whole: true, errors: {} });
  });

  it("alerts a job that is overdue once, and again when it was done and is overdue again", async () => {
    const name = `test_${newId().slice(0, 8)}`;
    await sql`
      insert into private.jobs (name, description, schedule, kind, command, timeout_ms, overdue_after, created_at)
      values (${name}, 'A test', '* * * * *', 'sql', 'public.nothing', 1000, '1 minute', now() - interval '1 hour')`;
    await scan();
    await scan();
    await sql`
      insert into private.job_runs (job_name, started_at, ends_by, ended_at, outcome)
      values (${name}, now() - interval '30 minutes', now(), now() - interval '30 minutes', 'succeeded')`;
    await scan();
    await scan();
    await sql`delete from private.jobs where name = ${name}`;
    await deliverAll();
    const received = receiver.received.filter(({ data }) => data.name === name);
    expect(received.map(({ type, data }) => [type, data.last_outcome])).toEqual([
      ["job_overdue", null],
      ["job_overdue", "succeeded"],
    ]);
    expectFits(received);
  });

  it("alerts a provider token that ends soon once for each end, not one that was renewed or given up", async () => {
    const account = `test-${newId()}`;
    const insert = (name: string, expires: string, isActive = true) =>
      sql`
      insert into public.tradovate_tokens (account_name, main_account, token_type, access_token, token_length, expires_at,
        is_active, source, fingerprint, expiry_source, inactive_reason)
      values (${name}, ${name}, 'bearer', 't1.k.x', 1, now() + ${expires}::interval, ${isActive}, 'redis', '', 'jwt',
        ${isActive ? null : "operator"})`;
    await insert(account, "10 minutes");
    await insert(`${account}-late`, "20 minutes");
    await insert(`${account}-inactive`, "10 minutes", false);
    expect(await scan()).toMatchObject({ token_about_to_expire: 1 });
    expect(await scan()).toMatchObject({ token_about_to_expire: 0 });
    await sql`update public.tradovate_tokens set expires_at = now() + interval '12 minutes' where account_name = ${account}`;
    expect(await scan()).toMatchObject({ token_about_to_expire: 1 });
    await deliverAll();
    const received = receiver.received.filter(({ type }) => type === "token_about_to_expire");
    expect(received.map(({ data }) => data.account_name)).toEqual([account, account]);
    expectFits(received);
  });

  it("alerts a provider that fails for half of the requests, once, and not one that fails for fewer", async () => {
    const user = newId();
    await ledger.add(user, 1_000);
    const charge = async (count: number) => {
      for (const _ of range(count)) await ledger.consume(user, 1, undefined, "feature-a");
    };
    const fail = async (count: number, reason: string) => {
      for (const _ of range(count)) {
        const id = newId();
        await ledger.hold(user, 1, id, { p_operation_type: "feature-b" });
        await ledger.release(user, id, 1, { p_reason: reason });
      }
    };
    await charge(12);
    for (const _ of range(15)) { // Entries that are no requests.
      await ledger.add(user, 1, undefined, { p_effective_at: "2020-01-01", p_expires_at: "2020-01-02" });
    }
    await fail(9, "provider_error");
    await fail(20, "invalid_request");
    expect(await scan()).toMatchObject({ provider_failing: 0 }); // Too few.
    await fail(1, "provider_timeout");
    expect(await scan()).toMatchObject({ provider_failing: 0 }); // 10 of 22.
    await fail(2, "provider_timeout");
    expect(await scan()).toMatchObject({ provider_failing: 1 }); // 12 of 24.
    expect(await scan()).toMatchObject({ provider_failing: 0 });
    await deliverAll();
    const received = receiver.received.filter(({ type }) => type === "provider_failing");
    expect(received.map(({ data }) => data)).toMatchObject([{
      failures: 12,
      successes: 12,
      functions: [{ function: "feature-b", failures: 12, successes: 0 }],
    }]);
    expectFits(received);
  });
});

describe("cleanup_alerts", () => {
  it("deletes alerts past their retention, dead letters later, and never pending ones", async () => {
    const ids: number[] = [];
    for (const number of range(4)) {
      const { alert_id } = await emit(newId(), { key: "k", number });
      ids.push(alert_id);
    }
    await sql`select private.fan_out_alerts()`;
    const set = (id: number, status: string, age: string) =>
      sql`
      with aged as (update private.alert_outbox set created_at = now() - ${age}::interval where id = ${id})
      update private.alert_deliveries
      set status = ${status}, delivered_at = case when ${status} = 'delivered' then now() - ${age}::interval end
      where alert_id = ${id}`;
    await set(ids[0]!, "delivered", "31 days");
    await set(ids[1]!, "dead", "31 days");
    await set(ids[2]!, "dead", "91 days");
    await set(ids[3]!, "pending", "200 days");
    await run(sql, { name: "private.cleanup_alerts", args: {} });
    const left = await sql`select id::integer from private.alert_outbox where id = any(${ids}) order by id`;
    expect(left.map(({ id }) => id)).toEqual([ids[1], ids[3]]);
  });
});

describe("a balance that falls below the threshold", () => {
  it("is alerted by the next scan, once, however late that comes; no other charge is", async () => {
    const user = newId();
    const charge = (tokens: number) =>
      sql`select public.consume_tokens_atomic(${newId()}, ${user}, ${tokens}, 'meal-analyzer')`;
    const alertsAfterScan = async () => {
      await sql`select private.scan_low_balances()`;
      return (await sql`select payload from private.alert_outbox where payload ->> 'user_id' = ${user}`)
        .length;
    };
    await sql`select public.add_tokens(${user}, 100, 'test')`;
    await charge(80);
    expect(await alertsAfterScan()).toBe(0);
    await charge(1);
    await charge(1);
    // As if no scan had come for a day.
    await sql`update private.ledger_alert_settings set low_balance_scanned_at = now() - interval '1 day'`;
    expect(await alertsAfterScan()).toBe(1);
    await charge(1);
    expect(await alertsAfterScan()).toBe(1);
    expect(await Promise.all([alertsAfterScan(), alertsAfterScan()])).toEqual([1, 1]);
  });

  it("and whose user was forgotten before the scan is alerted no more", async () => {
    const user = newId();
    await sql`select public.add_tokens(${user}, 21, 'test')`;
    await sql`select public.consume_tokens_atomic(${newId()}, ${user}, 5, 'meal-analyzer')`;
    await sql`select public.forget_user(${user})`;
    await sql`update private.ledger_alert_settings set low_balance_scanned_at = now() - interval '1 day'`;
    await sql`select private.scan_low_balances()`;
    expect(await sql`select from private.alert_outbox where payload ->> 'user_id' = ${user}`).toHaveLength(0);
  });

  it("is alerted as the wallet's where a team shares it, below another threshold", async () => {
    const owner = newId();
    const [made] = await sql`select public.create_wallet(${owner}, 'Kitchen') ->> 'wallet_id' as id`;
    const wallet: string = made!.id;
    await sql`select public.add_tokens(${wallet}, 300, 'test')`;
    await sql`select public.consume_tokens_atomic(${newId()}, ${wallet}, 110, 'meal-analyzer')`;
    await sql`select private.scan_low_balances()`;
    const found = await sql`
      select alert_type, ordering_key, payload from private.alert_outbox where ordering_key like ${`%${wallet}`}`;
    expect(found).toMatchObject([{
      alert_type: "wallet_low",
      ordering_key: `wallet:${wallet}`,
      payload: { wallet_id: wallet, balance: 190, threshold: 200 },
    }]);
    ALERTS.wallet_low.strict().parse(found[0]!.payload);
  });

  it("is alerted too where no charge, but an end or a reversal took it there", async () => {
    const [ended, reversed] = [newId(), newId()];
    await sql`select public.add_tokens(${ended}, 15, 'test')`;
    await sql`select public.add_tokens(${ended}, 50, 'test', p_effective_at => '2020-01-01', p_expires_at => '2020-01-02')`;
    await sql`select public.add_tokens(${reversed}, 50, 'test', p_source => ${reversed})`;
    await sql`select public.claw_back_grant(${reversed}, 40, ${newId()})`;
    await sql`select private.scan_low_balances()`;
    const found = await sql`
      select payload ->> 'user_id' as user_id from private.alert_outbox
      where alert_type = 'low_balance' and payload ->> 'user_id' in (${ended}, ${reversed})`;
    expect(found.map(({ user_id }) => user_id).toSorted()).toEqual([ended, reversed].toSorted());
  });
});

describe("a grant that ends soon", () => {
  const scan = async () => (await sql`select private.scan_expiring_grants() as count`)[0]!.count as number;
  const grant = (wallet: string, amount: number, inDays: number) =>
    sql`select public.add_tokens(${wallet}, ${amount}, 'test', p_kind => 'promotion',
      p_expires_at => now() + ${inDays} * interval '1 day')`;
  const told = (wallet: string) =>
    sql`select ordering_key, payload from private.alert_outbox
      where alert_type = 'grant_expiring' and ordering_key like ${`%${wallet}`} order by id`;

  it("is alerted once, days before, with what is left of it then, and one that ends later is not", async () => {
    const user = newId();
    await grant(user, 50, 2);
    await grant(user, 70, 5);
    await sql`select public.consume_tokens_atomic(${newId()}, ${user}, 20, 'meal-analyzer')`;
    expect(await scan()).toBe(1);
    expect(await Promise.all([scan(), scan()])).toEqual([0, 0]);
    const found = await told(user);
    expect(found).toMatchObject([{
      ordering_key: `user:${user}`,
      payload: { user_id: user, entry_number: 1, kind: "promotion", tokens: 30 },
    }]);
    ALERTS.grant_expiring.strict().parse(found[0]!.payload);
    // Alerts are forgotten after a while; that it was told is not.
    await sql`delete from private.alert_outbox where alert_type = 'grant_expiring'`;
    expect(await scan()).toBe(0);
  });

  it("is none of those that are spent, were a forgotten user's, or when nobody wants to hear of it", async () => {
    const [spent, gone, unasked] = [newId(), newId(), newId()];
    await grant(spent, 20, 1);
    await sql`select public.consume_tokens_atomic(${newId()}, ${spent}, 20, 'meal-analyzer')`;
    await grant(gone, 20, 1);
    await sql`select public.forget_user(${gone})`;
    expect(await scan()).toBe(0);
    await sql`update private.ledger_alert_settings set grant_expiring_before = '0'`;
    await grant(unasked, 20, 1);
    expect(await scan()).toBe(0);
    await sql`update private.ledger_alert_settings set grant_expiring_before = '3 days'`;
    expect(await scan()).toBe(1);
    expect(await told(unasked)).toHaveLength(1);
  });

  it("and one of many of a wallet is looked at once, not once for each of the others", async () => {
    const user = newId();
    await sql`
      select public.add_tokens(${user}, 1, 'test', p_expires_at => now() + number * interval '1 minute')
      from generate_series(1, 300) as number`;
    const session = await sql.reserve();
    const looks = async () => {
      await session`select pg_stat_force_next_flush()`;
      const [row] = await session`
        select idx_tup_fetch + seq_tup_read as tuples from pg_stat_user_tables where relname = 'token_grants'`;
      return Number(row!.tuples);
    };
    const before = await looks();
    await session`select private.scan_expiring_grants()`;
    expect(await looks() - before).toBeLessThan(10_000);
    session.release();
    expect(await told(user)).toHaveLength(300);
  });

  it("leaves nothing behind once it has ended, and loses whom it is about with the user", async () => {
    const user = newId();
    await grant(user, 20, 1);
    await scan();
    await sql`select public.forget_user(${user})`;
    expect(await told(user)).toEqual([]);
    const [left] = await sql`
      select payload from private.alert_outbox where alert_type = 'grant_expiring' order by id desc limit 1`;
    expect(left!.payload).not.toHaveProperty("user_id");
    const noted = async () => (await sql`select from private.grant_expiry_alerts`).length;
    const before = await noted();
    await sql`insert into private.grant_expiry_alerts (grant_id, expires_at) values (-1, now())`;
    await scan();
    expect(await noted()).toBe(before);
  });
});

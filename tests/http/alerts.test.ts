import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { type AlertReceiver, openAlertReceiver } from "../support/alert_receiver.ts";
import { connect, serviceClient, stack } from "../support/stack.ts";
import { type Answer, call, eventually, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";

// On the suite's stack, where other tests' alerts are delivered too: each test looks at its own.

const sql = connect({ connections: 2 });
const endpointIds: string[] = [];
/** As a project is that did not allow loopback. */
let strict: ExtraFunctions;

beforeAll(async () => {
  strict = await openFunctions({ ALERT_LOOPBACK: "refused" });
});

afterAll(async () => {
  for (const endpoint_id of endpointIds) await ask("unsubscribe", { endpoint_id });
});

function ask(action: string, body: Record<string, unknown> = {}, base: string = stack.url): Promise<Answer> {
  return call(`alerts/${action}`, { base, body, headers: { apikey: stack.secretKey } });
}

async function subscribe(receiver: AlertReceiver, more: Record<string, unknown> = {}): Promise<string> {
  const { status, body } = await ask("subscribe", { url: receiver.url, ...more });
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { secret: expect.stringMatching(/^whsec_.{44}$/) },
  });
  receiver.secrets.push(body.secret);
  endpointIds.push(body.endpoint_id);
  return body.endpoint_id;
}

async function recordAnomaly(userId: string, severity = "critical"): Promise<void> {
  const { error } = await serviceClient().rpc("record_token_anomaly", {
    p_user_id: userId,
    p_anomaly_type: "test",
    p_severity: severity,
    p_occurrence: crypto.randomUUID(),
  });
  if (error) throw error;
}

/** Has everything delivered that is due, until this user's alert has come. */
function deliveredTo(receiver: AlertReceiver, userId: string, count = 1) {
  return eventually(`${count} alerts of ${userId}`, async () => {
    expect(await ask("deliver", { budget_ms: 15_000 })).toMatchObject({ status: 200 });
    const own = receiver.received.filter(({ data }) => data.user_id === userId);
    return own.length >= count && own;
  });
}

/** The test alerts that came, which no other test sends here. */
function testsIn(receiver: AlertReceiver) {
  return receiver.received.filter(({ type }) => type === "test");
}

// deno-lint-ignore no-explicit-any
async function listed(endpoint_id: string, status: string): Promise<any[]> {
  return (await ask("list", { endpoint_id, status })).body.deliveries;
}

async function isListed(endpoint_id: string, status: string, webhookId: string): Promise<boolean> {
  return (await listed(endpoint_id, status)).some(({ webhook_id }) => webhook_id === webhookId);
}

describe("a subscription to alerts", () => {
  it("brings a signed test alert at once, and the alert of an anomaly with the next delivery", async () => {
    const receiver = openAlertReceiver();
    const endpoint_id = await subscribe(receiver, { description: "  the team's channel " });
    const tested = await ask("test", { endpoint_id });
    expect(tested).toMatchObject({ status: 200, body: { delivered: true, error: null } });
    expect(testsIn(receiver)).toMatchObject([
      { webhookId: tested.body.webhook_id, type: "test", data: { endpoint_id } },
    ]);

    const userId = crypto.randomUUID();
    await recordAnomaly(userId);
    const [alert] = await deliveredTo(receiver, userId);
    expect(alert).toMatchObject({ type: "anomaly", data: { severity: "critical", anomaly_type: "test" } });
    expect(Date.now() - Date.parse(alert!.timestamp)).toBeLessThan(60_000);
    expect((await listed(endpoint_id, "delivered")).map(({ webhook_id }) => webhook_id))
      .toEqual(expect.arrayContaining([alert!.webhookId, tested.body.webhook_id]));
    const [endpoint] = (await ask("list")).body.endpoints.filter((one: { endpoint_id: string }) =>
      one.endpoint_id === endpoint_id
    );
    expect(endpoint).toEqual({
      endpoint_id,
      host: new URL(receiver.url).host,
      alert_types: [
        "anomaly",
        "grant_expiring",
        "job_overdue",
        "ledger_anchor",
        "low_balance",
        "provider_failing",
        "token_about_to_expire",
        "wallet_low",
      ],
      description: "the team's channel",
      created_at: expect.any(String),
      pending: expect.any(Number),
      dead: 0,
    });
    expect(receiver.invalid).toEqual([]);
  });

  it("leaves neither its address nor its secrets in the database, nor in what list tells", async () => {
    const receiver = openAlertReceiver();
    const endpoint_id = await subscribe(receiver);
    await ask("rotate", { endpoint_id });
    await ask("test", { endpoint_id });
    const rows = await sql`
      select to_jsonb(endpoints)::text as row from private.alert_endpoints as endpoints
      union all select to_jsonb(outbox)::text from private.alert_outbox as outbox
      union all select to_jsonb(deliveries)::text from private.alert_deliveries as deliveries`;
    const known = JSON.stringify([rows, (await ask("list", { status: "delivered" })).body]);
    expect(known).toContain(endpoint_id);
    for (const secret of ["secret-path", "whsec_", ...receiver.secrets.map((one) => one.slice(6, 30))]) {
      expect(known).not.toContain(secret);
    }
    expect(JSON.stringify((await ask("list")).body)).not.toContain("sealed");
  });

  it("with a new secret is signed with both for a day, so that the receiver can switch", async () => {
    const receiver = openAlertReceiver();
    const endpoint_id = await subscribe(receiver);
    const { body: { secret } } = await ask("rotate", { endpoint_id });
    expect(secret).not.toBe(receiver.secrets[0]);
    await ask("test", { endpoint_id });
    receiver.secrets[0] = secret;
    await ask("test", { endpoint_id });
    await sql`
      update private.alert_endpoints set previous_secret_until = previous_secret_until - interval '24 hours'
      where id = ${endpoint_id}`;
    await ask("test", { endpoint_id });
    expect(testsIn(receiver).map(({ signatures }) => signatures.length)).toEqual([2, 2, 1]);
    expect(receiver.invalid).toEqual([]);
  });

  it("that fails shows why, becomes a dead letter, and is replayed", async () => {
    const receiver = openAlertReceiver();
    const endpoint_id = await subscribe(receiver);
    receiver.answer = () => 500;
    const tested = await ask("test", { endpoint_id });
    expect(tested.body).toMatchObject({ delivered: false, error: "The receiver answered 500" });
    const { webhook_id } = tested.body;
    expect((await listed(endpoint_id, "pending")).filter((one) => one.webhook_id === webhook_id))
      .toMatchObject([
        { attempts: 1, last_http_status: 500, next_attempt_at: expect.any(String) },
      ]);
    await sql`
      update private.alert_deliveries
      set first_attempt_at = now() - interval '4 days', next_attempt_at = now() where endpoint_id = ${endpoint_id}`;
    await eventually("the dead letter", async () => {
      await ask("deliver");
      return await isListed(endpoint_id, "dead", webhook_id);
    });
    receiver.answer = () => 204;
    expect((await ask("replay", { endpoint_id })).body.replayed).toBeGreaterThanOrEqual(1);
    await eventually("the replay", async () => {
      await ask("deliver");
      return await isListed(endpoint_id, "delivered", webhook_id);
    });
    expect(new Set(testsIn(receiver).map(({ webhookId }) => webhookId))).toEqual(new Set([webhook_id]));
  });

  it.each(["unsubscribe", "rotate", "test"])("that does not exist is 404 for %s", async (action) => {
    expectRefusal(await ask(action, { endpoint_id: crypto.randomUUID() }), 404, "not_found");
  });

  it.each([
    ["http://example.com/", /https/],
    ["https://10.0.0.1/", /https, with a host name/],
    ["https://db/", /https, with a host name/],
    ["not an address", /https/],
  ])("to %s is refused with the reason", async (url, reason) => {
    const answer = await ask("subscribe", { url });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.message).toMatch(reason);
  });

  it("to an unknown type is refused, and the message lists the known ones", async () => {
    const answer = await ask("subscribe", { url: "https://example.com/", alert_types: ["nonsense"] });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.message).toContain("low_balance");
  });

  it("to this machine is refused where the setting does not allow it, and so is a delivery", async () => {
    const receiver = openAlertReceiver();
    expectRefusal(await ask("subscribe", { url: receiver.url }, strict.url), 400, "invalid_request");
    const endpoint_id = await subscribe(receiver);
    const tested = await ask("test", { endpoint_id }, strict.url);
    expect(tested.body).toMatchObject({ delivered: false, error: expect.stringContaining("must be https") });
    expect(receiver.received).toEqual([]);
    expect(strict.log).not.toContain("secret-path");
  });
});

describe("a deliverer that is killed", () => {
  it("between sending and recording loses nothing: the alert is sent again with the same id", async () => {
    const doomed = await openFunctions();
    const receiver = openAlertReceiver();
    const endpoint_id = await subscribe(receiver);
    const arrived = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<number>();
    receiver.answer = () => {
      arrived.resolve();
      return answered.promise;
    };
    const broken = ask("test", { endpoint_id }, doomed.url).catch(() => undefined);
    await arrived.promise;
    await doomed.kill();
    answered.resolve(204);
    await broken;
    receiver.answer = () => 204;
    const testIn = async (status: string) =>
      (await listed(endpoint_id, status)).filter(({ alert_type }) => alert_type === "test");
    expect(await testIn("pending")).toMatchObject([{ attempts: 1, last_http_status: null }]);
    await ask("deliver");
    expect(testsIn(receiver)).toHaveLength(1); // The lease of the one that was killed still counts.

    await sql`
      update private.alert_deliveries set leased_until = leased_until - interval '1 minute'
      where endpoint_id = ${endpoint_id}`;
    await eventually("the second try", async () => {
      await ask("deliver");
      return testsIn(receiver).length === 2;
    });
    const [first, second] = testsIn(receiver);
    expect({ id: second!.webhookId, body: second!.body }).toEqual({
      id: first!.webhookId,
      body: first!.body,
    });
    expect(await testIn("delivered")).toMatchObject([{ webhook_id: first!.webhookId, attempts: 2 }]);
  });
});

describe("the platform that the functions run on", () => {
  it("is tested by the functions themselves: secrets are safe, and trials that need https are skipped without it", async () => {
    const { status, body } = await ask("try-platform");
    expect(status).toBe(200);
    expect(body.trials).toEqual([
      ...["sealing", "opening", "refusing"].map((trial) => ({
        trial,
        outcome: "good",
        message: expect.any(String),
      })),
      ...["picture", "alert"].map((trial) => ({
        trial,
        outcome: "untried",
        message: "The project has no https URL with a public name",
      })),
    ]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { newSpanId, newTraceId } from "../../supabase/functions/_shared/platform/trace_context.ts";
import { openOtlpReceiver, type ReceivedSpan } from "../support/otlp_receiver.ts";
import { stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, eventually } from "./support/calls.ts";
import { demoModelUrl, logLines, openFunctions } from "./support/functions.ts";

const SERVER = 2;
const CLIENT = 3;
const PROMPT = "traced-prompt-of-a-user";

const accounts = openAccounts();
const receiver = openOtlpReceiver();
/** The `traceparent` of each call that the provider got. */
const atProvider: string[] = [];
let functions: ExtraFunctions;

beforeAll(async () => {
  const provider = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    atProvider.push(request.headers.get("traceparent") ?? "");
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "accept-encoding"]) headers.delete(name);
    return await fetch(demoModelUrl + new URL(request.url).pathname, {
      method: request.method,
      headers,
      body: await request.text(),
    });
  });
  afterAll(() => provider.shutdown());
  functions = await openFunctions({
    AI_BASE_URL: `http://127.0.0.1:${provider.addr.port}/v1`,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=a%20key",
    OTEL_SERVICE_NAME: "tested",
    OTEL_BSP_SCHEDULE_DELAY: "50",
  });
});

/** The spans of a trace, once there are as many. */
function spansOf(traceId: string, count: number): Promise<ReceivedSpan[]> {
  return eventually(`${count} spans of ${traceId}`, () => {
    const found = receiver.spans.filter((span) => span.traceId === traceId);
    return Promise.resolve(found.length >= count && found);
  });
}

const traceparent = (traceId: string, spanId: string, flags: string) => `00-${traceId}-${spanId}-${flags}`;

describe("a traced request", () => {
  it("is one trace through gateway, function, ledger, database and provider, as a part of its caller's", async () => {
    const user = await accounts.newUser(1_000);
    const [traceId, callerSpanId] = [newTraceId(), newSpanId()];
    const answer = await call("echo", {
      base: functions.url,
      user,
      body: { text: PROMPT },
      headers: { traceparent: traceparent(traceId, callerSpanId, "01"), tracestate: "vendor=value" },
    });
    expect(answer.status, answer.text).toBe(200);
    const spans = await spansOf(traceId, 7);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const tree = spans.map(({ name, kind, service, parentSpanId }) => {
      const parent = byId.get(parentSpanId!)?.name ??
        (parentSpanId === callerSpanId ? "the caller" : parentSpanId);
      return `${parent} > ${name} (${service}, ${kind})`;
    });
    const hold = tree.find((line) => /ledger (hold_tokens|admit_request)/.test(line))!.match(
      /ledger (\w+)/,
    )![1]!;
    expect(tree.toSorted()).toEqual([
      `the caller > POST /functions/v1/echo (tested-gateway, ${SERVER})`,
      `POST /functions/v1/echo > POST echo (tested, ${SERVER})`,
      `POST echo > ledger ${hold} (tested, 1)`,
      `ledger ${hold} > rpc ${hold} (tested, ${CLIENT})`,
      `POST echo > provider demo-text (tested, ${CLIENT})`,
      `POST echo > ledger settle_tokens (tested, 1)`,
      `ledger settle_tokens > rpc settle_tokens (tested, ${CLIENT})`,
    ].toSorted());
    for (const { startTimeUnixNano, endTimeUnixNano, spanId, traceState } of spans) {
      expect(spanId).toMatch(/^[0-9a-f]{16}$/);
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
      expect(Math.abs(Number(BigInt(startTimeUnixNano) / 1_000_000n) - Date.now())).toBeLessThan(60_000);
      expect(traceState).toBe("vendor=value");
    }
    const provider = spans.find(({ name }) => name === "provider demo-text")!;
    expect(atProvider).toContain(traceparent(traceId, provider.spanId, "01"));

    const served = spans.find(({ name }) => name === "POST echo")!;
    expect(served.attributes).toEqual({
      "http.request.method": "POST",
      "http.route": "echo",
      "http.response.status_code": 200,
      "tessera.request_id": answer.body.usage.request_id,
    });
    const [line] = await logLines(functions, answer.body.usage.request_id);
    expect(line!.trace_id).toBe(traceId);
    expect(receiver.headers.at(-1)!.get("x-collector-key")).toBe("a key");
  });

  it("says nothing of the user, its words or its credentials", async () => {
    const user = await accounts.newUser(1_000);
    const traceId = newTraceId();
    const key = `key-${crypto.randomUUID()}`;
    const headers = { traceparent: traceparent(traceId, newSpanId(), "01") };
    await call("echo", { base: functions.url, user, key, body: { text: PROMPT }, headers });
    await call("balance?limit=1", { base: functions.url, user, method: "GET", headers });
    await spansOf(traceId, 8);
    const text = JSON.stringify(receiver.spans);
    for (
      const secret of [user.id, user.token, PROMPT, key, stack.publishableKey, stack.secretKey, "limit=1"]
    ) {
      expect(text).not.toContain(secret);
    }
  });

  it("is traced no further when its caller does not trace it, and passes that on", async () => {
    const user = await accounts.newUser(1_000);
    const [silent, loud] = [newTraceId(), newTraceId()];
    for (const [traceId, flags] of [[silent, "00"], [loud, "01"]] as const) {
      const headers = { traceparent: traceparent(traceId, newSpanId(), flags) };
      const { status } = await call("echo", { base: functions.url, user, body: { text: PROMPT }, headers });
      expect(status).toBe(200);
    }
    await spansOf(loud, 7);
    expect(receiver.spans.filter(({ traceId }) => traceId === silent)).toEqual([]);
    expect(atProvider.filter((one) => one.startsWith(`00-${silent}`) && one.endsWith("-00"))).toHaveLength(1);
  });

  it("begins a trace where there is none, or none that is valid", async () => {
    const user = await accounts.newUser(1_000);
    for (const headers of [{}, { traceparent: "00-00000000000000000000000000000000-0000000000000000-01" }]) {
      const answer = await call("echo", { base: functions.url, user, body: { text: PROMPT }, headers });
      const [line] = await logLines(functions, answer.body.usage.request_id);
      const spans = await spansOf(line!.trace_id as string, 7);
      expect(spans.filter(({ parentSpanId }) => parentSpanId === undefined).map(({ service }) => service))
        .toEqual(["tested-gateway"]);
    }
  });

  it("shows its refusal, and marks only our own failures as errors", async () => {
    const [poor, rich] = await Promise.all([accounts.newUser(0), accounts.newUser(100)]);
    const traceId = newTraceId();
    const headers = { traceparent: traceparent(traceId, newSpanId(), "01") };
    await call("echo", { base: functions.url, user: poor, body: { text: PROMPT }, headers });
    await call("throws", { base: functions.url, user: rich, body: { text: PROMPT }, headers });
    const spans = await spansOf(traceId, 11);
    const served = spans.filter(({ service, kind }) => service === "tested" && kind === SERVER);
    expect(served.map(({ attributes, status }) => [attributes["error.type"], status.code]).toSorted())
      .toEqual([
        ["insufficient_tokens", undefined],
        ["internal", 2],
      ]);
  });
});

import { describe, expect, it } from "vitest";

import {
  newTraceId,
  readTraceContext,
  traceContextHeaders,
} from "../../supabase/functions/_shared/platform/trace_context.ts";
import { createTracer } from "../../supabase/functions/_shared/platform/tracer.ts";
import {
  inThisTrace,
  isTraced,
  traced,
  withTraceContext,
} from "../../supabase/functions/_shared/platform/tracing.ts";
import { openOtlpReceiver } from "../support/otlp_receiver.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

const headersWith = (traceparent: string, tracestate = "") => new Headers({ traceparent, tracestate });

describe("a traceparent", () => {
  it("is read and written as W3C Trace Context says", () => {
    const context = readTraceContext(headersWith(`00-${TRACE}-${SPAN}-01`, "a=1"));
    expect(context).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true, tracestate: "a=1" });
    expect(traceContextHeaders(context!)).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-01`,
      tracestate: "a=1",
    });
    expect(readTraceContext(headersWith(`00-${TRACE}-${SPAN}-02`))).toMatchObject({ isSampled: false });
    expect(readTraceContext(headersWith(`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`)))
      .toMatchObject({ traceId: TRACE, isSampled: true });
  });

  it.each([
    ["nothing", ""],
    ["an id of zeros", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["a parent of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["version ff", `ff-${TRACE}-${SPAN}-01`],
    ["more than version 00 has", `00-${TRACE}-${SPAN}-01-more`],
    ["capitals", `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ["an id that is too short", `00-${TRACE.slice(1)}-${SPAN}-01`],
    ["no flags", `00-${TRACE}-${SPAN}`],
    ["flags that are no number", `00-${TRACE}-${SPAN}-0x`],
  ])("with %s is none", (_what, traceparent) => {
    expect(readTraceContext(headersWith(traceparent))).toBeUndefined();
  });

  it("has a tracestate passed on up to 512 characters", () => {
    const long = `a=${"x".repeat(600)}`;
    expect(readTraceContext(headersWith(`00-${TRACE}-${SPAN}-01`, long))).not.toHaveProperty("tracestate");
  });
});

describe("without an endpoint", () => {
  it("nothing is traced and nothing is loaded for it", async () => {
    expect(isTraced()).toBe(false);
    expect(await traced("work", "internal", {}, (span) => Promise.resolve(span))).toBeUndefined();
    expect([...withTraceContext(new Headers({ a: "1" }))]).toEqual([["a", "1"]]);
    expect(inThisTrace()(() => 1)).toBe(1);
  });
});

describe("a tracer", () => {
  const receiver = openOtlpReceiver();
  const open = (settings = {}) =>
    createTracer({
      endpoint: receiver.endpoint,
      serviceName: "unit",
      delayMs: 60_000,
      isParentBased: true,
      ratio: 1,
      ...settings,
    });
  const namesOf = (traceId: string) =>
    receiver.spans.filter((span) => span.traceId === traceId).map(({ name }) => name);

  it("keeps the part of the traces that it is told, the same ones in every service", () => {
    const ids = Array.from({ length: 4_000 }, newTraceId);
    const kept = [1, 2].map(() => {
      const tracer = open({ ratio: 0.25, isParentBased: false });
      const isKept = (id: string) =>
        tracer.startServer(headersWith(`00-${id}-${SPAN}-00`), "x").context.isSampled;
      return ids.filter(isKept);
    });
    expect(kept[0]).toEqual(kept[1]);
    expect(kept[0]!.length).toBeGreaterThan(850);
    expect(kept[0]!.length).toBeLessThan(1_150);
  });

  it("goes by its caller's decision, or by its own alone when told so", () => {
    const sampled = headersWith(`00-${TRACE}-${SPAN}-01`);
    const unsampled = headersWith(`00-${TRACE}-${SPAN}-00`);
    const isSampled = (settings: object, headers: Headers) =>
      open(settings).startServer(headers, "x").context.isSampled;
    expect(isSampled({ ratio: 0 }, sampled)).toBe(true);
    expect(isSampled({ ratio: 1 }, unsampled)).toBe(false);
    expect(isSampled({ ratio: 0, isParentBased: false }, sampled)).toBe(false);
    expect(isSampled({ ratio: 1, isParentBased: false }, unsampled)).toBe(true);
  });

  it("keeps spans that a collector could not take, and gives up those that it never takes", async () => {
    const tracer = open();
    const span = tracer.startServer(new Headers(), "kept");
    span.end();
    receiver.refuse(503, 1);
    await tracer.flush();
    expect(namesOf(span.context.traceId)).toEqual([]);
    await tracer.flush();
    expect(namesOf(span.context.traceId)).toEqual(["kept"]);

    const lost = tracer.startServer(new Headers(), "lost");
    lost.end();
    receiver.refuse(400, 1);
    await tracer.flush();
    await tracer.flush();
    expect(namesOf(lost.context.traceId)).toEqual([]);
  });

  it("fails nobody when there is no collector", async () => {
    const tracer = open({ endpoint: "http://127.0.0.1:1" });
    for (let one = 0; one < 5; one++) {
      tracer.startServer(new Headers(), "nobody hears").end();
      await tracer.flush();
    }
  });

  it("ends a span once, with what it knew by then", async () => {
    const tracer = open();
    const span = tracer.startServer(new Headers(), "once", { a: 1, b: undefined });
    span.set({ c: true, d: 0.5 });
    span.end({ isError: true });
    span.set({ e: "late" });
    span.end();
    await tracer.flush();
    const found = receiver.spans.filter(({ spanId }) => spanId === span.context.spanId);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ attributes: { a: 1, c: true, d: 0.5 }, status: { code: 2 } });
    expect(found[0]!.attributes).not.toHaveProperty("e");
  });

  it("knows the running span across what is waited for, each request its own", async () => {
    const tracer = open();
    const parents = await Promise.all([1, 2, 3].map(() => {
      const span = tracer.startServer(new Headers(), "parent");
      return tracer.run(span, async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        const child = tracer.startChild("child", "internal")!;
        return [span.context, child.context];
      });
    }));
    for (const [parent, child] of parents) expect(child!.traceId).toBe(parent!.traceId);
    expect(new Set(parents.map(([parent]) => parent!.traceId)).size).toBe(3);
    expect(tracer.startChild("orphan", "internal")).toBeUndefined();
  });
});

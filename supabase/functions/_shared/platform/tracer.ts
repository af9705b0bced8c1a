import { AsyncLocalStorage } from "node:async_hooks";

import { inBackground, isProcessEnding, later } from "./background.ts";
import { newSpanId, newTraceId, readTraceContext, type TraceContext } from "./trace_context.ts";

// Spans, and their export as OTLP over HTTP in JSON. Loaded only when an endpoint is set. docs/decisions/libraries.md
// says why this does not use the official packages. https://opentelemetry.io/docs/specs/otlp/

export interface TracerSettings {
  /** The collector's address, without /v1/traces. */
  endpoint: string;
  /** `name=value`, …, values percent-encoded. */
  headers?: string;
  serviceName: string;
  /** How long spans are collected before they are exported together. */
  delayMs: number;
  /** Whether the caller's sampling decision is used, if it made one. */
  isParentBased: boolean;
  /** The share of traces that is kept, from 0 to 1. */
  ratio: number;
}

export type SpanKind = "internal" | "server" | "client";
/** Never a user's input, its response, or who the user is. */
export type Attributes = Record<string, string | number | boolean | undefined>;

export interface Span {
  readonly context: TraceContext;
  set(attributes: Attributes): void;
  /** Ends the span. A second call does nothing. */
  end(outcome?: { isError?: boolean }): void;
}

interface Recorded {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number };
}

const KINDS: Record<SpanKind, number> = { internal: 1, server: 2, client: 3 };
const STATUS_ERROR = 2;
const EXPORT_TIMEOUT_MS = 5_000;
/** In one export. */
const MAX_SPANS = 512;
/**
 * The most spans that wait for an export. More are dropped, so that an unreachable collector does not fill the
 * memory.
 */
const MAX_WAITING = 4_096;
const MAX_FAILURES = 3;

export type Tracer = ReturnType<typeof createTracer>;

/** Opens a tracer; its spans are exported in the background and at the process's end. */
export function createTracer(settings: TracerSettings) {
  const current = new AsyncLocalStorage<TraceContext>();
  let waiting: Recorded[] = [];
  let isPlanned = false;
  let failureCount = 0;
  let lastExport: Promise<void> = Promise.resolve();

  /** A span that continues the trace in the headers, or starts a new trace. */
  function startServer(
    headers: { get(name: string): string | null },
    name: string,
    attributes: Attributes = {},
  ): Span {
    const parent = readTraceContext(headers);
    const traceId = parent?.traceId ?? newTraceId();
    const isSampled = settings.isParentBased && parent
      ? parent.isSampled
      : isInRatio(traceId, settings.ratio);
    return start(name, "server", attributes, { traceId, isSampled, tracestate: parent?.tracestate }, parent);
  }

  /** A span inside the current one; undefined without one. */
  function startChild(name: string, kind: SpanKind, attributes: Attributes = {}): Span | undefined {
    const parent = current.getStore();
    return parent && start(name, kind, attributes, parent, parent);
  }

  function start(
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    { traceId, isSampled, tracestate }: Omit<TraceContext, "spanId">,
    parent: TraceContext | undefined,
  ): Span {
    const context = { traceId, spanId: newSpanId(), isSampled, tracestate };
    if (!isSampled) return { context, set() {}, end() {} };
    const startedAt = nowUnixNano();
    let known = attributes;
    let isOver = false;
    return {
      context,
      set: (more) => known = { ...known, ...more },
      end({ isError = false } = {}) {
        if (isOver) return;
        isOver = true;
        record({
          traceId,
          spanId: context.spanId,
          parentSpanId: parent?.spanId,
          traceState: tracestate,
          name,
          kind: KINDS[kind],
          startTimeUnixNano: startedAt,
          endTimeUnixNano: nowUnixNano(),
          attributes: toAttributes(known),
          status: isError ? { code: STATUS_ERROR } : {},
        });
      },
    };
  }

  function record(span: Recorded): void {
    if (waiting.length < MAX_WAITING) waiting.push(span);
    if (!isPlanned) plan();
  }

  function plan(): void {
    isPlanned = true;
    inBackground(
      later(settings.delayMs).then(() => {
        isPlanned = false;
        return flush();
      }),
    );
  }

  /** Exports the spans that have ended, one export at a time. Never throws. */
  function flush(): Promise<void> {
    lastExport = lastExport.then(exportAll);
    return lastExport;
  }

  async function exportAll(): Promise<void> {
    while (waiting.length > 0) {
      const spans = waiting.splice(0, MAX_SPANS);
      if (await send(spans)) {
        failureCount = 0;
        continue;
      }
      failureCount++;
      if (failureCount >= MAX_FAILURES || isProcessEnding()) return; // Dropped: a later export may do better.
      waiting = [...spans, ...waiting].slice(0, MAX_WAITING);
      if (!isPlanned) plan();
      return;
    }
  }

  /** Whether these spans are done: exported, or refused for good. */
  async function send(spans: Recorded[]): Promise<boolean> {
    try {
      const response = await current.exit(() =>
        fetch(`${settings.endpoint.replace(/\/$/, "")}/v1/traces`, {
          method: "POST",
          headers: { "Content-Type": "application/json", ...headersOf(settings.headers) },
          body: JSON.stringify({
            resourceSpans: [{
              resource: { attributes: toAttributes({ "service.name": settings.serviceName }) },
              scopeSpans: [{ scope: { name: "tessera" }, spans }],
            }],
          }),
          signal: AbortSignal.timeout(EXPORT_TIMEOUT_MS),
        })
      );
      await response.body?.cancel();
      return ![429, 502, 503, 504].includes(response.status); // Any other refusal is final.
    } catch {
      return false;
    }
  }

  return {
    startServer,
    startChild,
    /** Runs work inside a span; spans that the work starts are its children. */
    run: <Result>(span: Span, work: () => Result): Result => current.run(span.context, work),
    current: (): TraceContext | undefined => current.getStore(),
    flush,
  };
}

/** Decides as OpenTelemetry's samplers do, so that all services keep the same traces. */
function isInRatio(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
}

function nowUnixNano(): string {
  return `${Math.round((performance.timeOrigin + performance.now()) * 1_000)}000`;
}

function headersOf(text = ""): Record<string, string> {
  return Object.fromEntries(
    text.split(",").filter((pair) => pair.includes("=")).map((pair) => {
      const [name, ...value] = pair.split("=");
      return [name!.trim(), decodeURIComponent(value.join("=").trim())];
    }),
  );
}

function toAttributes(attributes: Attributes): Recorded["attributes"] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: toValue(value) }]
  );
}

function toValue(value: string | number | boolean): Record<string, unknown> {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

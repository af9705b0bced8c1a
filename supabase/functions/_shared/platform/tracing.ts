import { observability } from "./settings.ts";
import { describeCause, logEvent } from "./log.ts";
import type { Attributes, Span, SpanKind, Tracer } from "./tracer.ts";
import { traceContextHeaders } from "./trace_context.ts";

/** Null: tracing is off, and its code is not loaded. */
let tracer: Tracer | null | undefined;
let loading: Promise<void> | undefined;

/** Whether an endpoint for traces is set. */
export function isTraced(): boolean {
  if (tracer === undefined) {
    tracer = observability().OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? null : undefined;
  }
  return tracer !== null;
}

async function load(): Promise<void> {
  const { createTracer } = await import("./tracer.ts").catch((error) => {
    logEvent("error", { cause: describeCause(error) });
    return { createTracer: () => null };
  });
  const settings = observability();
  tracer = createTracer({
    endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT!,
    headers: settings.OTEL_EXPORTER_OTLP_HEADERS,
    delayMs: settings.OTEL_BSP_SCHEDULE_DELAY,
    serviceName: settings.OTEL_SERVICE_NAME,
    isParentBased: settings.OTEL_TRACES_SAMPLER === "parentbased_traceidratio",
    ratio: settings.OTEL_TRACES_SAMPLER_ARG,
  });
}

/** Serves a request inside its own span, which belongs to the caller's trace. The work ends the span. */
export async function traceRequest<Result>(
  request: Request,
  route: string,
  work: (span?: Span) => Promise<Result>,
): Promise<Result> {
  if (!tracer) await (loading ??= load());
  if (!tracer) return await work();
  const span = tracer.startServer(request.headers, `${request.method} ${route}`, {
    "http.request.method": request.method,
    "http.route": route,
  });
  return await tracer.run(span, () => work(span));
}

/** Runs work inside a child span of the request's span; without a traced request it just runs the work. */
export async function traced<Result>(
  name: string,
  kind: SpanKind,
  attributes: Attributes,
  work: (span?: Span) => Promise<Result>,
): Promise<Result> {
  const span = tracer?.startChild(name, kind, attributes);
  if (span === undefined) return await work();
  try {
    const result = await tracer!.run(span, () => work(span));
    span.end();
    return result;
  } catch (error) {
    span.set({ "error.type": error instanceof Error ? error.name : "unknown" });
    span.end({ isError: true });
    throw error;
  }
}

/** `fetch` inside a span of the running request, with trace headers for the other side. */
export function tracedFetch(
  name: string,
  attributes: Attributes,
  input: RequestInfo | URL,
  init: RequestInit = {},
): Promise<Response> {
  if (!tracer?.current()) return fetch(input, init);
  return traced(name, "client", attributes, async (span) => {
    const given = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    const response = await fetch(input, { ...init, headers: withTraceContext(given) });
    span?.set({ "http.response.status_code": response.status });
    return response;
  });
}

/** Adds the trace headers of the running work. */
export function withTraceContext(headers: Headers): Headers {
  const context = tracer?.current();
  if (context === undefined) return headers;
  for (const [name, value] of Object.entries(traceContextHeaders(context))) headers.set(name, value);
  return headers;
}

/** Makes work that starts elsewhere part of the request that is running now. */
export function inThisTrace(): <Result>(work: () => Result) => Result {
  const context = tracer?.current();
  if (context === undefined) return (work) => work();
  return (work) => tracer!.run({ context, set() {}, end() {} }, work);
}

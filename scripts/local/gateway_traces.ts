import type { IncomingMessage, ServerResponse } from "node:http";

/** Creates the gateway's span of a trace. */
export interface GatewayTraces {
  /** Continues the caller's trace or begins one, and passes it on with the request. */
  follow(incoming: IncomingMessage, answer: ServerResponse): void;
  flush(): Promise<void>;
}

/** The gateway's spans, if an endpoint for traces is set; otherwise a caller's traceparent is passed on unchanged. */
export async function openGatewayTraces(): Promise<GatewayTraces | undefined> {
  if (!Deno.env.get("OTEL_EXPORTER_OTLP_ENDPOINT")) return undefined;
  const [{ observability }, { createTracer }, { traceContextHeaders }] = await Promise.all([
    import("../../supabase/functions/_shared/platform/settings.ts"),
    import("../../supabase/functions/_shared/platform/tracer.ts"),
    import("../../supabase/functions/_shared/platform/trace_context.ts"),
  ]);
  const settings = observability();
  if (settings.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined;
  const tracer = createTracer({
    endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: settings.OTEL_EXPORTER_OTLP_HEADERS,
    delayMs: settings.OTEL_BSP_SCHEDULE_DELAY,
    serviceName: `${settings.OTEL_SERVICE_NAME}-gateway`,
    isParentBased: settings.OTEL_TRACES_SAMPLER === "parentbased_traceidratio",
    ratio: settings.OTEL_TRACES_SAMPLER_ARG,
  });

  return {
    follow(incoming, answer) {
      const { headers, method = "GET", url = "/" } = incoming;
      const isFunction = url.startsWith("/functions/v1/");
      if (method === "OPTIONS" || (!isFunction && headers.traceparent === undefined)) return;
      // No more of the path: the rest may contain a user's id.
      const route = url.split("?")[0]!.split("/").slice(0, 4).join("/");
      const given = { get: (name: string) => [headers[name]].flat()[0] ?? null };
      const span = tracer.startServer(given, `${method} ${route}`, {
        "http.request.method": method,
        "http.route": route,
      });
      Object.assign(headers, traceContextHeaders(span.context));
      answer.once("close", () => {
        span.set({ "http.response.status_code": answer.statusCode });
        span.end({ isError: answer.statusCode >= 500 || !answer.writableFinished });
      });
    },
    flush: tracer.flush,
  };
}

import { afterAll } from "vitest";

export interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Record<string, unknown>;
  status: { code?: number };
}

/** A collector that takes OTLP over HTTP in JSON, and refuses what is not in that form. */
export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  endpoint: string;
  spans: ReceivedSpan[];
  /** The headers of each export. */
  headers: Headers[];
  /** Answers the next exports with this status instead of taking them. */
  refuse(status: number, times: number): void;
}

/** Starts one; it ends after the test file. */
export function openOtlpReceiver(): OtlpReceiver {
  const spans: ReceivedSpan[] = [];
  const headers: Headers[] = [];
  const refusals: number[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const body = await request.json();
    headers.push(request.headers);
    const isRight = request.method === "POST" && new URL(request.url).pathname === "/v1/traces" &&
      request.headers.get("Content-Type") === "application/json";
    if (!isRight) return new Response(null, { status: 400 });
    const refusal = refusals.shift();
    if (refusal !== undefined) return new Response(null, { status: refusal });
    for (const { resource, scopeSpans } of body.resourceSpans) {
      const service = read(resource.attributes)["service.name"] as string;
      for (const span of scopeSpans.flatMap((one: { spans: unknown[] }) => one.spans)) {
        spans.push({ ...span, service, attributes: read(span.attributes) });
      }
    }
    return Response.json({});
  });
  afterAll(() => server.shutdown());
  return {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    spans,
    headers,
    refuse: (status, times) => refusals.push(...Array.from({ length: times }, () => status)),
  };
}

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean };
}

function read(attributes: Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => {
    const [[kind, content]] = Object.entries(value) as [[string, unknown]];
    return [key, kind === "intValue" ? Number(content) : content];
  }));
}

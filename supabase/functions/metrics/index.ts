import { z } from "zod";

import { CONTENT_TYPES, expose, formatFor, type Readings } from "../_metrics/exposition.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { LATENCY_BOUNDS_S } from "../_shared/http/request_metrics.ts";
import { callDatabase } from "../_shared/database/rpc.ts";

/**
 * Requests, latencies, tokens, anomalies, queues, jobs and the database, as text for Prometheus (0.0.4), or as
 * OpenMetrics for a scraper that accepts it. docs/metrics.md lists all metrics.
 */
export default defineEndpoint({
  name: "metrics",
  auth: "secret",
  method: "GET",
  input: z.object({}),
  async handle({ request }) {
    const readings = await callDatabase("read_metrics", {}) as unknown as Readings;
    const format = formatFor(request.headers.get("Accept"));
    return new Response(expose(readings, LATENCY_BOUNDS_S, format), {
      headers: { "Content-Type": CONTENT_TYPES[format] },
    });
  },
}) satisfies Deno.ServeDefaultExport;

import { z } from "zod";

import { defineSettings } from "./env.ts";
import { describeCause, logEvent } from "./log.ts";

/** Settings that every module needs. */
export const coreSettings = defineSettings("Proxies", {
  OTP_TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(1).describe(
    "How many proxies in front of the functions append to X-Forwarded-For; entries further left are ignored",
  ),
});

/** Metrics and tracing. */
export const observabilitySettings = defineSettings("Metrics and traces", {
  METRICS_FLUSH_MS: z.coerce.number().int().min(0).max(600_000).default(10_000).describe(
    "How long a process collects what it counts before it writes it to the database; 0: it counts nothing",
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional().describe(
    "Where traces are sent, as OTLP over HTTP: this address plus /v1/traces. Empty: no tracing",
  ),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().regex(/^[^=,\s]+=[^,]*(,\s*[^=,\s]+=[^,]*)*$/).optional().describe(
    "Headers for the traces, such as an API key: `name=value`, …; values percent-encoded",
  ),
  OTEL_BSP_SCHEDULE_DELAY: z.coerce.number().int().min(0).max(60_000).default(5_000).describe(
    "How long spans are collected before they are exported together, in ms",
  ),
  OTEL_SERVICE_NAME: z.string().min(1).max(100).default("tessera").describe(
    "The name of this service in traces",
  ),
  OTEL_TRACES_SAMPLER: z.enum(["parentbased_traceidratio", "traceidratio"]).default(
    "parentbased_traceidratio",
  )
    .describe(
      "Whether a caller's traceparent decides if its request is traced, or only OTEL_TRACES_SAMPLER_ARG",
    ),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1).describe(
    "The share of traces that is kept, from 0 to 1",
  ),
});

export type Observability = ReturnType<typeof observabilitySettings>;

let known: Observability | undefined;

/** The settings of metrics and tracing. Never throws, so that no request fails because of them. */
export function observability(): Observability {
  known ??= readObservability();
  return known;
}

function readObservability(): Observability {
  try {
    return observabilitySettings();
  } catch (error) {
    logEvent("error", { function: "metrics", cause: describeCause(error) });
    return observabilitySettings.schema.parse({ METRICS_FLUSH_MS: 0 });
  }
}

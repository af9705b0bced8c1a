import { z } from "zod";

import { defineSettings } from "./env.ts";
import { describeCause, logEvent } from "./log.ts";

/** What every module stands on. */
export const coreSettings = defineSettings("Proxies", {
  OTP_TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(1).describe(
    "How many proxies in front of the functions append to X-Forwarded-For; entries further left are ignored",
  ),
});

/** What is measured, and where traces go. */
export const observabilitySettings = defineSettings("Metrics and traces", {
  METRICS_FLUSH_MS: z.coerce.number().int().min(0).max(600_000).default(10_000).describe(
    "How long a process collects what it counts before it writes it to the database; 0: it counts nothing",
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional().describe(
    "Where traces go, as OTLP over HTTP: this address and /v1/traces; without one nothing is traced",
  ),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().regex(/^[^=,\s]+=[^,]*(,\s*[^=,\s]+=[^,]*)*$/).optional().describe(
    "Headers for it, its key among them: `name=value`, …; values percent-encoded",
  ),
  OTEL_BSP_SCHEDULE_DELAY: z.coerce.number().int().min(0).max(60_000).default(5_000).describe(
    "How long spans wait for others that are exported with them, in ms",
  ),
  OTEL_SERVICE_NAME: z.string().min(1).max(100).default("tessera").describe("What traces call this service"),
  OTEL_TRACES_SAMPLER: z.enum(["parentbased_traceidratio", "traceidratio"]).default(
    "parentbased_traceidratio",
  )
    .describe(
      "Whether a caller's traceparent says if its request is traced, or OTEL_TRACES_SAMPLER_ARG alone",
    ),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1).describe(
    "The part of the traces that is kept, from 0 to 1",
  ),
});

export type Observability = ReturnType<typeof observabilitySettings>;

let known: Observability | undefined;

/** How the process is watched. Never throws: no request fails over it. */
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

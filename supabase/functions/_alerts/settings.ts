import { z } from "zod";

import { defineSettings } from "../_shared/platform/env.ts";

/** Where alerts may go. */
export const alertSettings = defineSettings("Alerts", {
  ALERT_LOOPBACK: z.enum(["refused", "allowed"]).default("refused").describe(
    "Whether alerts may go to receivers on the same machine, also over http: only for development",
  ),
  ALERT_TIMEOUT_MS: z.coerce.number().int().min(100).max(30_000).default(10_000).describe(
    "How long a receiver may take for one alert",
  ),
});

import { z } from "zod";

import { defineSettings } from "../_shared/platform/env.ts";
import { CertificatesText } from "../_shared/platform/setting_texts.ts";

/** The Redis from which brokers' tokens are copied. */
export const vaultSettings = defineSettings("Token vault: brokers' tokens", {
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional().describe(
    "The Redis with the keys `token:*`; rediss:// for TLS",
  ),
  REDIS_CA_CERTIFICATE: CertificatesText.optional().describe(
    "The authority that signed the certificate of REDIS_URL, as PEM, if it is not a public one",
  ),
  REDIS_SCAN_MODE: z.enum(["lua", "plain"]).default("lua").describe(
    "How keys are read: by a script in Redis, or by plain commands, for clusters and servers that forbid scripts",
  ),
  UPSTASH_REDIS_REST_URL: z.url().optional().describe("Instead of REDIS_URL: a Redis of Upstash, over HTTP"),
  UPSTASH_REDIS_REST_TOKEN: z.string().min(1).optional().describe("The token for UPSTASH_REDIS_REST_URL"),
  VAULT_SOURCE: z.string().regex(/^[\w.-]{1,100}$/).default("redis").describe(
    "The name of this Redis, if several are copied into the same database",
  ),
  VAULT_SYNC_MAX_MS: z.coerce.number().int().min(100).max(140_000).default(60_000).describe(
    "How long one call of a sync may work; the next call continues",
  ),
  VAULT_SYNC_MAX_CPU_MS: z.coerce.number().int().min(50).max(60_000).default(1_400).describe(
    "How much CPU one call of a sync may use; the next call continues. Hosted functions have 2,000 ms",
  ),
});

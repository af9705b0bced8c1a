import { resolveEnv } from "@supabase/server/core";
import { z } from "zod";

import { STRUCTURED_OUTPUTS } from "./dialect.ts";
import { AppError } from "./errors.ts";
import { KeyringText } from "./keyring.ts";
import { logEvent } from "./log.ts";
import { ProvidersText, RedirectUrlsText } from "./oauth_settings.ts";
import { ListText, ProofKeyText, TestNumbersText } from "./otp_settings.ts";
import { CertificatesText } from "./setting_texts.ts";

/** Every setting there is. Supabase sets those named SUPABASE_; the rest are secrets of the project. */
export const Settings = z.object({
  AI_BASE_URL: z.url({ protocol: /^https?$/ }).default("https://api.openai.com/v1").describe(
    "Any OpenAI-compatible API; a query, like Azure's ?api-version=…, stays at the end",
  ),
  AI_API_KEY: z.string().min(1).describe("The key for AI_BASE_URL; any text for a server that wants none"),
  AI_TEXT_MODEL: z.string().min(1).default("gpt-5.4-mini").describe("Answers requests without a picture"),
  AI_VISION_MODEL: z.string().min(1).default("gpt-5.4-mini").describe("Answers requests with pictures"),
  AI_IMAGE_MODEL: z.string().min(1).default("gpt-image-2").describe("Draws"),
  AI_TRANSCRIBE_MODEL: z.string().min(1).default("whisper-1").describe(
    "Writes down recordings; one without verbose_json gives neither segments nor the length that it heard",
  ),
  AI_SPEECH_MODEL: z.string().min(1).default("tts-1").describe("Speaks"),
  AI_REALTIME_MODEL: z.string().min(1).default("gpt-realtime").describe("Talks"),
  AI_TIMEOUT_MS: z.coerce.number().int().min(1).max(100_000).default(90_000).describe(
    "How long one request may wait for models in all; hosted functions end after 150,000 ms, settlement included",
  ),
  AI_STRUCTURED_OUTPUT: z.enum(["auto", ...STRUCTURED_OUTPUTS]).default("auto").describe(
    "How objects are asked for: auto learns at the first refusal what the server takes; see docs/providers.md",
  ),
  AI_REASONING_EFFORT: z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).optional().describe(
    "How much a reasoning model thinks before it answers; what it may be depends on the model",
  ),
  AI_REASONING_TOKENS: z.coerce.number().int().min(0).max(100_000).default(0).describe(
    "Room for reasoning on top of each feature's limit of the answer; more is held, and what was used is charged",
  ),
  LEDGER_TRANSPORT: z.enum(["rest", "postgres"]).default("rest").describe(
    "How the ledger is reached: through the project's REST API, or straight at SUPABASE_DB_URL",
  ),
  TOKEN_ENCRYPTION_KEYS: KeyringText.optional().describe(
    "Encrypts third-party tokens: `id:key`, …; the first is used for what is new; keys of 32 bytes in base64",
  ),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional().describe(
    "The Redis with the keys `token:*`; rediss:// for TLS",
  ),
  REDIS_CA_CERTIFICATE: CertificatesText.optional().describe(
    "The authority that signed the certificate of REDIS_URL, as PEM, where it is not a public one",
  ),
  REDIS_SCAN_MODE: z.enum(["lua", "plain"]).default("lua").describe(
    "How keys are read: by a script that runs in Redis, or by plain commands, for clusters and where scripts are forbidden",
  ),
  UPSTASH_REDIS_REST_URL: z.url().optional().describe("In place of REDIS_URL: a Redis of Upstash, over HTTP"),
  UPSTASH_REDIS_REST_TOKEN: z.string().min(1).optional().describe("The token for UPSTASH_REDIS_REST_URL"),
  TOKEN_SOURCE: z.string().regex(/^[\w.-]{1,100}$/).default("redis").describe(
    "Names the Redis among several that are copied into the same database",
  ),
  TOKEN_SYNC_MAX_MS: z.coerce.number().int().min(100).max(140_000).default(60_000).describe(
    "After so long a sync rests, and goes on at the next call",
  ),
  TOKEN_SYNC_MAX_CPU_MS: z.coerce.number().int().min(50).max(60_000).default(1_400).describe(
    "After so much CPU a sync rests, and goes on at the next call; hosted functions have 2,000 ms",
  ),
  TOKEN_STORE_TYPE: z.enum(["supabase", "redis", "memory"]).default("supabase").describe(
    "Where tokens of OAuth providers are stored: the project's database, Redis (REDIS_URL), or this process alone",
  ),
  OAUTH_PROVIDERS: ProvidersText.default(new Map()).describe(
    "The OAuth providers, as JSON: docs/oauth-tokens.md",
  ),
  OAUTH_REDIRECT_URLS: RedirectUrlsText.default([]).describe(
    "Where a browser may be sent after an authorization; the first one unless the request names another",
  ),
  OAUTH_MEMORY_FALLBACK: z.enum(["none", "app", "all"]).default("app").describe(
    "Whose tokens a process may keep in its memory while the store cannot be reached: none, the app's own, users' too",
  ),
  OAUTH_PROVIDER_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(10_000).describe(
    "How long an OAuth provider may take for one answer; a lease lasts this long and 5,000 ms more",
  ),
  OAUTH_AUTHORIZATION_TTL_S: z.coerce.number().int().min(1).max(3_600).default(600).describe(
    "How long a user may take at the provider",
  ),
  OTP_PEPPERS: KeyringText.optional().describe(
    "What one-time codes are hashed with: `id:key`, …; the first for new codes; an old one may go after 10 minutes",
  ),
  OTP_PROOF_KEY: ProofKeyText.optional().describe(
    "Signs proofs of verified codes: a private JWK of ES256 with a kid, as JSON",
  ),
  OTP_PROVIDERS: ListText.pipe(z.array(z.enum(["twilio", "vonage", "smtp", "console"]))).default([]).describe(
    "By whom codes are sent, in order: twilio, vonage, smtp for e-mail; console, on a local project alone, prints them",
  ),
  OTP_PROVIDER_TIMEOUT_MS: z.coerce.number().int().min(1).max(30_000).default(4_000).describe(
    "How long one provider may take",
  ),
  OTP_MESSAGE_COST_MICROS: z.coerce.number().int().min(0).max(10_000_000).default(50_000).describe(
    "What one SMS costs, in millionths of your currency, for the cap in otp_settings",
  ),
  OTP_CALLING_CODES: ListText.pipe(z.array(z.string().regex(/^[1-9]\d{0,2}$/))).default([]).describe(
    "Calling codes that get codes: 33, 32, 1; none for all",
  ),
  OTP_DEFAULT_COUNTRY: z.string().regex(/^[A-Z]{2}$/).optional().describe(
    "Where numbers without a calling code belong: FR",
  ),
  OTP_ALLOW_VOIP: z.stringbool().default(false).describe("Whether VoIP numbers get codes"),
  OTP_TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(1).describe(
    "How many proxies in front of the functions append to X-Forwarded-For; what is left of theirs is not believed",
  ),
  OTP_APP_NAME: z.string().min(1).max(30).default("Tessera").describe("The app's name in messages"),
  OTP_APP_HASH: z.string().regex(/^[\w+/]{11}$/).optional().describe(
    "The Android app's hash, so that it may read the code from the SMS",
  ),
  OTP_WEB_DOMAIN: z.string().regex(/^[a-z0-9.-]+\.[a-z]+$/).optional().describe(
    "The site's domain, so that browsers fill the code in there and nowhere else",
  ),
  OTP_TEST_NUMBERS: TestNumbersText.default(new Map()).describe(
    "Numbers with a fixed code, on a local project alone: +33612345678=123456, …",
  ),
  OTP_TEST_NUMBERS_UNTIL: z.iso.datetime({ offset: true }).optional().describe(
    "When they end, which they must: 2026-12-31T00:00:00Z",
  ),
  TWILIO_BASE_URL: z.url().default("https://api.twilio.com").describe("Twilio's API"),
  TWILIO_ACCOUNT_SID: z.string().regex(/^AC\w+$/).optional().describe("The account at Twilio"),
  TWILIO_AUTH_TOKEN: z.string().min(1).optional().describe("Its auth token"),
  TWILIO_FROM: z.string().min(1).optional().describe(
    "The sender: a number, a name, or a messaging service MG…",
  ),
  VONAGE_BASE_URL: z.url().default("https://rest.nexmo.com").describe("Vonage's SMS API"),
  VONAGE_API_KEY: z.string().min(1).optional().describe("The account at Vonage"),
  VONAGE_API_SECRET: z.string().min(1).optional().describe("Its secret"),
  VONAGE_FROM: z.string().min(1).max(15).optional().describe("The sender: a number or a name"),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional().describe(
    "Who takes e-mails: smtps://user:password@host:465; hosted functions reach neither port 25 nor 587",
  ),
  SMTP_FROM: z.string().min(3).optional().describe("Their sender: Tessera <codes@example.com>"),
  SEND_SMS_HOOK_SECRET: z.string().regex(/^v1,whsec_[A-Za-z0-9+/=]+(\|v1,whsec_[A-Za-z0-9+/=]+)*$/).optional()
    .describe(
      "Of Supabase Auth's Send SMS hook: v1,whsec_…; two while it changes, divided by |",
    ),
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
  ALERT_LOOPBACK: z.enum(["refused", "allowed"]).default("refused").describe(
    "Whether alerts may go to receivers on the same machine, over http too: for development alone",
  ),
  ALERT_TIMEOUT_MS: z.coerce.number().int().min(100).max(30_000).default(10_000).describe(
    "How long a receiver may take for one alert",
  ),
  SUPABASE_DB_URL: z.url().optional().describe("The database; a transaction pooler will do"),
});

export type Settings = z.infer<typeof Settings>;

let settings: Settings | undefined;

/** The settings, read and checked at their first use. */
export function env(): Settings {
  settings ??= readSettings();
  return settings;
}

function readSettings(): Settings {
  const given = Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([_name, value]) => value !== ""),
  );
  const parsed = Settings.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new AppError("internal", "This server is not configured completely", {
    cause: new Error(`Settings do not fit:\n${z.prettifyError(parsed.error)}`),
  });
}

const Observability = Settings.pick({
  METRICS_FLUSH_MS: true,
  OTEL_EXPORTER_OTLP_ENDPOINT: true,
  OTEL_EXPORTER_OTLP_HEADERS: true,
  OTEL_BSP_SCHEDULE_DELAY: true,
  OTEL_SERVICE_NAME: true,
  OTEL_TRACES_SAMPLER: true,
  OTEL_TRACES_SAMPLER_ARG: true,
});

export type Observability = z.infer<typeof Observability>;

let observabilitySettings: Observability | undefined;

/** How the process is watched. Never throws: no request may fail over it, nor over a setting that it does not need. */
export function observability(): Observability {
  observabilitySettings ??= readObservability();
  return observabilitySettings;
}

function readObservability(): Observability {
  const names = Object.keys(Observability.shape);
  const given = names.map((name) => [name, Deno.env.get(name) || undefined] as const);
  const parsed = Observability.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const cause = z.prettifyError(parsed.error);
  logEvent("error", { function: "metrics", cause });
  return Observability.parse({ METRICS_FLUSH_MS: 0 });
}

let supabaseEnv: ReturnType<typeof readSupabaseEnv> | undefined;

/** Address and keys of the project, as Supabase provides them. */
export function supabase(): ReturnType<typeof readSupabaseEnv> {
  supabaseEnv ??= readSupabaseEnv();
  return supabaseEnv;
}

function readSupabaseEnv() {
  const { data, error } = resolveEnv();
  if (error) throw new AppError("internal", "This server is not configured completely", { cause: error });
  return { ...data, publicUrl: Deno.env.get("SUPABASE_PUBLIC_URL") || data.url };
}

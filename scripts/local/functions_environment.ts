import { readFileSync } from "node:fs";
import { join } from "node:path";
// By name it would end an older Deno before this says which Deno is needed.
import util from "node:util";
import { databaseUrl } from "./database_url.ts";
import type { Ports } from "./ports.ts";
import { publicKeySet, type Secrets } from "./secrets.ts";

/**
 * The environment of hosted functions, with the stack's own keys unless the caller or the folder's .env sets others.
 * The demo model answers until one of the two names a provider; then all other model names are the hosted defaults,
 * because no provider has a demo model.
 */
export function functionsEnvironment(
  ports: Ports,
  secrets: Secrets,
  folder: string,
  overrides: Record<string, string> = {},
): Record<string, string> {
  const given = { ...fromFile(folder), ...Deno.env.toObject() };
  const demo = {
    AI_BASE_URL: `http://127.0.0.1:${ports.demoModel}/v1`,
    AI_API_KEY: secrets.demoModelKey,
    AI_TEXT_MODEL: "demo-text",
    AI_VISION_MODEL: "demo-vision",
    AI_IMAGE_MODEL: "demo-image",
    AI_TRANSCRIBE_MODEL: "demo-transcribe",
    AI_SPEECH_MODEL: "demo-speech",
    AI_REALTIME_MODEL: "demo-realtime",
  };
  return {
    ...namesProvider(given) ? {} : demo,
    TOKEN_ENCRYPTION_KEYS: `local:${secrets.tokenEncryptionKey}`,
    OTP_PEPPERS: `local:${secrets.otpPepper}`,
    OTP_PROOF_KEY: JSON.stringify(secrets.otpProofKey),
    OTP_PROVIDERS: "console",
    SEND_SMS_HOOK_SECRET: secrets.smsHookSecret,
    ALERT_LOOPBACK: "allowed",
    AUTH_SITES: "http://127.0.0.1:3000,http://localhost:3000",
    ...given,
    ...overrides,
    SUPABASE_URL: `http://127.0.0.1:${ports.api}`,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: secrets.publishableKey }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: secrets.secretKey }),
    SUPABASE_JWKS: JSON.stringify(publicKeySet(secrets)),
    // The user's own pooler may be in between.
    SUPABASE_DB_URL: overrides.SUPABASE_DB_URL ??
      databaseUrl(ports.postgres, "postgres", secrets.postgresPassword),
  };
}

function namesProvider(given: Record<string, string>): boolean {
  return Boolean(given.AI_BASE_URL || given.AI_API_KEY);
}

function fromFile(folder: string): Record<string, string> {
  try {
    return util.parseEnv(readFileSync(join(folder, ".env"), "utf8")) as Record<string, string>;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return {};
    throw error;
  }
}

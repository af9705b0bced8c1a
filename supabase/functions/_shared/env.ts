import { resolveEnv } from "@supabase/server/core";
import { z } from "zod";

import { AppError } from "./errors.ts";
import { KeyringText } from "./keyring.ts";

/** Every setting there is. Supabase sets those named SUPABASE_; the rest are secrets of the project. */
const Settings = z.object({
  AI_BASE_URL: z.url().default("https://api.openai.com/v1").describe("Any OpenAI-compatible API"),
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
  LEDGER_TRANSPORT: z.enum(["rest", "postgres"]).default("rest").describe(
    "How the ledger is reached: through the project's REST API, or straight at SUPABASE_DB_URL",
  ),
  TOKEN_ENCRYPTION_KEYS: KeyringText.optional().describe(
    "Encrypts third-party tokens: `id:key`, …; the first is used for what is new; keys of 32 bytes in base64",
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

import { z } from "zod";

import { defineSettings } from "../_shared/platform/env.ts";
import { KeyringText } from "../_shared/security/keyring.ts";
import { ListText, ProofKeyText, TestNumbersText } from "./setting_texts.ts";

/** Settings of one-time codes. */
export const otpSettings = defineSettings("One-time codes", {
  OTP_PEPPERS: KeyringText.optional().describe(
    "The keys that hash one-time codes: `id:key`, …; the first is for new codes; an old key may be removed after 10 minutes",
  ),
  OTP_PROOF_KEY: ProofKeyText.optional().describe(
    "Signs proofs of verified codes: a private JWK of ES256 with a kid, as JSON",
  ),
  OTP_PROVIDERS: ListText.pipe(z.array(z.enum(["twilio", "vonage", "smtp", "console"]))).default([]).describe(
    "The providers that send codes, in order: twilio, vonage, smtp for e-mail; console prints them, only on a local project",
  ),
  OTP_PROVIDER_TIMEOUT_MS: z.coerce.number().int().min(1).max(30_000).default(4_000).describe(
    "How long one provider may take",
  ),
  OTP_MESSAGE_COST_MICROS: z.coerce.number().int().min(0).max(10_000_000).default(50_000).describe(
    "What one SMS costs, in millionths of your currency, for the cap in otp_settings",
  ),
  OTP_CALLING_CODES: ListText.pipe(z.array(z.string().regex(/^[1-9]\d{0,2}$/))).default([]).describe(
    "Countries that may get codes, by calling code: 33, 32, 1. Empty: all countries",
  ),
  OTP_DEFAULT_COUNTRY: z.string().regex(/^[A-Z]{2}$/).optional().describe(
    "The country of numbers without a calling code: FR",
  ),
  OTP_ALLOW_VOIP: z.stringbool().default(false).describe("Whether VoIP numbers get codes"),
  OTP_APP_NAME: z.string().min(1).max(30).default("Tessera").describe("The app's name in messages"),
  OTP_APP_HASH: z.string().regex(/^[\w+/]{11}$/).optional().describe(
    "The Android app's hash, which lets it read the code from the SMS",
  ),
  OTP_WEB_DOMAIN: z.string().regex(/^[a-z0-9.-]+\.[a-z]+$/).optional().describe(
    "The site's domain; browsers fill in the code only there",
  ),
  OTP_TEST_NUMBERS: TestNumbersText.default(new Map()).describe(
    "Numbers with a fixed code, only on a local project: +33612345678=123456, …",
  ),
  OTP_TEST_NUMBERS_UNTIL: z.iso.datetime({ offset: true }).optional().describe(
    "When the test numbers expire (required with OTP_TEST_NUMBERS): 2026-12-31T00:00:00Z",
  ),
  TWILIO_BASE_URL: z.url().default("https://api.twilio.com").describe("Twilio's API"),
  TWILIO_ACCOUNT_SID: z.string().regex(/^AC\w+$/).optional().describe("The account at Twilio"),
  TWILIO_AUTH_TOKEN: z.string().min(1).optional().describe("The account's auth token"),
  TWILIO_FROM: z.string().min(1).optional().describe(
    "The sender: a number, a name, or a messaging service MG…",
  ),
  VONAGE_BASE_URL: z.url().default("https://rest.nexmo.com").describe("Vonage's SMS API"),
  VONAGE_API_KEY: z.string().min(1).optional().describe("The account at Vonage"),
  VONAGE_API_SECRET: z.string().min(1).optional().describe("The account's secret"),
  VONAGE_FROM: z.string().min(1).max(15).optional().describe("The sender: a number or a name"),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional().describe(
    "The mail server: smtps://user:password@host:465; hosted functions cannot use ports 25 and 587",
  ),
  SMTP_FROM: z.string().min(3).optional().describe("The sender of e-mails: Tessera <codes@example.com>"),
  SEND_SMS_HOOK_SECRET: z.string().regex(/^v1,whsec_[A-Za-z0-9+/=]+(\|v1,whsec_[A-Za-z0-9+/=]+)*$/).optional()
    .describe(
      "The secret of Supabase Auth's Send SMS hook: v1,whsec_…; two during a change, separated by |",
    ),
});

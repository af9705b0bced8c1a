/** When a setting without a default is required. */
export interface Need {
  /** In words, for the table. */
  when: string;
  /** Functions that partly answer 500 without it. */
  functions: string[];
}

/** Every optional setting without a default; a setting that is not listed and has no default is always required. */
export const NEEDS: Record<string, Need> = {
  AI_REASONING_EFFORT: { when: "a model's reasoning takes too long, or is not enough", functions: [] },
  TOKEN_ENCRYPTION_KEYS: {
    when: "third-party tokens are stored, or alerts are sent",
    functions: ["token-manager", "oauth-token", "alerts"],
  },
  REDIS_URL: { when: "`token-manager` copies from a Redis, or `TOKEN_STORE_TYPE=redis`", functions: [] },
  REDIS_CA_CERTIFICATE: {
    when: "the CA of `REDIS_URL`'s certificate is not a public one",
    functions: [],
  },
  UPSTASH_REDIS_REST_URL: { when: "`token-manager` copies from Upstash", functions: [] },
  UPSTASH_REDIS_REST_TOKEN: { when: "`UPSTASH_REDIS_REST_URL` is set", functions: [] },
  OTP_PEPPERS: { when: "one-time codes are sent", functions: ["otp"] },
  OTP_PROOF_KEY: { when: "a verified code gives a proof", functions: ["otp"] },
  OTP_DEFAULT_COUNTRY: { when: "users enter numbers without a calling code", functions: [] },
  OTP_APP_HASH: { when: "an Android app reads the code", functions: [] },
  OTP_WEB_DOMAIN: { when: "browsers fill in the code", functions: [] },
  OTP_TEST_NUMBERS_UNTIL: { when: "`OTP_TEST_NUMBERS` is set", functions: [] },
  TWILIO_ACCOUNT_SID: { when: "`OTP_PROVIDERS` has `twilio`", functions: [] },
  TWILIO_AUTH_TOKEN: { when: "`OTP_PROVIDERS` has `twilio`", functions: [] },
  TWILIO_FROM: { when: "`OTP_PROVIDERS` has `twilio`", functions: [] },
  VONAGE_API_KEY: { when: "`OTP_PROVIDERS` has `vonage`", functions: [] },
  VONAGE_API_SECRET: { when: "`OTP_PROVIDERS` has `vonage`", functions: [] },
  VONAGE_FROM: { when: "`OTP_PROVIDERS` has `vonage`", functions: [] },
  SMTP_URL: { when: "`OTP_PROVIDERS` has `smtp`", functions: [] },
  SMTP_FROM: { when: "`OTP_PROVIDERS` has `smtp`", functions: [] },
  SEND_SMS_HOOK_SECRET: { when: "Auth's Send SMS hook is on", functions: [] },
  OTEL_EXPORTER_OTLP_ENDPOINT: { when: "requests are traced", functions: [] },
  OTEL_EXPORTER_OTLP_HEADERS: { when: "the collector requires a key", functions: [] },
  SUPABASE_DB_URL: { when: "`LEDGER_TRANSPORT=postgres`; Supabase sets it", functions: [] },
};

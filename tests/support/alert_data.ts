import { z } from "zod";

const Time = z.string().describe("As Postgres writes a time with its zone");
const UserId = z.uuid().describe("The user whom it is about");

const WalletId = z.uuid().describe("The team's wallet that it is about");

/**
 * The `data` of each alert, whichever module emits it: docs/alerts.md. The names are part of the API: never renamed.
 */
export const ALERTS = {
  anomaly: z.object({
    anomaly_id: z.int().describe("The row of token_anomalies"),
    anomaly_type: z.string(),
    severity: z.enum(["warning", "critical"]),
    user_id: UserId,
    details: z.record(z.string(), z.unknown()).describe("The evidence; empty where it is over 32 KiB"),
    recorded_at: Time,
  }),
  low_balance: z.object({
    user_id: UserId,
    balance: z.int().describe("Tokens that were left"),
    threshold: z.int().describe("What the balance fell below"),
    seen_at: Time,
  }),
  wallet_low: z.object({
    wallet_id: WalletId,
    balance: z.int().describe("Tokens that were left"),
    threshold: z.int().describe("What the balance fell below"),
    seen_at: Time,
  }),
  grant_expiring: z.object({
    user_id: UserId.optional(),
    wallet_id: WalletId.optional(),
    entry_number: z.int().describe("The entry that added the grant"),
    kind: z.enum(["paid", "plan", "promotion", "rollover", "refund"]),
    tokens: z.int().describe("What was left of it"),
    expires_at: Time,
    seen_at: Time,
  }),
  job_overdue: z.object({
    name: z.string(),
    description: z.string(),
    state: z.string().describe("As in job_status"),
    schedule: z.string().describe("A cron text, in UTC"),
    last_started_at: Time.nullable(),
    last_done_at: Time.nullable(),
    last_outcome: z.string().nullable(),
    last_error: z.string().nullable(),
  }),
  token_about_to_expire: z.object({
    account_name: z.string(),
    token_type: z.string(),
    expires_at: Time,
  }),
  provider_failing: z.object({
    failures: z.int(),
    successes: z.int(),
    window_s: z.int().describe("Over how many seconds they were counted"),
    functions: z.array(z.object({ function: z.string(), failures: z.int(), successes: z.int() })).describe(
      "Those with failures, the most first",
    ),
    seen_at: Time,
  }),
  ledger_anchor: z.object({
    made_at: Time,
    user_count: z.int().describe("How many histories it is of"),
    digest: z.string().describe("SHA-256 in hexadecimal, for `deno task ledger verify --digest`: to be kept"),
  }),
} as const;

export type AlertType = keyof typeof ALERTS;

export const ALERT_TYPES = Object.keys(ALERTS) as [AlertType, ...AlertType[]];

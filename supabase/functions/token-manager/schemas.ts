import { z } from "zod";

import { ACCOUNT_NAME } from "../_vault/source.ts";

const Time = z.string().describe("As Postgres writes a time with its zone");
const Count = z.int().min(0);

/** The result of one call of sync. */
export const SyncOutput = z.object({
  is_configured: z.boolean().describe("Whether there is a Redis to read"),
  synced: Count.describe("New or changed tokens, which were stored"),
  unchanged: Count.describe("Tokens that were stored already: neither fetched nor written"),
  deactivated: Count.describe("Tokens that became inactive: their keys are gone, or they expired"),
  rejected: Count.describe("Values that are not tokens; `status` lists them"),
  unusable_names: Count.describe("Keys with an invalid account name"),
  vanished: Count.describe("Keys that expired while they were being read"),
  mappings: Count.describe("All known key mappings"),
  active: Count.describe("All active tokens"),
  accounts: z.array(z.string()).describe("The accounts that were stored, at most 100 of them"),
  is_complete: z.boolean().describe("Whether all keys were read; if not, the next call continues"),
  is_continued: z.boolean().describe("Whether this call continued an earlier one"),
  duration_ms: Count,
  round_trips: z.object({ redis: Count, database: Count }).describe("Round trips to each"),
});

export const StatusInput = z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(20) });

/** Redis and Postgres side by side. */
export const StatusOutput = z.object({
  redis: z.object({
    keys: Count.nullable().describe("Keys `token:*` now; null when they cannot be counted"),
    problem: z.string().nullable().describe("Why they cannot be counted"),
  }),
  postgres: z.object({
    tokens: Count.describe("Stored tokens, including unusable ones"),
    usable: Count.describe("Tokens that `get` returns"),
    main_accounts: Count.describe("Main accounts with a usable token"),
    mappings: Count.describe("Known key mappings"),
  }),
  sync_needed: z.boolean().describe(
    "No scan was completed yet, one is unfinished, or the number of keys in Redis differs from the last scan's",
  ),
  sync: z.object({
    is_running: z.boolean(),
    is_unfinished: z.boolean().describe("A scan is paused; the next sync continues it"),
    scan_started_at: Time.nullable(),
    completed_at: Time.nullable().describe("When the last scan was completed"),
    keys: Count.nullable().describe("Keys that the last completed scan found"),
    keys_so_far: Count.describe("Keys that the running or paused scan has found"),
  }),
  encryption: z.object({
    active_key_id: z.string().nullable().describe("The key that new tokens are encrypted with"),
    tokens_by_key_id: z.record(z.string(), Count).describe(
      "Stored tokens, by the key they are encrypted with",
    ),
    problem: z.string().nullable().describe("What is wrong with the given keys"),
  }),
  last_updated_at: Time.nullable(),
  recent: z.array(z.object({
    account_name: z.string(),
    main_account: z.string(),
    expires_at: Time.nullable().describe("Null if neither the token nor Redis says it"),
    updated_at: Time,
  })).describe("Usable tokens, the newest first"),
  expiring: z.object({
    count: Count,
    accounts: z.array(z.object({ account_name: z.string(), expires_at: Time, expires_in_s: z.int() })),
  }).describe("Usable tokens that expire within 10 minutes"),
  unusable: z.object({
    counts: z.record(z.string(), Count).describe("By problem"),
    accounts: z.array(z.object({
      account_name: z.string(),
      problem: z.enum(["expired", "gone", "operator", "not_a_token", "unknown_key"]),
      since: Time.nullable(),
      reason: z.string().describe("The problem in words"),
    })),
  }).describe("Accounts for which `get` returns no token, and why"),
  now: Time.describe("The clock that decides"),
});

export const GetInput = z.object({
  account: z.string().regex(ACCOUNT_NAME, "Expected an account name: 1 to 200 letters, digits or _.:@-"),
});

/** A token for a server. */
export const GetOutput = z.object({
  token: z.string().describe("For the Authorization header"),
  account: z.string(),
  main_account: z.string(),
  token_type: z.enum(["bearer", "auth"]).describe("For requests, or for opening sessions"),
  expires_at: Time.nullable().describe("Null if neither the token nor Redis says it"),
  expires_in_s: z.int().nullable().describe("Whole seconds until then"),
  updated_at: Time,
});

export const CleanupOutput = z.object({ cleaned: Count.describe("Tokens that became inactive") });

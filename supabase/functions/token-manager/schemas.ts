import { z } from "zod";

import { ACCOUNT_NAME } from "../_tokens/source.ts";

const Time = z.string().describe("As Postgres writes a time with its zone");
const Count = z.int().min(0);

/** What one call of sync did. */
export const SyncOutput = z.object({
  is_configured: z.boolean().describe("Whether there is a Redis to read"),
  synced: Count.describe("Tokens that were new or had changed, and are stored"),
  unchanged: Count.describe("Tokens that are stored already: neither fetched nor written"),
  deactivated: Count.describe("Tokens that became inactive: their keys are gone, or their time is over"),
  rejected: Count.describe("Values that were found to be no token; `status` says which"),
  unusable_names: Count.describe("Keys whose name no account can have"),
  vanished: Count.describe("Keys that ended while they were being read"),
  mappings: Count.describe("Key mappings that are known in all"),
  active: Count.describe("Active tokens in all"),
  accounts: z.array(z.string()).describe("The accounts that were stored, at most 100 of them"),
  is_complete: z.boolean().describe("Whether all keys were read; when not, the next call goes on"),
  is_continued: z.boolean().describe("Whether this call went on where an earlier one had stopped"),
  duration_ms: Count,
  round_trips: z.object({ redis: Count, database: Count }).describe("How often each was asked"),
});

export const StatusInput = z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(20) });

/** Redis and Postgres side by side. */
export const StatusOutput = z.object({
  redis: z.object({
    keys: Count.nullable().describe("Keys `token:*` now; null when they cannot be counted"),
    problem: z.string().nullable().describe("Why they cannot be counted"),
  }),
  postgres: z.object({
    tokens: Count.describe("Stored tokens, the unusable ones included"),
    usable: Count.describe("Tokens that `get` gives out"),
    main_accounts: Count.describe("Main accounts with a usable token"),
    mappings: Count.describe("Known key mappings"),
  }),
  sync_needed: z.boolean().describe(
    "No scan was completed yet, one is unfinished, or Redis has another number of keys than the last one found",
  ),
  sync: z.object({
    is_running: z.boolean(),
    is_unfinished: z.boolean().describe("A scan rests; the next sync goes on with it"),
    scan_started_at: Time.nullable(),
    completed_at: Time.nullable().describe("When a scan was completed last"),
    keys: Count.nullable().describe("Keys that the last completed scan found"),
    keys_so_far: Count.describe("Keys that the scan which is under way, or rests, has found"),
  }),
  encryption: z.object({
    active_key_id: z.string().nullable().describe("The key that new tokens are encrypted with"),
    tokens_by_key_id: z.record(z.string(), Count).describe(
      "Stored tokens, by the key they are encrypted with",
    ),
    problem: z.string().nullable().describe("What is wrong with the keys that are given"),
  }),
  last_updated_at: Time.nullable(),
  recent: z.array(z.object({
    account_name: z.string(),
    main_account: z.string(),
    expires_at: Time.nullable().describe("Null: neither the token nor Redis says"),
    updated_at: Time,
  })).describe("Usable tokens, the newest first"),
  expiring: z.object({
    count: Count,
    accounts: z.array(z.object({ account_name: z.string(), expires_at: Time, expires_in_s: z.int() })),
  }).describe("Usable tokens that end within 10 minutes"),
  unusable: z.object({
    counts: z.record(z.string(), Count).describe("By problem"),
    accounts: z.array(z.object({
      account_name: z.string(),
      problem: z.enum(["expired", "gone", "operator", "not_a_token", "unknown_key"]),
      since: Time.nullable(),
      reason: z.string().describe("The problem in words"),
    })),
  }).describe("What `get` does not give out, and why"),
  now: Time.describe("The clock that decides"),
});

export const GetInput = z.object({
  account: z.string().regex(ACCOUNT_NAME, "Expected is an account name: 1 to 200 letters, digits or _.:@-"),
});

/** A token as it is given out. */
export const GetOutput = z.object({
  token: z.string().describe("As it goes into an Authorization header"),
  account: z.string(),
  main_account: z.string(),
  token_type: z.enum(["bearer", "auth"]).describe("For requests, or for opening sessions"),
  expires_at: Time.nullable().describe("Null: neither the token nor Redis says"),
  expires_in_s: z.int().nullable().describe("Whole seconds until then"),
  updated_at: Time,
});

export const CleanupOutput = z.object({ cleaned: Count.describe("Tokens that became inactive") });

import { z } from "zod";

import { defineActions } from "../_shared/http/actions.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { projectDatabase } from "../_vault/database.ts";
import { openToken, vaultKeyring } from "../_vault/keys.ts";
import { isSourceConfigured, openSource } from "../_vault/open_source.ts";
import { SourceError } from "../_vault/source.ts";
import { vaultStatus } from "../_vault/status.ts";
import { syncVault } from "../_vault/sync.ts";
import { CleanupOutput, GetInput, GetOutput, StatusInput, StatusOutput, SyncOutput } from "./schemas.ts";
import { vaultSettings } from "../_vault/settings.ts";

/** The response without a Redis. */
const NOTHING_SYNCED = {
  is_configured: false,
  synced: 0,
  unchanged: 0,
  deactivated: 0,
  rejected: 0,
  unusable_names: 0,
  vanished: 0,
  mappings: 0,
  active: 0,
  accounts: [],
  is_complete: true,
  is_continued: false,
  duration_ms: 0,
  round_trips: { redis: 0, database: 0 },
} satisfies z.input<typeof SyncOutput>;

/**
 * Copies new and changed tokens of all keys `token:*` from Redis. A sync that runs out of its budget returns
 * `is_complete: false`, and the next call continues. When a scan is complete, tokens whose keys are gone are
 * deactivated. Only one sync runs at a time; others get `request_in_progress`.
 */
const sync = defineEndpoint({
  name: "token-manager/sync",
  auth: "secret",
  method: "GET",
  isAlsoPost: true,
  input: z.object({
    if_configured: z.union([z.boolean(), z.stringbool()]).default(false).describe(
      "Returns `is_configured: false` instead of an error if no Redis is set: for the schedule",
    ),
  }),
  output: SyncOutput,
  codes: ["request_in_progress"],
  async handle({ input }) {
    const startedAt = performance.now();
    if (input.if_configured && !isSourceConfigured()) return Response.json(NOTHING_SYNCED);
    const { VAULT_SOURCE, VAULT_SYNC_MAX_MS, VAULT_SYNC_MAX_CPU_MS } = vaultSettings();
    const keyring = vaultKeyring();
    const result = await withSource((source) =>
      syncVault({
        source,
        sourceName: VAULT_SOURCE,
        database: projectDatabase(),
        keyring,
        budget: { wallMs: VAULT_SYNC_MAX_MS, cpuMs: VAULT_SYNC_MAX_CPU_MS },
      })
    );
    return Response.json({
      is_configured: true,
      synced: result.synced,
      unchanged: result.unchanged,
      deactivated: result.deactivated,
      rejected: result.rejected,
      unusable_names: result.unusableNames,
      vanished: result.vanished,
      mappings: result.mappings,
      active: result.active,
      accounts: result.accounts,
      is_complete: result.isComplete,
      is_continued: result.isContinued,
      duration_ms: Math.round(performance.now() - startedAt),
      round_trips: result.roundTrips,
    });
  },
});

/**
 * How many tokens Redis and Postgres have, whether a sync is needed, the newest tokens, those that expire soon, and
 * why accounts are not usable. Lists have at most `limit` entries. Works without Redis, and reports that.
 */
const status = defineEndpoint({
  name: "token-manager/status",
  auth: "secret",
  method: "GET",
  isAlsoPost: true,
  input: StatusInput,
  output: StatusOutput,
  async handle({ input }) {
    return Response.json(await vaultStatus(input.limit));
  },
});

/** The result of read_provider_token. */
interface StoredToken {
  outcome: "given" | "not_found" | "expired" | "gone" | "operator";
  account_name: string;
  main_account: string;
  token_type: string;
  expires_at: string | null;
  expires_in_s: number | null;
  updated_at: string;
  envelope: string | null;
}

/**
 * The token of an account. Works without Redis, and records which API key asked for which account, and when. Refuses
 * with `token_expired` when the token has expired, `not_found` when there is none or its key is gone from Redis.
 */
const get = defineEndpoint({
  name: "token-manager/get",
  auth: "secret",
  method: "GET",
  isAlsoPost: true,
  input: GetInput,
  output: GetOutput,
  codes: ["not_found", "token_expired"],
  async handle({ input, caller, requestId }) {
    const keyring = vaultKeyring();
    const stored = await callDatabase("read_provider_token", {
      p_account_name: input.account,
      p_key_name: caller.keyName,
      p_request_id: requestId,
    }) as unknown as StoredToken;
    if (stored.outcome !== "given" || stored.envelope === null) throw refusal(input.account, stored);
    return Response.json({
      token: await openToken(keyring, stored.envelope, stored.account_name),
      account: stored.account_name,
      main_account: stored.main_account,
      token_type: stored.token_type,
      expires_at: stored.expires_at,
      expires_in_s: stored.expires_in_s,
      updated_at: stored.updated_at,
    });
  },
});

/** Deactivates expired tokens and returns how many. `get` never returns an expired token, even before this. */
const cleanup = defineEndpoint({
  name: "token-manager/cleanup",
  auth: "secret",
  method: "GET",
  isAlsoPost: true,
  input: z.object({}),
  output: CleanupOutput,
  async handle() {
    const BATCH = 10_000;
    let cleaned = 0;
    let count: number;
    do {
      count = await callDatabase("cleanup_provider_tokens", { p_limit: BATCH });
      cleaned += count;
    } while (count === BATCH);
    return Response.json({ cleaned });
  },
});

function refusal(account: string, { outcome, expires_at, updated_at }: StoredToken): AppError {
  switch (outcome) {
    case "expired":
      return new AppError("token_expired", `The token of ${account} expired at ${expires_at}`, {
        details: { expires_at },
      });
    case "gone":
      return new AppError(
        "not_found",
        `The token of ${account} has been gone from Redis since ${updated_at}`,
      );
    case "operator":
      return new AppError("not_found", `The token of ${account} was deactivated by hand`);
    default:
      return new AppError("not_found", `There is no token of ${account}`);
  }
}

/** Opens the Redis in the settings for one request. Its failures become `service_unavailable`. */
async function withSource<Result>(
  use: (source: Awaited<ReturnType<typeof openSource>>) => Promise<Result>,
): Promise<Result> {
  try {
    const source = await openSource();
    try {
      return await use(source);
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new AppError(
      "service_unavailable",
      `${error.message}; the next sync continues where this one stopped`,
      {
        cause: error,
      },
    );
  }
}

/** Third-party tokens: copied from Redis, stored encrypted, returned to servers. */
export default defineActions("token-manager", {
  sync,
  status,
  get,
  cleanup,
}) satisfies Deno.ServeDefaultExport;

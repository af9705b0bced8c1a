import { encryptionSettings } from "../_shared/security/settings.ts";
import { toAppError } from "../_shared/platform/errors.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { isProvenBy } from "./keys.ts";
import { openSource } from "./open_source.ts";
import { SourceError } from "./source.ts";
import { vaultSettings } from "./settings.ts";

/** Counting stops after this time: an exact count of more keys is of little use. */
const MAX_COUNT_MS = 3_000;

/** The result of provider_token_status. */
interface StoredStatus {
  now: string;
  token_count: number;
  usable_count: number;
  main_account_count: number;
  mapping_count: number;
  last_updated_at: string | null;
  recent: { account_name: string; main_account: string; expires_at: string | null; updated_at: string }[];
  expiring_count: number;
  expiring: { account_name: string; expires_at: string; expires_in_s: number }[];
  unusable_counts: Record<string, number>;
  unusable: Unusable[];
  key_counts: Record<string, number>;
  proofs: Record<string, string>;
  sync: {
    is_running: boolean;
    is_unfinished: boolean;
    scan_started_at: string | null;
    completed_at: string | null;
    completed_key_count: number | null;
    found_count: number;
  } | null;
}

interface Unusable {
  account_name: string;
  problem: string;
  since: string | null;
  key_id: string | null;
  detail: string | null;
}

/** The number of keys in Redis, or why it is unknown. */
export interface SourceStatus {
  keys: number | null;
  problem: string | null;
}

/** The whole status for operators, from Redis and Postgres. */
export async function vaultStatus(limit: number) {
  const { TOKEN_ENCRYPTION_KEYS: keyring } = encryptionSettings();
  const { VAULT_SOURCE } = vaultSettings();
  const redis = await sourceStatus();
  const { wrongKeyIds, stored } = await readStored(VAULT_SOURCE, limit, keyring);
  const { sync } = stored;
  return {
    redis,
    postgres: {
      tokens: stored.token_count,
      usable: stored.usable_count,
      main_accounts: stored.main_account_count,
      mappings: stored.mapping_count,
    },
    sync_needed: !sync?.completed_at || sync.is_unfinished ||
      (redis.keys !== null && redis.keys !== sync.completed_key_count),
    sync: {
      is_running: sync?.is_running ?? false,
      is_unfinished: sync?.is_unfinished ?? false,
      scan_started_at: sync?.scan_started_at ?? null,
      completed_at: sync?.completed_at ?? null,
      keys: sync?.completed_key_count ?? null,
      keys_so_far: sync?.found_count ?? 0,
    },
    encryption: {
      active_key_id: keyring?.active.id ?? null,
      tokens_by_key_id: stored.key_counts,
      problem: keyProblem(keyring, wrongKeyIds),
    },
    last_updated_at: stored.last_updated_at,
    recent: stored.recent,
    expiring: { count: stored.expiring_count, accounts: stored.expiring },
    unusable: {
      counts: stored.unusable_counts,
      accounts: stored.unusable.map((one) => ({
        account_name: one.account_name,
        problem: one.problem,
        since: one.since,
        reason: reasonOf(one, wrongKeyIds),
      })),
    },
    now: stored.now,
  };
}

/** A key with a known id but other bytes is as useless as an unknown key. */
async function readStored(source: string, limit: number, keyring: Keyring | undefined) {
  const read = async (keyIds: string[]) =>
    await callDatabase("provider_token_status", {
      p_source: source,
      p_key_ids: keyIds,
      p_limit: limit,
    }) as unknown as StoredStatus;
  const first = await read([]);
  const proven: string[] = [];
  const wrongKeyIds = new Set<string>();
  for (const [id, proof] of Object.entries(first.proofs)) {
    if (keyring?.key(id) === undefined) continue;
    if (await isProvenBy(keyring, id, proof)) proven.push(id);
    else wrongKeyIds.add(id);
  }
  return { wrongKeyIds, stored: proven.length === 0 ? first : await read(proven) };
}

async function sourceStatus(): Promise<SourceStatus> {
  try {
    const source = await openSource();
    try {
      const keys = await source.count(MAX_COUNT_MS);
      return {
        keys: keys ?? null,
        problem: keys === undefined ? `Counting took longer than ${MAX_COUNT_MS} ms` : null,
      };
    } finally {
      await source.close();
    }
  } catch (error) {
    const message = error instanceof SourceError ? error.message : toAppError(error).message;
    return { keys: null, problem: message };
  }
}

function keyProblem(keyring: Keyring | undefined, wrongKeyIds: Set<string>): string | null {
  if (!keyring) return "TOKEN_ENCRYPTION_KEYS is not set: no token can be stored or read";
  if (wrongKeyIds.size === 0) return null;
  return `Other keys than those that tokens were encrypted with are given as ${[...wrongKeyIds].join(", ")}`;
}

function reasonOf({ problem, key_id, detail }: Unusable, wrongKeyIds: Set<string>): string {
  switch (problem) {
    case "expired":
      return "The token has ended";
    case "gone":
      return "The key is gone from Redis";
    case "operator":
      return "Deactivated by hand";
    case "unknown_key":
      return wrongKeyIds.has(key_id ?? "")
        ? `Encrypted with another key than the one given as ${key_id}`
        : `Encrypted with the key ${key_id}, which is not given`;
    case "not_a_token":
      return `The value in Redis is no token: ${detail}; a token from before is kept until it ends`;
    default:
      return problem;
  }
}

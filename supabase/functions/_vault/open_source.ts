import { AppError } from "../_shared/platform/errors.ts";
import { connectRedis, type RedisAddress } from "./node_redis.ts";
import { PlainSource } from "./plain_source.ts";
import { ScriptSource } from "./script_source.ts";
import type { VaultSource } from "./source.ts";
import { openUpstash } from "./upstash.ts";
import { vaultSettings } from "./settings.ts";

/** Whether a Redis is set. */
export function isSourceConfigured(): boolean {
  const { REDIS_URL, UPSTASH_REDIS_REST_URL } = vaultSettings();
  return REDIS_URL !== undefined || UPSTASH_REDIS_REST_URL !== undefined;
}

/** Connects to the Redis in the settings. Throws SourceError, and `service_unavailable` if none is set. */
export async function openSource(): Promise<VaultSource> {
  const {
    REDIS_URL,
    REDIS_CA_CERTIFICATE,
    REDIS_SCAN_MODE,
    UPSTASH_REDIS_REST_URL,
    UPSTASH_REDIS_REST_TOKEN,
  } = vaultSettings();
  if (REDIS_URL !== undefined) {
    const address = { url: REDIS_URL, caCertificate: REDIS_CA_CERTIFICATE };
    return await openRedis(address, REDIS_SCAN_MODE);
  }
  if (UPSTASH_REDIS_REST_URL !== undefined && UPSTASH_REDIS_REST_TOKEN !== undefined) {
    const address = { url: UPSTASH_REDIS_REST_URL, token: UPSTASH_REDIS_REST_TOKEN };
    return new ScriptSource(await openUpstash(address));
  }
  throw new AppError("service_unavailable", noSource(UPSTASH_REDIS_REST_URL !== undefined));
}

/**
 * A Redis server, or a cluster with mode `plain`. A server that runs no scripts is read with plain commands in either
 * mode. Throws SourceError.
 */
export async function openRedis(address: RedisAddress, mode: "lua" | "plain"): Promise<VaultSource> {
  if (mode === "plain") return await PlainSource.connect(address);
  const source = new ScriptSource(await connectRedis(address));
  try {
    if (await source.canRunScripts()) return source;
  } catch (error) {
    await source.close();
    throw error;
  }
  await source.close();
  return await PlainSource.connect(address);
}

function noSource(isUpstashNamed: boolean): string {
  return isUpstashNamed
    ? "UPSTASH_REDIS_REST_TOKEN is not set: the Redis at UPSTASH_REDIS_REST_URL cannot be read"
    : "REDIS_URL is not set: there is no Redis to copy tokens from (or UPSTASH_REDIS_REST_URL and …_TOKEN)";
}

import { misconfigured } from "../_shared/platform/env.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { type CallDatabase, callDatabase } from "../_shared/database/rpc.ts";
import { EncryptedStore } from "./encrypted_store.ts";
import { FallbackStore } from "./fallback_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { PostgresStore } from "./postgres_store.ts";
import { RedisStore } from "./redis_store.ts";
import { isUserKey } from "./token_owner.ts";
import type { TokenStore } from "./token_store.ts";
import type { oauthSettings } from "./settings.ts";
import type { vaultSettings } from "../_vault/settings.ts";

type StoreSettings =
  & Pick<ReturnType<typeof oauthSettings>, "TOKEN_STORE_TYPE" | "OAUTH_MEMORY_FALLBACK">
  & Pick<ReturnType<typeof vaultSettings>, "REDIS_URL" | "REDIS_CA_CERTIFICATE">;

/** The store in the settings: encrypted, with a fallback in memory. */
export function openStore(
  settings: StoreSettings,
  keyring: Keyring,
  call: CallDatabase = callDatabase,
): TokenStore {
  const backend = openBackend(settings, call);
  return new EncryptedStore(
    backend instanceof MemoryStore ? backend : new FallbackStore(backend, (key) => mayKeep(settings, key)),
    keyring,
  );
}

function openBackend(settings: StoreSettings, call: CallDatabase): TokenStore {
  switch (settings.TOKEN_STORE_TYPE) {
    case "supabase":
      return new PostgresStore(call);
    case "memory":
      return new MemoryStore();
    case "redis":
      if (settings.REDIS_URL) return new RedisStore(settings.REDIS_URL, settings.REDIS_CA_CERTIFICATE);
      throw misconfigured("TOKEN_STORE_TYPE is redis: REDIS_URL is expected, redis:// or rediss://");
  }
}

function mayKeep({ OAUTH_MEMORY_FALLBACK }: StoreSettings, key: string): boolean {
  return OAUTH_MEMORY_FALLBACK === "all" || (OAUTH_MEMORY_FALLBACK === "app" && !isUserKey(key));
}

import { oauthSettings } from "../../../supabase/functions/_oauth/settings.ts";
import { vaultSettings } from "../../../supabase/functions/_vault/settings.ts";
import type { ModuleSettings } from "../declared.ts";

export default {
  declared: [oauthSettings, vaultSettings],
  needs: {
    TOKEN_ENCRYPTION_KEYS: {
      when: "third-party tokens are stored",
      functions: ["token-manager", "oauth-token"],
    },
    REDIS_URL: { when: "`token-manager` copies from a Redis, or `TOKEN_STORE_TYPE=redis`", functions: [] },
    REDIS_CA_CERTIFICATE: {
      when: "the CA of `REDIS_URL`'s certificate is not a public one",
      functions: [],
    },
    UPSTASH_REDIS_REST_URL: { when: "`token-manager` copies from Upstash", functions: [] },
    UPSTASH_REDIS_REST_TOKEN: { when: "`UPSTASH_REDIS_REST_URL` is set", functions: [] },
  },
} satisfies ModuleSettings;

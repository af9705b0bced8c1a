import { z } from "zod";

import { defineSettings } from "../_shared/platform/env.ts";
import { ProvidersText, RedirectUrlsText } from "./setting_texts.ts";

/** OAuth providers, and where their tokens are stored. */
export const oauthSettings = defineSettings("OAuth tokens", {
  TOKEN_STORE_TYPE: z.enum(["supabase", "redis", "memory"]).default("supabase").describe(
    "Where tokens of OAuth providers are stored: the project's database, Redis (REDIS_URL), or this process alone",
  ),
  OAUTH_PROVIDERS: ProvidersText.default(new Map()).describe(
    "The OAuth providers, as JSON: docs/oauth-tokens.md",
  ),
  OAUTH_REDIRECT_URLS: RedirectUrlsText.default([]).describe(
    "Where a browser may be sent after an authorization; the first one unless the request names another",
  ),
  OAUTH_MEMORY_FALLBACK: z.enum(["none", "app", "all"]).default("app").describe(
    "Whose tokens a process may keep in its memory while the store cannot be reached: none, the app's own, users' too",
  ),
  OAUTH_PROVIDER_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(10_000).describe(
    "How long an OAuth provider may take for one answer; a lease lasts this long and 5,000 ms more",
  ),
  OAUTH_AUTHORIZATION_TTL_S: z.coerce.number().int().min(1).max(3_600).default(600).describe(
    "How long a user may take at the provider",
  ),
});

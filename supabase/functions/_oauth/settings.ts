import { z } from "zod";

import { defineSettings } from "../_shared/platform/env.ts";
import { ProvidersText, RedirectUrlsText } from "./setting_texts.ts";

/** OAuth providers, and where their tokens are stored. */
export const oauthSettings = defineSettings("OAuth tokens", {
  TOKEN_STORE_TYPE: z.enum(["supabase", "redis", "memory"]).default("supabase").describe(
    "Where tokens of OAuth providers are stored: the project's database, Redis (REDIS_URL), or only this process",
  ),
  OAUTH_PROVIDERS: ProvidersText.default(new Map()).describe(
    "The OAuth providers, as JSON: docs/oauth-tokens.md",
  ),
  OAUTH_REDIRECT_URLS: RedirectUrlsText.default([]).describe(
    "Where a browser may be sent after an authorization; the default is the first one",
  ),
  OAUTH_MEMORY_FALLBACK: z.enum(["none", "app", "all"]).default("app").describe(
    "Whose tokens a process may keep in memory while the store cannot be reached: nobody's, the app's own, or users' too",
  ),
  OAUTH_PROVIDER_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(10_000).describe(
    "How long an OAuth provider may take for one response; a lease lasts this long plus 5,000 ms",
  ),
  OAUTH_AUTHORIZATION_TTL_S: z.coerce.number().int().min(1).max(3_600).default(600).describe(
    "How long a user may take to authorize at the provider",
  ),
});

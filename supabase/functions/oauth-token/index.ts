import { z } from "zod";

import { defineActions } from "../_shared/http/actions.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { answerIn, beginAuthorization, completeAuthorization, takeAnswer } from "../_oauth/authorize.ts";
import { getAccessToken, providerNamed, tokenService } from "../_oauth/tokens.ts";
import { revokeForgottenUsers } from "../_oauth/revocations.ts";
import { oauthSettings } from "../_oauth/settings.ts";

const ProviderName = z.string().min(1).max(50).describe("A name in OAUTH_PROVIDERS");
const State = z.string().min(20).max(200).describe("As it was sent to the app's address");
const Subject = z.uuid().describe("The user's id");

/**
 * Begins an authorization of the signed-in user at a provider, with state and PKCE. The app opens the URL in a
 * browser; afterwards the browser comes to `redirect_to` with `?state=…`, which the app passes to `complete`.
 */
const authorize = defineEndpoint({
  name: "oauth-token/authorize",
  auth: "user",
  method: "POST",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({
    provider: ProviderName,
    redirect_to: z.string().max(2_000).optional().describe(
      "One of OAUTH_REDIRECT_URLS; default: the first",
    ),
  }),
  output: z.object({
    authorization_url: z.string().describe("The URL for the user's browser"),
    expires_in_s: z.int().describe("How long the user may take"),
  }),
  codes: ["not_found", "provider_error", "provider_timeout"],
  async handle({ caller, input }) {
    providerNamed(input.provider, "authorization_code");
    const { url, ttlS } = await beginAuthorization({
      provider: input.provider,
      subject: caller.userId,
      redirectTo: input.redirect_to,
    });
    return Response.json({ authorization_url: url, expires_in_s: ttlS });
  },
});

/**
 * Receives the provider's redirect: its address is the redirect URI to register. The browser is sent on to the app's
 * address with only the state; the code stays here, encrypted, until the user completes.
 */
const callback = defineEndpoint({
  name: "oauth-token/callback",
  auth: "none",
  method: "GET",
  callLimit: { quota: 600, window_s: 3_600 },
  input: z.object({
    state: State,
    code: z.string().min(1).max(4_000).optional().describe("The authorization code"),
    iss: z.string().max(2_000).optional().describe("The issuer (RFC 9207)"),
    error: z.string().max(200).optional().describe("The provider's error code"),
  }).catchall(z.string().describe("The provider's other parameters, kept for `token`")).refine(
    ({ code, error }) => code !== undefined || error !== undefined,
    "Expected code or error",
  ),
  async handle({ input }) {
    const target = await takeAnswer(input.state, answerIn(input));
    return new Response(null, {
      status: 303,
      headers: { Location: target.href, "Referrer-Policy": "no-referrer" },
    });
  },
});

/** Completes an authorization for the user who began it, once: gets the tokens from the provider and stores them. */
const complete = defineEndpoint({
  name: "oauth-token/complete",
  auth: "user",
  method: "POST",
  callLimit: { quota: 120, window_s: 3_600 },
  input: z.object({ state: State }),
  output: z.object({
    provider: z.string(),
    scope: z.string().nullable().describe("What the user granted, if the provider reports it"),
  }),
  codes: ["forbidden", "authorization_required", "provider_error", "provider_timeout"],
  async handle({ caller, input }) {
    const { provider, token } = await completeAuthorization({ state: input.state, subject: caller.userId });
    return Response.json({ provider, scope: token.scope });
  },
});

/**
 * Returns a valid access token to one of our servers, renewed if necessary. The refresh token is never returned. With
 * `rejected`, a token that the API refused with 401, a different one is returned.
 */
const token = defineEndpoint({
  name: "oauth-token/token",
  auth: "secret",
  method: "POST",
  input: z.object({
    provider: ProviderName,
    subject: Subject.optional().describe("The user's id; without it, the app's own token"),
    rejected: z.string().min(1).max(20_000).optional().describe("The access token that the API has refused"),
  }),
  output: z.object({
    access_token: z.string(),
    token_type: z.string(),
    expires_at: z.string().nullable().describe("ISO 8601; null if the provider does not report it"),
    scope: z.string().nullable(),
    extras: z.object({
      callback: z.record(z.string(), z.string()).describe(
        "Came with the code (`realmId`, …) through the user's browser, which may have changed it",
      ),
      token: z.record(z.string(), z.unknown()).describe("Came with the token: `instance_url`, …"),
    }).describe("The provider's extra fields"),
  }),
  codes: ["not_found", "authorization_required", "provider_error", "provider_timeout"],
  async handle({ input }) {
    return Response.json(await getAccessToken(input));
  },
});

/**
 * Revokes an access here and, if the provider supports it, there: a user's own, or for a server anybody's. After the
 * response the token is never served again.
 */
const revoke = defineEndpoint({
  name: "oauth-token/revoke",
  auth: ["user", "secret"],
  method: "POST",
  callLimit: { quota: 120, window_s: 3_600 },
  input: z.object({
    provider: ProviderName,
    subject: Subject.optional().describe(
      "The user's id; a user may only name itself. From a server without one: the app's own",
    ),
  }),
  output: z.object({
    was_stored: z.boolean().describe("Whether there was a token"),
    upstream: z.enum(["revoked", "failed", "impossible", "nothing_to_revoke"]).describe(
      "What the provider did; impossible if it has no revocation endpoint",
    ),
  }),
  codes: ["not_found", "forbidden"],
  async handle({ caller, input }) {
    const subject = caller.auth === "user" ? caller.userId : input.subject;
    if (caller.auth === "user" && input.subject !== undefined && input.subject !== caller.userId) {
      throw new AppError("forbidden", "A user may only revoke its own access");
    }
    const provider = providerNamed(input.provider);
    return Response.json(await tokenService().broker.revoke({ provider, subject }));
  },
});

/** Ends the access of users who were forgotten, here and at their providers. The schedule calls it every 5 minutes. */
const revokeForgotten = defineEndpoint({
  name: "oauth-token/revoke-forgotten",
  auth: "secret",
  method: "POST",
  input: z.object({
    budget_ms: z.coerce.number().int().min(1_000).max(120_000).default(100_000).describe(
      "No further user is started after this time",
    ),
  }),
  output: z.object({
    revoked: z.int().describe("The number of users"),
    is_done: z.boolean().describe("False: some are left for the next call"),
  }),
  handle: async ({ input }) => Response.json(await revokeForgottenUsers(input.budget_ms)),
});

/** Returns the health of the store, the leases and the providers, as this process sees it. */
const status = defineEndpoint({
  name: "oauth-token/status",
  auth: "secret",
  method: "GET",
  isAlsoPost: true,
  input: z.object({}),
  output: z.object({
    store: z.object({
      type: z.enum(["supabase", "redis", "memory"]),
      state: z.enum(["ok", "degraded"]).describe(
        "degraded: this process keeps new writes in memory",
      ),
      since: z.string().nullable().describe("When that began; null if the store never failed"),
      journal_entries: z.int().describe("Writes that wait to be replayed"),
    }),
    leases: z.object({ state: z.enum(["ok", "degraded"]) }),
    memory_fallback: z.enum(["none", "app", "all"]).describe("OAUTH_MEMORY_FALLBACK"),
    providers: z.array(z.string()).describe("The configured providers"),
    database: z.object({
      tokens: z.object({ stored: z.int(), expired: z.int(), buried: z.int() }),
      leases_held: z.int(),
      leases_resting: z.int().describe("Tokens in backoff, because their provider refused to renew them"),
      authorizations_open: z.int(),
      providers: z.array(z.object({
        provider: z.string(),
        failure_count: z.int(),
        last_error: z.string().nullable(),
        retry_after_s: z.int().nullable(),
      })).describe("Failed providers, and how long they are not called"),
    }).nullable().describe("Null when the database cannot be reached"),
  }),
  async handle() {
    const database = await callDatabase("oauth_status", {}).catch(() => null);
    const { store, leases } = tokenService();
    const { type, state, sinceMs, journalEntries } = store.health();
    const settings = oauthSettings();
    return Response.json({
      store: {
        type,
        state,
        since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
        journal_entries: journalEntries,
      },
      leases: { state: leases.isFailing ? "degraded" : "ok" },
      memory_fallback: settings.OAUTH_MEMORY_FALLBACK,
      providers: [...settings.OAUTH_PROVIDERS.keys()].toSorted(),
      database,
    });
  },
});

export default defineActions("oauth-token", {
  authorize,
  callback,
  complete,
  token,
  revoke,
  "revoke-forgotten": revokeForgotten,
  status,
}) satisfies Deno.ServeDefaultExport;

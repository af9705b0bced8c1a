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
const State = z.string().min(20).max(200).describe("As it was given to the app's address");
const Subject = z.uuid().describe("The user's id");

/**
 * Begins an authorization of the signed-in user at a provider, with state and PKCE. The app opens the address in a browser;
 * afterwards the browser comes to `redirect_to` with `?state=…`, which the app hands to `complete`.
 */
const authorize = defineEndpoint({
  name: "oauth-token/authorize",
  auth: "user",
  method: "POST",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({
    provider: ProviderName,
    redirect_to: z.string().max(2_000).optional().describe(
      "One of OAUTH_REDIRECT_URLS, the first one unless given",
    ),
  }),
  output: z.object({
    authorization_url: z.string().describe("Where the user's browser is to go"),
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
 * Takes the provider's redirect: its address is the redirect URI to register. The browser is sent on to the app's address
 * with the state and nothing else; the code stays here, sealed, until the user completes.
 */
const callback = defineEndpoint({
  name: "oauth-token/callback",
  auth: "none",
  method: "GET",
  callLimit: { quota: 600, window_s: 3_600 },
  input: z.object({
    state: State,
    code: z.string().min(1).max(4_000).optional().describe("What the provider gives for a token"),
    iss: z.string().max(2_000).optional().describe("Who answers (RFC 9207)"),
    error: z.string().max(200).optional().describe("Why the provider refuses"),
  }).catchall(z.string().describe("What else the provider tells, kept for `token`")).refine(
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
    scope: z.string().nullable().describe("What the user granted, where the provider says it"),
  }),
  codes: ["forbidden", "authorization_required", "provider_error", "provider_timeout"],
  async handle({ caller, input }) {
    const { provider, token } = await completeAuthorization({ state: input.state, subject: caller.userId });
    return Response.json({ provider, scope: token.scope });
  },
});

/**
 * Gives a server of ours an access token that is good now, renewed if need be. The refresh token is never given out. With
 * `rejected`, a token that the API refused with 401, another one is given.
 */
const token = defineEndpoint({
  name: "oauth-token/token",
  auth: "secret",
  method: "POST",
  input: z.object({
    provider: ProviderName,
    subject: Subject.optional().describe("The user's id; without one it is the app's own token"),
    rejected: z.string().min(1).max(20_000).optional().describe("The access token that the API has refused"),
  }),
  output: z.object({
    access_token: z.string(),
    token_type: z.string(),
    expires_at: z.string().nullable().describe("ISO 8601; null when the provider does not say"),
    scope: z.string().nullable(),
    extras: z.object({
      callback: z.record(z.string(), z.string()).describe(
        "With the code (`realmId`, …), by the user's browser, which may have changed it",
      ),
      token: z.record(z.string(), z.unknown()).describe("With the token: `instance_url`, …"),
    }).describe("What the provider told beside the token"),
  }),
  codes: ["not_found", "authorization_required", "provider_error", "provider_timeout"],
  async handle({ input }) {
    return Response.json(await getAccessToken(input));
  },
});

/**
 * Ends an access here and, where the provider can, there: a user its own, a server anybody's. When this has answered, the
 * token is never served again.
 */
const revoke = defineEndpoint({
  name: "oauth-token/revoke",
  auth: ["user", "secret"],
  method: "POST",
  callLimit: { quota: 120, window_s: 3_600 },
  input: z.object({
    provider: ProviderName,
    subject: Subject.optional().describe(
      "Whose; a user may name itself alone. Of a server without one: the app's own",
    ),
  }),
  output: z.object({
    was_stored: z.boolean().describe("Whether there was a token"),
    upstream: z.enum(["revoked", "failed", "impossible", "nothing_to_revoke"]).describe(
      "What the provider did; impossible where it has no revocation endpoint",
    ),
  }),
  codes: ["not_found", "forbidden"],
  async handle({ caller, input }) {
    const subject = caller.auth === "user" ? caller.userId : input.subject;
    if (caller.auth === "user" && input.subject !== undefined && input.subject !== caller.userId) {
      throw new AppError("forbidden", "A user may revoke its own access alone");
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
      "After so long no further user is begun",
    ),
  }),
  output: z.object({
    revoked: z.int().describe("Of how many users"),
    is_done: z.boolean().describe("False: some are left for the next call"),
  }),
  handle: async ({ input }) => Response.json(await revokeForgottenUsers(input.budget_ms)),
});

/** Tells how the store, the leases and the providers do, as this process sees it. */
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
        "degraded: this process keeps what is written in its memory",
      ),
      since: z.string().nullable().describe("When that began; null for a store that never failed"),
      journal_entries: z.int().describe("Writes that wait to be replayed"),
    }),
    leases: z.object({ state: z.enum(["ok", "degraded"]) }),
    memory_fallback: z.enum(["none", "app", "all"]).describe("OAUTH_MEMORY_FALLBACK"),
    providers: z.array(z.string()).describe("Those that are configured"),
    database: z.object({
      tokens: z.object({ stored: z.int(), expired: z.int(), buried: z.int() }),
      leases_held: z.int(),
      leases_resting: z.int().describe("Tokens that their provider refused to renew, and that wait alone"),
      authorizations_open: z.int(),
      providers: z.array(z.object({
        provider: z.string(),
        failure_count: z.int(),
        last_error: z.string().nullable(),
        retry_after_s: z.int().nullable(),
      })).describe("Providers that failed, and how long they are left alone"),
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

import { z } from "zod";

import { defineActions } from "../_shared/http/actions.ts";
import { userClient } from "../_shared/database/database.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError, type ErrorCode } from "../_shared/platform/errors.ts";
import { forgetFiles, removeOldFiles } from "../_shared/media/files.ts";
import { csvOf, jsonOf, readEntries } from "../_shared/ledger/export.ts";
import {
  forMembers,
  GrantKind,
  ListedGrant,
  PayingGrant,
  PendingGrant,
  WalletState,
} from "../_shared/ledger/grants.ts";
import { tryTextModel } from "../_shared/models/trial.ts";
import { type Price, type PricedUsage, priceLines } from "../_shared/ledger/price.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { readUserData, userDataJson } from "../_shared/database/user_data.ts";
import { watch } from "./watch.ts";

const NOT_A_MEMBER = "You are not a member of this wallet";
const Tokens = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const Cap = Tokens.nullable();

const Limits = z.object({
  plan: z.string(),
  request_limits: z.record(z.string(), z.object({ quota: z.number(), window_s: z.number() }))
    .describe(
      "By name: `user` for all functions together, `function` for each function, or one function's name",
    ),
  paused_at: z.string().nullable().describe("Since when requests are refused"),
  pause_reason: z.string().nullable(),
  daily_cap_tokens: Cap.describe("The most to spend per day (UTC); null for no cap"),
  monthly_cap_tokens: Cap,
  spent_today: Tokens.nullable().describe("Only with a cap"),
  spent_this_month: Tokens.nullable(),
});

/** The signed-in user's plan, rate limits and caps, and what was spent; or caps and pause of a team's wallet. */
const limits = defineEndpoint({
  name: "account/limits",
  auth: "user",
  method: "GET",
  callLimit: { quota: 60, window_s: 60 },
  takesWallet: true,
  input: z.object({}),
  output: Limits,
  handle: async ({ caller, walletId }) => Response.json(await limitsOf(caller.userId, walletId)),
});

/**
 * Sets the most that the signed-in user wants to spend per day and per month; null removes a cap. Or the most that a
 * team's wallet spends, which an owner of it sets.
 */
const caps = defineEndpoint({
  name: "account/caps",
  auth: "user",
  method: "POST",
  callLimit: { quota: 20, window_s: 3_600 },
  takesWallet: true,
  input: z.object({ daily_cap_tokens: Cap, monthly_cap_tokens: Cap }),
  output: Limits,
  codes: ["account_paused"],
  async handle({ caller, walletId, input }) {
    const { error, message } = await callDatabase("set_spend_caps", {
      p_user_id: walletId ?? caller.userId,
      p_actor_id: walletId === null ? undefined : caller.userId,
      p_daily_tokens: input.daily_cap_tokens as number,
      p_monthly_tokens: input.monthly_cap_tokens as number,
    }) as { error: ErrorCode | null; message?: string };
    if (error !== null) throw new AppError(error, message ?? "The caps were refused");
    return Response.json(await limitsOf(caller.userId, walletId));
  },
});

const RequestId = z.string().regex(/^[\x20-\x7e]{1,255}$/, "Expected a request id");

/**
 * Why a request was charged: its history from hold to settlement, with times, price, usage and the computation of the
 * cost. Users see their own requests, members those of their team's wallet, servers anybody's.
 */
const why = defineEndpoint({
  name: "account/why",
  auth: ["user", "secret"],
  method: "GET",
  callLimit: { quota: 30, window_s: 60 },
  takesWallet: true,
  input: z.object({ request_id: RequestId.meta({ examples: ["AZqk0m0cdE6mYf3xq1Z9Hw"] }) }),
  output: z.object({
    request_id: z.string(),
    user_id: z.string().describe("The wallet that paid: a user's id, or a team's wallet"),
    actor_id: z.string().nullable().describe("The member who asked, where a team's wallet paid"),
    operation_type: z.string().describe("The feature, or `grant`"),
    status: z.enum(["held", "settled", "released", "expired"]),
    attempt: z.int().nullable().describe("How often it ran"),
    held_until: z.string().nullable().describe("For a running request: when its hold expires"),
    charged: z.int().describe("Tokens; negative for a grant"),
    refunded: z.int().describe("What of the charge was given back"),
    grants: z.array(PayingGrant).describe("What paid for the charge, in the order in which it was taken"),
    grant: z.object({
      entry_number: z.int().nullable().describe("Null while it has not begun"),
      kind: GrantKind,
      amount: z.int(),
      remaining: z.int(),
    }).loose().nullable().describe(
      "For a grant: what became of it, as `account/grants` says it, and in `clawbacks` what was taken back of it",
    ),
    price: z.record(z.string(), z.number()).nullable(),
    usage: z.record(z.string(), z.number()).nullable(),
    model: z.string().nullable(),
    price_lines: z.array(z.object({
      rate: z.string(),
      rate_tokens: z.number(),
      quantity: z.number(),
      tokens: z.number().describe("May be a fraction; the sum is rounded up once"),
    })).nullable(),
    entry_number: z.int().nullable().describe("The number of the entry in the user's history"),
    has_answer: z.boolean().describe("Whether a retry gets the stored response"),
    is_known: z.boolean().describe(
      "False once the request's id was deleted: then only the history has the request",
    ),
    events: z.array(z.object({
      at: z.string(),
      event: z.enum(["held", "charged", "released", "expired", "granted", "refunded"]),
      tokens: z.int(),
      balance_after: z.int().optional(),
      reason: z.string().optional(),
      refund_id: z.string().optional(),
    })),
    anomalies: z.array(z.record(z.string(), z.unknown())),
  }),
  codes: ["not_found"],
  async handle({ caller, walletId, input }) {
    const life = await callDatabase("explain_request", {
      p_request_id: input.request_id,
      ...(caller.auth === "user" ? { p_user_id: caller.userId, p_wallet_id: walletId ?? undefined } : {}),
    }) as Life | null;
    if (life === null) throw new AppError("not_found", "There is no request with this id");
    const { price, usage } = life;
    return Response.json({
      ...life,
      grants: forMembers(life.grants, walletId),
      grant: life.grant && walletId !== null ? { ...life.grant, source: null, clawbacks: [] } : life.grant,
      price_lines: price && usage ? priceLines(price, usage) : null,
    });
  },
});

interface Life {
  price: Price | null;
  usage: PricedUsage | null;
  grants: z.infer<typeof PayingGrant>[];
  grant: { source: string | null } | null;
}

const GrantList = WalletState.extend({
  grants: z.array(ListedGrant).describe("Newest first, those too of which nothing is left"),
  next_before_entry: z.int().nullable().describe("`before_entry` of the next page; null: there is none"),
  pending_grants: z.array(PendingGrant).describe("What has not begun yet; on the first page"),
});

/** Every grant of the signed-in user, or of a team's wallet, with what is left of it and where the rest went. */
const grants = defineEndpoint({
  name: "account/grants",
  auth: "user",
  method: "GET",
  callLimit: { quota: 60, window_s: 60 },
  takesWallet: true,
  input: z.object({
    before_entry: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
    limit: z.coerce.number().int().min(1).max(100).default(50),
  }),
  output: GrantList,
  async handle({ caller, walletId, input }) {
    const list = await callDatabase("list_token_grants", {
      p_wallet_id: walletId ?? caller.userId,
      p_actor_id: caller.userId,
      p_before_entry: input.before_entry,
      p_limit: input.limit,
    }) as z.infer<typeof GrantList> | null;
    if (list === null) throw new AppError("forbidden", NOT_A_MEMBER);
    return Response.json({
      ...list,
      grants: forMembers(list.grants, walletId),
      pending_grants: forMembers(list.pending_grants, walletId),
    });
  },
});

/** The whole ledger of the signed-in user, or of a team's wallet, as a file, oldest entry first: CSV, or JSON lines. */
const ledger = defineEndpoint({
  name: "account/ledger",
  auth: "user",
  method: "GET",
  callLimit: { quota: 20, window_s: 3_600 },
  takesWallet: true,
  input: z.object({ format: z.enum(["csv", "json"]).default("csv") }),
  async handle({ caller, walletId, input }) {
    if (walletId !== null) await limitsOf(caller.userId, walletId); // Refuses whoever is not a member.
    const pages = await readEntries(userClient(caller.token), walletId ?? caller.userId);
    const isCsv = input.format === "csv";
    return new Response(
      ReadableStream.from(isCsv ? csvOf(pages) : jsonOf(pages)).pipeThrough(new TextEncoderStream()),
      {
        headers: {
          "Content-Type": isCsv ? "text/csv; charset=utf-8" : "application/x-ndjson",
          "Content-Disposition": `attachment; filename="ledger.${isCsv ? "csv" : "jsonl"}"`,
        },
      },
    );
  },
});

/**
 * Exports everything that is stored about the signed-in user, except the ledger's history (`account/ledger`), as a
 * file: the data of each module, by name. It contains no secrets: for access to other services only names, times and
 * scopes.
 */
const exportData = defineEndpoint({
  name: "account/export",
  auth: "user",
  method: "GET",
  callLimit: { quota: 10, window_s: 3_600 },
  input: z.object({}),
  output: z.object({
    user_id: z.string(),
    exported_at: z.string(),
    data: z.record(z.string(), z.unknown()).describe("By module: `ledger`, `oauth`, `otp`, …"),
  }),
  async handle({ caller }) {
    const parts = await readUserData(caller.userId);
    const head = { user_id: caller.userId, exported_at: new Date().toISOString() };
    return new Response(
      ReadableStream.from(userDataJson(head, parts)).pipeThrough(new TextEncoderStream()),
      {
        headers: {
          "Content-Type": "application/json",
          "Content-Disposition": 'attachment; filename="account.json"',
          "Cache-Control": "no-store",
        },
      },
    );
  },
});

/**
 * Deletes a person's data: stored responses, pictures, uploads, settings. Other modules delete theirs by their own parts
 * of `forget_user`. The ledger's numbers stay, under an id that identifies nobody. A server calls it right before it
 * deletes the user in Auth; it may be repeated.
 */
const forget = defineEndpoint({
  name: "account/forget",
  auth: "secret",
  method: "POST",
  input: z.object({ user_id: z.uuid() }),
  output: z.object({ files: z.int().describe("How many files were removed") }),
  async handle({ input }) {
    // Before the files: this closes the account, so that no new file appears after the listing.
    await callDatabase("forget_user", { p_user_id: input.user_id });
    return Response.json({ files: await forgetFiles(input.user_id) });
  },
});

/**
 * Removes files of all users that are past their retention (table `file_settings`; default: uploads after 30 days,
 * generated files after 90). The schedule calls it every night; the next call removes the rest.
 */
const cleanUpFiles = defineEndpoint({
  name: "account/clean-up-files",
  auth: "secret",
  method: "POST",
  input: z.object({
    budget_ms: z.coerce.number().int().min(1_000).max(120_000).default(100_000).describe(
      "No new batch of a thousand files starts after this time",
    ),
  }),
  output: z.object({ files: z.int().describe("How many files were removed") }),
  handle: async ({ input }) => Response.json({ files: await removeOldFiles(input.budget_ms) }),
});

/**
 * Sends the text model a small test request from where the functions run, and reports the result: `deno task doctor
 * --models`. No user pays; the provider bills a few tokens.
 */
const tryModel = defineEndpoint({
  name: "account/try-model",
  auth: "secret",
  method: "POST",
  input: z.object({}),
  output: z.object({
    model: z.string(),
    outcome: z.enum(["good", "bad"]),
    message: z.string().describe("For operators: what the provider or the network said"),
    duration_ms: z.int(),
  }),
  handle: async () => Response.json(await tryTextModel()),
});

export default defineActions("account", {
  limits,
  caps,
  why,
  grants,
  ledger,
  export: exportData,
  forget,
  watch,
  "clean-up-files": cleanUpFiles,
  "try-model": tryModel,
}) satisfies Deno.ServeDefaultExport;

async function limitsOf(userId: string, walletId: string | null): Promise<unknown> {
  const args = walletId === null ? { p_user_id: userId } : { p_user_id: walletId, p_actor_id: userId };
  const limits = await callDatabase("account_limits", args);
  if (limits === null) throw new AppError("forbidden", NOT_A_MEMBER);
  return limits;
}

import { z } from "zod";

import { userClient } from "../_shared/database/database.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { forMembers, LiveGrant, PendingGrant, WalletState } from "../_shared/ledger/grants.ts";
import { AppError } from "../_shared/platform/errors.ts";

const MOST_GRANTS = 100;

const Input = z.object({ limit: z.coerce.number().int().min(1).max(100).default(20) });

const Output = WalletState.extend({
  next_expiry_at: z.string().nullable().describe("When the next grant ends; null: none does"),
  next_expiry_tokens: z.int().min(0).nullable().describe("How many tokens end then, as things stand"),
  grants: z.array(LiveGrant).describe(
    `What the balance is made of, in the order in which it is spent; the first ${MOST_GRANTS}`,
  ),
  pending_grants: z.array(PendingGrant).describe("What begins later and is no part of the balance yet"),
  entries: z.array(z.object({
    entry_number: z.int(),
    delta: z.int().describe("Negative for what was taken"),
    balance_after: z.int(),
    operation_type: z.string().describe(
      "The feature that was charged for; or `grant`, `expiry`, `refund`, `clawback`, `debt_payment`, `rollover`",
    ),
    request_id: z.string().nullable(),
    actor_id: z.string().nullable().describe("The member who spent, where it is a team's wallet"),
    metadata: z.record(z.string(), z.unknown()),
    created_at: z.string().describe("When, as Postgres writes a time with its zone"),
  })).describe("The ledger's newest entries, newest first"),
});

/**
 * What the signed-in user, or a team's wallet, has at this moment: the balance, the part that running requests hold, the
 * grants that it is made of with their ends, debts, and the newest entries of the ledger.
 */
export default defineEndpoint({
  name: "balance",
  auth: "user",
  method: "GET",
  callLimit: { quota: 120, window_s: 60 },
  takesWallet: true,
  input: Input,
  output: Output,
  async handle({ caller, walletId, input }) {
    const client = userClient(caller.token);
    const paying = walletId ?? caller.userId;
    const [visible, state] = await Promise.all([
      client.from("token_balances").select("user_id").eq("user_id", paying).maybeSingle(),
      callDatabase("wallet_state", { p_wallet_id: paying }) as Promise<State>,
    ]);
    // After the state, which may have written entries of what was due.
    const history = await client.from("token_balance_history")
      .select(
        "entry_number, delta, balance_after, operation_type, request_id, actor_id, metadata, created_at",
      )
      .eq("user_id", paying)
      .order("entry_number", { ascending: false })
      .limit(input.limit);
    const failure = visible.error ?? history.error;
    if (visible.status === 401 || history.status === 401) {
      throw new AppError("unauthorized", "The access token has expired", { cause: failure });
    } else if (failure) {
      throw new AppError("service_unavailable", "The ledger cannot be reached at the moment", {
        cause: failure,
      });
    }
    // A team's wallet has a row from the start: whoever sees none of it is not a member.
    if (walletId !== null && visible.data === null) {
      throw new AppError("forbidden", "You are not a member of this wallet");
    }
    const { balance, held, available, debt, next_expiry_at, next_expiry_tokens, grants, pending_grants } =
      state;
    return Response.json({
      balance,
      held,
      available,
      debt,
      next_expiry_at,
      next_expiry_tokens,
      grants: forMembers(grants.slice(0, MOST_GRANTS), walletId).map(withoutId),
      pending_grants: forMembers(pending_grants, walletId).map(withoutId),
      entries: history.data,
    });
  },
}) satisfies Deno.ServeDefaultExport;

type State = Omit<z.infer<typeof Output>, "entries">;

/** Whoever asks knows a grant by its entry. */
function withoutId<Given extends object>(grant: Given & { id?: number }): Omit<Given, "id"> {
  const { id: _, ...rest } = grant;
  return rest;
}

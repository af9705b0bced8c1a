import { z } from "zod";

import { userClient } from "../_shared/database/database.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError } from "../_shared/platform/errors.ts";

const Input = z.object({ limit: z.coerce.number().int().min(1).max(100).default(20) });

const Output = z.object({
  balance: z.int().min(0).describe("Tokens that the user owns"),
  held: z.int().min(0).describe("The part that running requests hold"),
  available: z.int().min(0).describe("The balance minus what is held"),
  entries: z.array(z.object({
    entry_number: z.int(),
    delta: z.int().describe("Negative for a charge"),
    balance_after: z.int(),
    operation_type: z.string().describe("The feature, or why tokens were granted"),
    request_id: z.string().nullable(),
    actor_id: z.string().nullable().describe("The member who spent, where it is a team's wallet"),
    metadata: z.record(z.string(), z.unknown()),
    created_at: z.string().describe("When, as Postgres writes a time with its zone"),
  })).describe("The ledger's newest entries, newest first"),
});

const NOTHING = { balance: 0, held: 0 };

/**
 * The balance of the signed-in user, or of a team's wallet, the part that running requests hold, and the newest entries
 * of the ledger.
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
    const [balances, history] = await Promise.all([
      client.from("token_balances").select("balance, held").eq("user_id", paying).maybeSingle(),
      client.from("token_balance_history")
        .select(
          "entry_number, delta, balance_after, operation_type, request_id, actor_id, metadata, created_at",
        )
        .eq("user_id", paying)
        .order("entry_number", { ascending: false })
        .limit(input.limit),
    ]);
    const failure = balances.error ?? history.error;
    if (balances.status === 401 || history.status === 401) {
      throw new AppError("unauthorized", "The access token has ended", { cause: failure });
    } else if (failure) {
      throw new AppError("service_unavailable", "The ledger cannot be reached at the moment", {
        cause: failure,
      });
    }
    // A team's wallet has a row from the start: who sees none of it is no member.
    if (walletId !== null && balances.data === null) {
      throw new AppError("forbidden", "You are no member of this wallet");
    }
    const { balance, held } = balances.data ?? NOTHING;
    return Response.json({ balance, held, available: balance - held, entries: history.data });
  },
}) satisfies Deno.ServeDefaultExport;

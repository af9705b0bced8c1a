import { z } from "zod";

import { callDatabase } from "../_shared/database/rpc.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { AppError, type ErrorCode } from "../_shared/platform/errors.ts";

const Output = z.object({
  wallet_id: z.string(),
  topic: z.string().describe("The private topic of Supabase Realtime on which changes are told"),
  balance: z.int(),
  held: z.int().describe("The part of it that running requests hold"),
  available: z.int().describe("The balance minus what is held"),
  sequence: z.int().describe(
    "Number of the newest change: what is told later has the next numbers, without a gap",
  ),
  watched_until: z.string().describe("Changes are told until then, unless it is called again"),
});

type Watched = z.infer<typeof Output> & { error: ErrorCode | null; message?: string };

/**
 * Has changes of the balance of the signed-in user, or of a team's wallet, told on its private topic for the next minutes, and
 * says what it is now. Called when the topic was joined, again every 8 minutes, and when a number is missing.
 */
export const watch = defineEndpoint({
  name: "account/watch",
  auth: "user",
  method: "POST",
  callLimit: { quota: 60, window_s: 60 },
  takesWallet: true,
  input: z.object({}),
  output: Output,
  async handle({ caller, walletId }) {
    const { error, message, wallet_id, topic, balance, held, available, sequence, watched_until } =
      await callDatabase("watch_wallet", {
        p_user_id: caller.userId,
        p_wallet_id: walletId ?? caller.userId,
      }) as Watched;
    if (error !== null) throw new AppError(error, message ?? "The wallet may not be watched");
    return Response.json({ wallet_id, topic, balance, held, available, sequence, watched_until });
  },
});

import { z } from "zod";

import { defineEndpoint } from "../_shared/endpoint.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { defineChange } from "./define_change.ts";
import { Cap, Name, Role, Tokens, UserId, WalletId } from "./inputs.ts";
import { change, read } from "./outcome.ts";

/** Makes a wallet that a team can share. The signed-in user becomes its owner. */
export const create = defineEndpoint({
  name: "wallets/create",
  auth: "user",
  method: "POST",
  callLimit: { quota: 20, window_s: 86_400 },
  input: z.object({ name: Name }),
  output: z.object({ wallet_id: WalletId }),
  codes: ["wallet_limit_reached", "account_paused"],
  async handle({ caller, requestId, input }) {
    const { wallet_id } = await change("create_wallet", {
      p_user_id: caller.userId,
      p_name: input.name,
      p_request_id: requestId,
    });
    return Response.json({ wallet_id });
  },
});

/** The wallets that the signed-in user shares with others. */
export const list = defineEndpoint({
  name: "wallets/list",
  auth: "user",
  method: "GET",
  callLimit: { quota: 120, window_s: 60 },
  input: z.object({}),
  output: z.object({
    wallets: z.array(z.object({
      wallet_id: z.string(),
      name: z.string(),
      role: Role,
      balance: Tokens,
      held: Tokens,
      available: Tokens.describe("The balance minus what is held"),
      monthly_cap_tokens: Cap.describe("The user's own cap in it; null for none"),
      spent_this_month: Tokens.describe("By the user, this month (UTC)"),
      joined_at: z.string(),
    })),
  }),
  handle: async ({ caller }) =>
    Response.json({ wallets: await callDatabase("list_wallets", { p_user_id: caller.userId }) }),
});

/** Renames a wallet. For its owners and admins. */
export const rename = defineChange("rename_wallet", {
  name: "wallets/rename",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({ wallet_id: WalletId, name: Name }),
  codes: ["forbidden"],
  args: ({ name }) => ({ p_name: name }),
});

/** Closes a wallet that neither owns nor owes tokens, for good. For its owners. */
export const close = defineChange("close_wallet", {
  name: "wallets/close",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({ wallet_id: WalletId }),
  codes: ["forbidden", "wallet_not_empty"],
  args: () => ({}),
});

const Sums = { requests: z.int(), tokens: Tokens };

/** What was spent from a wallet in a month (UTC), by member and by feature. For all its members. */
export const usage = defineEndpoint({
  name: "wallets/usage",
  auth: "user",
  method: "GET",
  callLimit: { quota: 30, window_s: 60 },
  input: z.object({
    wallet_id: WalletId,
    month: z.string().regex(/^20\d\d-(0[1-9]|1[0-2])$/, "Expected a month like 2026-01").optional()
      .describe("Like `2026-01`; this month unless given").meta({ examples: ["2026-01"] }),
  }),
  output: z.object({
    month: z.string(),
    tokens: Tokens,
    by_member: z.array(z.object({
      user_id: UserId.nullable().describe("Null: charged by a server"),
      ...Sums,
    })),
    by_feature: z.array(z.object({ operation_type: z.string(), ...Sums })),
  }),
  codes: ["forbidden"],
  async handle({ caller, input }) {
    const found = await read("wallet_usage", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
      p_month: input.month && `${input.month}-01`,
    });
    return Response.json(found);
  },
});

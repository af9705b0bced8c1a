import { z } from "zod";

import { defineEndpoint } from "../_shared/endpoint.ts";
import { Cap, Done, Role, Tokens, UserId, WalletId } from "./inputs.ts";
import { change, read } from "./outcome.ts";

const CHANGES = { quota: 120, window_s: 3_600 };

/** Who shares a wallet, the longest first, with what each spent this month (UTC). For all its members. */
export const members = defineEndpoint({
  name: "wallets/members",
  auth: "user",
  method: "GET",
  callLimit: { quota: 120, window_s: 60 },
  input: z.object({ wallet_id: WalletId }),
  output: z.object({
    members: z.array(z.object({
      user_id: z.string(),
      role: Role,
      monthly_cap_tokens: Cap,
      held: Tokens.describe("What the member's running requests hold"),
      spent_this_month: Tokens,
      joined_at: z.string(),
    })),
  }),
  codes: ["forbidden"],
  async handle({ caller, input }) {
    const found = await read("list_wallet_members", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
    });
    return Response.json({ members: found });
  },
});

/**
 * Gives a member another role. Owners give any, admins change members into viewers and back. The last owner stays
 * one.
 */
export const role = defineEndpoint({
  name: "wallets/role",
  auth: "user",
  method: "POST",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId, role: Role }),
  output: Done,
  codes: ["forbidden", "last_owner"],
  async handle({ caller, input }) {
    await change("set_wallet_role", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
      p_member_id: input.member_id,
      p_role: input.role,
    });
    return Response.json({ success: true });
  },
});

/** Sets a member's monthly cap. Owners set any, admins those of members and viewers. */
export const cap = defineEndpoint({
  name: "wallets/cap",
  auth: "user",
  method: "POST",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId, monthly_cap_tokens: Cap }),
  output: Done,
  codes: ["forbidden"],
  async handle({ caller, input }) {
    await change("set_member_cap", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
      p_member_id: input.member_id,
      p_monthly_cap_tokens: input.monthly_cap_tokens,
    });
    return Response.json({ success: true });
  },
});

/**
 * Removes a member: what it has running ends as usual, its next request is refused. Owners remove anybody, admins
 * members and viewers.
 */
export const remove = defineEndpoint({
  name: "wallets/remove",
  auth: "user",
  method: "POST",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId }),
  output: Done,
  codes: ["forbidden", "last_owner"],
  async handle({ caller, input }) {
    await change("remove_wallet_member", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
      p_member_id: input.member_id,
    });
    return Response.json({ success: true });
  },
});

/** Leaves a wallet. The last owner cannot: another one comes first. */
export const leave = defineEndpoint({
  name: "wallets/leave",
  auth: "user",
  method: "POST",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId }),
  output: Done,
  codes: ["forbidden", "last_owner"],
  async handle({ caller, input }) {
    await change("remove_wallet_member", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
      p_member_id: caller.userId,
    });
    return Response.json({ success: true });
  },
});

/** Hands a wallet over: the member becomes an owner, and the owner who calls an admin. */
export const transfer = defineEndpoint({
  name: "wallets/transfer",
  auth: "user",
  method: "POST",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId }),
  output: Done,
  codes: ["forbidden"],
  async handle({ caller, input }) {
    await change("transfer_wallet", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
      p_member_id: input.member_id,
    });
    return Response.json({ success: true });
  },
});

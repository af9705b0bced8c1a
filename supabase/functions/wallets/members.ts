import { z } from "zod";

import { defineEndpoint } from "../_shared/endpoint.ts";
import { defineChange } from "./define_change.ts";
import { Cap, Role, Tokens, UserId, WalletId } from "./inputs.ts";
import { read } from "./outcome.ts";

const CHANGES = { quota: 120, window_s: 3_600 };

/** The members of a wallet, those who joined first at the top, with what each spent this month (UTC). For all its members. */
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
 * Gives a member another role. Owners give any role, admins change members into viewers and back. The last owner
 * cannot be demoted.
 */
export const role = defineChange("set_wallet_role", {
  name: "wallets/role",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId, role: Role }),
  codes: ["forbidden", "last_owner"],
  args: ({ member_id, role }) => ({ p_member_id: member_id, p_role: role }),
});

/** Sets a member's monthly cap. Owners set anybody's, admins those of members and viewers. */
export const cap = defineChange("set_member_cap", {
  name: "wallets/cap",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId, monthly_cap_tokens: Cap }),
  codes: ["forbidden"],
  args: ({ member_id, monthly_cap_tokens }) => ({
    p_member_id: member_id,
    p_monthly_cap_tokens: monthly_cap_tokens,
  }),
});

/**
 * Removes a member: its running requests end as usual, its next one is refused. Owners remove anybody, admins members
 * and viewers.
 */
export const remove = defineChange("remove_wallet_member", {
  name: "wallets/remove",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId }),
  codes: ["forbidden", "last_owner"],
  args: ({ member_id }) => ({ p_member_id: member_id }),
});

/** Leaves a wallet. The last owner cannot leave: it makes another owner first. */
export const leave = defineChange("remove_wallet_member", {
  name: "wallets/leave",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId }),
  codes: ["forbidden", "last_owner"],
  args: (_input, userId) => ({ p_member_id: userId }),
});

/** Hands a wallet over: the member becomes an owner, and the owner who calls becomes an admin. */
export const transfer = defineChange("transfer_wallet", {
  name: "wallets/transfer",
  callLimit: CHANGES,
  input: z.object({ wallet_id: WalletId, member_id: UserId }),
  codes: ["forbidden"],
  args: ({ member_id }) => ({ p_member_id: member_id }),
});

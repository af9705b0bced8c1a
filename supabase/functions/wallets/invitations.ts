import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";

import { defineEndpoint } from "../_shared/endpoint.ts";
import { defineChange } from "./define_change.ts";
import { Cap, Role, WalletId } from "./inputs.ts";
import { change, read } from "./outcome.ts";

/** 128 bits, which nobody guesses. */
const CODE_BYTES = 16;
const Code = z.string().regex(/^[\w-]{22}$/, "Expected the code of an invitation");
const InvitedRole = Role.exclude(["owner"]).describe("The role of whoever accepts");

/** The database never sees a code, so that nobody who reads its tables or its log can join. */
function digestOf(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}

/**
 * Invites to a wallet: gives out a code, once, which the app sends as a link. With an e-mail address only the user who
 * has confirmed that address can accept. Owners invite to any role, admins members and viewers.
 */
export const invite = defineEndpoint({
  name: "wallets/invite",
  auth: "user",
  method: "POST",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({
    wallet_id: WalletId,
    role: InvitedRole.default("member"),
    monthly_cap_tokens: Cap.default(null),
    email: z.email().max(320).optional().describe(
      "Only the user who has confirmed this address can accept, once",
    ),
    max_uses: z.int().min(1).max(1_000).default(1),
    expires_in_s: z.int().min(60).max(30 * 86_400).default(7 * 86_400),
  }).refine(({ email, max_uses }) => email === undefined || max_uses === 1, {
    message: "An invitation for an e-mail address can be used once",
    path: ["max_uses"],
  }),
  output: z.object({
    invitation_id: z.string(),
    code: z.string().describe("Shown here and never again"),
    expires_at: z.string(),
  }),
  codes: ["forbidden", "wallet_limit_reached"],
  async handle({ caller, requestId, input }) {
    const code = randomBytes(CODE_BYTES).toString("base64url");
    const { invitation_id, expires_at } = await change("invite_to_wallet", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
      p_code_digest: digestOf(code),
      p_role: input.role,
      p_request_id: requestId,
      p_monthly_cap_tokens: input.monthly_cap_tokens,
      p_email: input.email,
      p_max_uses: input.max_uses,
      p_time_to_live: `${input.expires_in_s} seconds`,
    });
    return Response.json({ invitation_id, code, expires_at });
  },
});

/** The open invitations to a wallet, without their codes. For its owners and admins. */
export const invitations = defineEndpoint({
  name: "wallets/invitations",
  auth: "user",
  method: "GET",
  callLimit: { quota: 120, window_s: 60 },
  input: z.object({ wallet_id: WalletId }),
  output: z.object({
    invitations: z.array(z.object({
      invitation_id: z.string(),
      created_by: z.string(),
      role: InvitedRole,
      monthly_cap_tokens: Cap,
      email: z.string().nullable(),
      max_uses: z.int(),
      uses: z.int(),
      created_at: z.string(),
      expires_at: z.string(),
    })),
  }),
  codes: ["forbidden"],
  async handle({ caller, input }) {
    const found = await read("list_wallet_invitations", {
      p_user_id: caller.userId,
      p_wallet_id: input.wallet_id,
    });
    return Response.json({ invitations: found });
  },
});

/** Withdraws an invitation. For the wallet's owners and admins. */
export const withdraw = defineChange("withdraw_wallet_invitation", {
  name: "wallets/withdraw",
  callLimit: { quota: 120, window_s: 3_600 },
  input: z.object({ wallet_id: WalletId, invitation_id: z.uuid() }),
  codes: ["forbidden"],
  args: ({ invitation_id }) => ({ p_invitation_id: invitation_id }),
});

/**
 * Accepts an invitation by its code. An unknown, expired, used or withdrawn code and one for another's address get the
 * same answer, `not_found`. A member keeps its role; who left and comes back takes no further use.
 */
export const accept = defineEndpoint({
  name: "wallets/accept",
  auth: "user",
  method: "POST",
  callLimit: { quota: 30, window_s: 3_600 },
  input: z.object({ code: Code }),
  output: z.object({ wallet_id: z.string(), role: Role }),
  codes: ["wallet_limit_reached", "account_paused"],
  async handle({ caller, input }) {
    const { wallet_id, role } = await change("accept_wallet_invitation", {
      p_user_id: caller.userId,
      p_code_digest: digestOf(input.code),
    });
    return Response.json({ wallet_id, role });
  },
});

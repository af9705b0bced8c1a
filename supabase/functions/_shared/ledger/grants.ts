import { z } from "zod";

const Tokens = z.int().min(0);

export const GrantKind = z.enum(["paid", "plan", "promotion", "rollover", "refund"]);

/** What is known of every grant, begun or not. */
const Grant = z.object({
  kind: GrantKind,
  priority: z.int().describe("From 0, spent first, to 100"),
  amount: Tokens.describe("The tokens that it had at first"),
  effective_at: z.string().describe("From when on it counts"),
  expires_at: z.string().nullable().describe("When what is left of it ends; null: never"),
  source: z.string().nullable().describe(
    "Payment, invoice or coupon; null: none, or hidden from the members of a team",
  ),
});

export const PendingGrant = Grant;

/** A grant of which something is left. */
export const LiveGrant = Grant.extend({
  entry_number: z.int().describe("The entry that added it"),
  remaining: Tokens.describe("What is left of it now"),
});

/** A grant with all that became of it. */
export const ListedGrant = LiveGrant.extend({
  spent: Tokens.describe("What charges took of it, before refunds"),
  refunded: Tokens.describe("What was given back to it"),
  expired: Tokens.describe("What was left when it ended"),
  reversed: Tokens.describe("What was taken back for a payment that was reversed"),
  rolled_over: Tokens.describe("What a renewal took over into a grant of its own"),
});

/** Which part of a charge a grant paid. */
export const PayingGrant = z.object({
  entry_number: z.int().describe("The entry that added the grant"),
  kind: GrantKind,
  tokens: Tokens.describe("What the charge took of it"),
  expires_at: z.string().nullable(),
  source: z.string().nullable(),
  reversed: Tokens.describe("What was taken back of that grant, as its payment was reversed"),
});

/** What a wallet has, exactly, at the moment of the answer. */
export const WalletState = z.object({
  balance: Tokens.describe("Tokens that the wallet owns"),
  held: Tokens.describe("The part that running requests hold"),
  available: Tokens.describe("The balance minus what is held"),
  debt: Tokens.describe(
    "What is owed for payments that were reversed; the next tokens that are granted pay it first",
  ),
});

/** Hides sources from the members of a team, as a payment's id may lead to who paid. */
export function forMembers<Given extends { source: string | null }>(
  grants: Given[],
  walletId: string | null,
): Given[] {
  return walletId === null ? grants : grants.map((grant) => ({ ...grant, source: null }));
}

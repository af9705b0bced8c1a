/** What a member of a team may spend. */
import type { Amount } from "../calls.ts";
import { type Ledger, type Member, monthOf } from "./ledger.ts";

/** Who is in the team now. */
export function memberOf(ledger: Ledger, wallet: string, user: string): Member | undefined {
  const member = ledger.teams.get(wallet)?.get(user);
  return member?.removedAt === null ? member : undefined;
}

/** Why somebody may not spend so much; undefined where it may. */
export function memberDenial(ledger: Ledger, wallet: string, user: string, amount: Amount, held?: bigint) {
  const member = memberOf(ledger, wallet, user);
  if (!member || member.role === "viewer") return { error: "forbidden" };
  const spent = spentThisMonth(ledger, member);
  if (member.cap === null || typeof amount !== "bigint") return undefined;
  if (amount + spent + (held ?? member.held) <= member.cap) return undefined;
  return {
    error: "member_cap_reached",
    cap_tokens: member.cap,
    spent,
    held: member.held,
    required: amount,
  };
}

/** Notes how a member's hold ended, member or not by now. */
export function endMemberHold(
  ledger: Ledger,
  { user, actor, amount }: { user: string; actor: string | null; amount: bigint },
  charged: bigint,
): void {
  const member = ledger.teams.get(user)?.get(actor ?? "");
  if (!member) return;
  member.held -= amount;
  member.spent = spentThisMonth(ledger, member) + charged;
  member.month = monthOf(ledger.now);
}

/** What a member spent in this month. */
export function spentThisMonth({ now }: Ledger, { month, spent }: Member): bigint {
  return month === monthOf(now) ? spent : 0n;
}

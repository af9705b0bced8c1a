/** Payments that were given back, or whose dispute was lost or won: the sum of all that was said decides. */
import { giveBack, takeBack } from "./debts.ts";
import { sumOf } from "./grants.ts";
import { least, type Ledger, type Part, type Payment } from "./ledger.ts";

/** Takes a payment's tokens back, or gives back what was taken, so that it fits the sum of its events. */
export function reconcile(ledger: Ledger, wallet: string, source: string | null): void {
  const payment = ledger.payments.get(source ?? "");
  if (source === null || payment?.wallet !== wallet) return;
  const change = reversedOf(ledger, source, payment) - sumOf(payment.taken) - payment.debt;
  if (change > 0n) payment.debt += change - takeBack(ledger, source, payment, change, "clawback");
  if (change < 0n) forgive(ledger, payment, -change);
}

/** How many of its tokens a payment has lost: never more than it brought, and none before it brought them. */
function reversedOf(ledger: Ledger, source: string, { wallet, reversals }: Payment): bigint {
  const reversed = -[...reversals.values()].reduce((sum, amount) => sum + amount, 0n);
  const granted = (ledger.accounts.get(wallet)?.grants ?? [])
    .filter((grant) => grant.source === source && grant.hasCome)
    .reduce((sum, { amount }) => sum + amount, 0n);
  return reversed < 0n ? 0n : least(reversed, granted);
}

/** Lowers the debt first; what was taken goes back to where it came from, the newest part first. */
function forgive(ledger: Ledger, payment: Payment, amount: bigint): void {
  const ofDebt = least(amount, payment.debt);
  payment.debt -= ofDebt;
  const given: Part[] = [];
  for (let rest = amount - ofDebt; rest > 0n;) {
    const part = payment.taken.at(-1)!;
    const back = least(part.amount, rest);
    part.amount -= back;
    rest -= back;
    if (part.amount === 0n) payment.taken.pop();
    given.push({ grant: part.grant, amount: back });
  }
  if (given.length > 0) giveBack(ledger, payment.wallet, given, "clawback", null);
}

/** Payments that were given back, or whose dispute was lost or won: the sum of their events decides. */
import { debtsOf, giveAnew, isPast, payDebts, reclaimable } from "./debts.ts";
import { compare, sumOf, takeFrom } from "./grants.ts";
import { enter, least, type Ledger, type Part, type Payment } from "./ledger.ts";

/** Takes a payment's tokens back, or gives back what was taken, so that it fits the sum of its events. */
export function settlePayment(ledger: Ledger, wallet: string, source: string): Payment {
  const payment = ledger.payments.get(source) ?? { wallet, taken: [], debt: 0n };
  ledger.payments.set(source, payment);
  const change = reversedOf(ledger, wallet, source) - sumOf(payment.taken) - payment.debt;
  if (change > 0n) takeBack(ledger, source, payment, change);
  if (change < 0n) giveBack(ledger, payment, -change);
  return payment;
}

/** How many of its tokens a payment has lost: never more than it brought. */
function reversedOf({ accounts, reversals }: Ledger, wallet: string, source: string): bigint {
  const told = sumOf([...reversals.values()].filter((one) => one.source === source && one.wallet === wallet));
  const granted = sumOf(
    accounts.get(wallet)!.grants.filter((grant) =>
      grant.source === source && grant.kind !== "rollover" && grant.kind !== "refund"
    ),
  );
  return told < 0n ? 0n : least(told, granted);
}

/** Takes first from grants that are still to come, the last one first; then from what is there; the rest is owed. */
function takeBack(ledger: Ledger, source: string, payment: Payment, amount: bigint): void {
  const { wallet } = payment;
  const account = ledger.accounts.get(wallet)!;
  const { grants } = account;
  const toCome = [...grants.keys()].filter((place) => {
    const { entry, source: from, left } = grants[place]!;
    return entry === null && from === source && left > 0n;
  });
  toCome.sort((one, other) => compare(grants[other]!.effective, grants[one]!.effective) || other - one);
  const pending = toCome.map((grant) => ({ grant, amount: grants[grant]!.left }));
  const parts = takeFrom(account, amount, [...pending, ...reclaimable(ledger, wallet, source)]);
  const owed = amount - sumOf(parts);
  const taken = parts.filter(({ grant }) => grants[grant]!.entry !== null);
  payment.taken.push(...parts);
  payment.debt += owed;
  if (sumOf(taken) + owed > 0n) {
    enter(ledger, account, { delta: -sumOf(taken), operation: "clawback", parts: taken });
  }
  if (owed > 0n) ledger.anomalies.add(`${wallet} debt ${source}`);
}

/** Lowers the debt first; what was taken goes back to where it came from, the newest part first, and pays other debts. */
function giveBack(ledger: Ledger, payment: Payment, amount: bigint): void {
  const { wallet } = payment;
  const account = ledger.accounts.get(wallet)!;
  const waived = least(amount, payment.debt);
  payment.debt -= waived;
  const returned: Part[] = [];
  for (let rest = amount - waived; rest > 0n;) {
    const part = payment.taken.at(-1)!;
    const back = least(part.amount, rest);
    rest -= back;
    if (back === part.amount) payment.taken.pop();
    else payment.taken[payment.taken.length - 1] = { ...part, amount: part.amount - back };
    returned.push({ grant: part.grant, amount: back });
  }
  const late = returned.filter(({ grant }) => isPast(ledger, wallet, grant));
  const given = returned.filter((part) => !late.includes(part));
  for (const { grant, amount } of given) account.grants[grant]!.left += amount;
  const entered = given.filter(({ grant }) => account.grants[grant]!.entry !== null);
  if (sumOf(entered) + waived > 0n) {
    enter(ledger, account, { delta: sumOf(entered), operation: "clawback", parts: entered });
    payDebts(ledger, wallet, entered);
  }
  giveAnew(ledger, wallet, late, "clawback");
}

/** What the wallet owes in all. */
export function debtOf(ledger: Ledger, wallet: string): bigint {
  return debtsOf(ledger, wallet).reduce((sum, { debt }) => sum + debt, 0n);
}

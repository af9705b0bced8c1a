/** What payments owe, and tokens that go back to the grants that they came from. */
import { NEVER } from "../calls.ts";
import { freeParts, sumOf, takeFrom } from "./grants.ts";
import { enter, hasEnded, type Ledger, MINUTES_OF_A_DAY, type Part, type Payment } from "./ledger.ts";

/** How long a grant lives that stands for ones that have ended. */
const REFUND_LIFETIME = 7n * MINUTES_OF_A_DAY;

/** Pays what the wallet owes, the oldest debt first, with these tokens as far as they go. */
export function payDebts(ledger: Ledger, wallet: string, offered: Part[]): void {
  const account = ledger.accounts.get(wallet)!;
  for (const payment of ledger.payments.values()) {
    if (payment.wallet !== wallet || payment.debt === 0n) continue;
    const parts = takeFrom(account, payment.debt, offered);
    const paid = sumOf(parts);
    if (paid === 0n) continue;
    for (const part of parts) offered.find(({ grant }) => grant === part.grant)!.amount -= part.amount;
    payment.debt -= paid;
    payment.taken.push(...parts);
    enter(account, -paid, "debt_payment", null, parts);
  }
}

/** Pays what the wallet owes with what has become free of its paid grants. */
export function collectDebts(ledger: Ledger, wallet: string): void {
  for (const [source, payment] of ledger.payments) {
    if (payment.wallet !== wallet || payment.debt === 0n) continue;
    payment.debt -= takeBack(ledger, source, payment, payment.debt, "debt_payment");
  }
}

/** Takes back what is free of the payment's own grants, then of other paid ones; tells how much it was. */
export function takeBack(
  ledger: Ledger,
  source: string,
  payment: Payment,
  amount: bigint,
  operation: string,
): bigint {
  const account = ledger.accounts.get(payment.wallet)!;
  // The last to be used is the first to be taken, as it lives longest.
  const free = freeParts(ledger, payment.wallet).reverse();
  const isOwn = ({ grant }: Part) => account.grants[grant]!.source === source;
  const others = free.filter((part) => !isOwn(part) && account.grants[part.grant]!.kind === "paid");
  const parts = takeFrom(account, amount, [...free.filter(isOwn), ...others]);
  const taken = sumOf(parts);
  if (taken > 0n) {
    payment.taken.push(...parts);
    enter(account, -taken, operation, null, parts);
  }
  return taken;
}

/** Gives tokens back to the grants that they came from; for those that have ended there is one of a few days. */
export function giveBack(
  ledger: Ledger,
  wallet: string,
  parts: Part[],
  operation: string,
  request: string | null,
): void {
  const account = ledger.accounts.get(wallet)!;
  const isLate = ({ grant }: Part) => hasEnded(account.grants[grant]!, ledger.now);
  const given: Part[] = [];
  for (const { grant, amount } of parts.filter((part) => !isLate(part))) {
    const known = given.find((part) => part.grant === grant);
    if (known) known.amount += amount;
    else given.push({ grant, amount });
  }
  const late = sumOf(parts.filter(isLate));
  if (late > 0n) {
    account.grants.push({
      kind: "refund",
      priority: 0n,
      amount: late,
      effective: ledger.now,
      expires: ledger.now + REFUND_LIFETIME,
      source: null,
      hasCome: true,
      left: 0n,
      closed: NEVER,
    });
    given.push({ grant: account.grants.length - 1, amount: late });
  }
  for (const { grant, amount } of given) account.grants[grant]!.left += amount;
  enter(account, sumOf(given), operation, request, given);
  payDebts(ledger, wallet, structuredClone(given));
}

/** What is owed, and how a grant comes, which pays it. */
import { type Kind } from "../calls.ts";
import { compare, freeParts, sumOf, takeFrom } from "./grants.ts";
import { enter, isOver, least, type Ledger, MINUTES_OF_A_DAY, type Part, type Payment } from "./ledger.ts";

/** How long a grant lives that stands for ones that have ended. */
const REFUND_LIFETIME = 7n * MINUTES_OF_A_DAY;

/** Adds a grant to the balance, as far as it was not taken back before; it pays what is owed. */
export function come(ledger: Ledger, wallet: string, place: number, operation: string = "grant"): void {
  const account = ledger.accounts.get(wallet)!;
  const grant = account.grants[place]!;
  enter(ledger, account, {
    delta: grant.left,
    operation,
    request: grant.left > 0n ? grant.request : null,
    parts: [],
  });
  grant.entry = BigInt(account.entries.length);
  const made = ledger.requests.get(grant.request ?? "");
  if (made && grant.left > 0n) {
    made.charged = -grant.left;
    made.balance_after = account.balance;
  }
  payDebts(ledger, wallet, [{ grant: place, amount: grant.left }]);
}

/** Pays what the wallet owes with tokens that it was just given, the oldest debt first. */
export function payDebts(ledger: Ledger, wallet: string, offered: Part[]): void {
  const paid: Part[] = [];
  for (const part of offered) {
    let left = part.amount;
    for (const payment of debtsOf(ledger, wallet)) {
      const amount = least(payment.debt, left);
      if (amount === 0n) continue;
      left -= amount;
      pay(ledger, payment, [{ grant: part.grant, amount }]);
    }
    if (left < part.amount) paid.push({ grant: part.grant, amount: part.amount - left });
  }
  enterPayment(ledger, wallet, paid);
}

/** Pays what the wallet owes with what has become free: of the payment's own grants, then of others that were paid for. */
export function collectDebts(ledger: Ledger, wallet: string): void {
  const paid: Part[] = [];
  for (const [source, payment] of ledger.payments) {
    if (payment.wallet !== wallet || payment.debt === 0n) continue;
    const offered = reclaimable(ledger, wallet, source);
    const parts: Part[] = [];
    let missing = payment.debt;
    for (const { grant, amount } of offered) {
      const part = { grant, amount: least(amount, missing) };
      missing -= part.amount;
      if (part.amount > 0n) parts.push(part);
    }
    pay(ledger, payment, parts);
    paid.push(...parts);
  }
  enterPayment(ledger, wallet, paid);
}

function pay(ledger: Ledger, payment: Payment, parts: Part[]): void {
  payment.debt -= sumOf(takeFrom(ledger.accounts.get(payment.wallet)!, payment.debt, parts));
  payment.taken.push(...parts);
}

function enterPayment(ledger: Ledger, wallet: string, parts: Part[]): void {
  if (parts.length === 0) return;
  enter(ledger, ledger.accounts.get(wallet)!, { delta: -sumOf(parts), operation: "debt_payment", parts });
}

/** What a payment's reversal may take of what has come: the last to be used is the first to be taken, as it lives longest. */
export function reclaimable(ledger: Ledger, wallet: string, source: string): Part[] {
  const { grants } = ledger.accounts.get(wallet)!;
  const free = freeParts(ledger, wallet).reverse().filter(({ amount }) => amount > 0n);
  const isOwn = ({ grant }: Part) => grants[grant]!.source === source;
  return [
    ...free.filter(isOwn),
    ...free.filter((part) => !isOwn(part) && grants[part.grant]!.kind === "paid"),
  ];
}

export function debtsOf({ payments }: Ledger, wallet: string): Payment[] {
  return [...payments.values()].filter((payment) => payment.wallet === wallet && payment.debt > 0n);
}

/** Makes new grants, which live a few days, for tokens that come back to ended ones: one for each of their sources. */
export function giveAnew(ledger: Ledger, wallet: string, parts: Part[], operation: string): void {
  const { grants } = ledger.accounts.get(wallet)!;
  const origins = [...new Set(parts.map(({ grant }) => grant))].sort((one, other) => one - other);
  for (const source of new Set(origins.map((origin) => grants[origin]!.source))) {
    const ofSource = parts.filter(({ grant }) => grants[grant]!.source === source);
    const [priority] = ofSource.map(({ grant }) => grants[grant]!.priority).sort(compare);
    grants.push({
      kind: "refund" satisfies Kind,
      priority: priority!,
      amount: sumOf(ofSource),
      effective: ledger.now,
      expires: ledger.now + REFUND_LIFETIME,
      source,
      request: null,
      entry: null,
      left: sumOf(ofSource),
      expired: 0n,
      isRenewed: false,
    });
    come(ledger, wallet, grants.length - 1, operation);
  }
}

/** Whether a grant came and is over, so that nothing can go back to it. */
export function isPast(ledger: Ledger, wallet: string, place: number): boolean {
  const { entry, expires } = ledger.accounts.get(wallet)!.grants[place]!;
  return entry !== null && isOver(expires, ledger.now);
}

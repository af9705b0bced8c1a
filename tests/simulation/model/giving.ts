/** How tokens come, go back, and go over into a new period. */
import { type AddCall, type ClawbackCall, NEVER, type RefundCall, type RolloverCall } from "../calls.ts";
import { reconcile } from "./clawbacks.ts";
import { giveBack } from "./debts.ts";
import { catchUp, come } from "./events.ts";
import { freeParts, sumOf, takeFrom } from "./grants.ts";
import {
  enter,
  type Entry,
  isAmount,
  isName,
  isOver,
  LARGEST_AMOUNT,
  least,
  type Ledger,
  openAccount,
  type Part,
} from "./ledger.ts";
import { refusal, repeatedCharge, success } from "./requests.ts";

const GRANT = "grant";

/** Grants tokens, once per id for ever; a grant without an id is always a new one. */
export function add(ledger: Ledger, call: AddCall) {
  const { user, id, amount } = call;
  const refused = (error: string) => ({ ...refusal(id, error), added: 0n });
  if (!isName(id ?? "-") || !isAmount(amount)) return refused("invalid_request");
  if (isOver(call.expires, call.effective) || isOver(call.expires, ledger.now)) return refused("invalid_request");
  catchUp(ledger, user);
  const known = id === null ? undefined : ledger.requests.get(id);
  if (known) {
    openAccount(ledger, user);
    if (known.user !== user || known.operation !== GRANT || known.amount !== amount) {
      return refused("idempotency_key_reused");
    }
    const { charged: _, response: __, ...answer } = repeatedCharge(known);
    return { ...answer, added: amount, request_id: id };
  }
  if ((ledger.accounts.get(user)?.balance ?? 0n) + amount > LARGEST_AMOUNT) return refused("invalid_request");

  const account = openAccount(ledger, user);
  const { kind, priority, effective, expires, source } = call;
  account.grants.push({ kind, priority, amount, effective, expires, source, hasCome: false, left: 0n, closed: NEVER });
  if (effective <= ledger.now) come(ledger, user, account.grants.length - 1, id);
  if (id !== null) {
    ledger.requests.set(id, {
      user,
      actor: null,
      operation: GRANT,
      fingerprint: null,
      amount,
      status: "settled",
      attempt: 1n,
      since: ledger.now,
      ends: NEVER,
      charged: -amount,
      balance_after: account.balance,
      response: null,
    });
  }
  return { ...success, duplicate: false, added: amount, balance: account.balance, request_id: id };
}

/** Gives a charge back, whole or in part, once per refund id, into the grants that paid for it: the last one first. */
export function refund(ledger: Ledger, { request, id, amount }: RefundCall) {
  const refused = (error: string) => ({ ...refusal(request, error), refunded: 0n });
  if (!isName(request) || !isName(id) || (amount !== null && !isAmount(amount))) return refused("invalid_request");
  const known = ledger.refunds.get(id);
  if (known) {
    if (known.request !== request || known.asked !== amount) return refused("idempotency_key_reused");
    return { ...success, duplicate: true, refunded: known.amount, balance: known.balance_after, request_id: request };
  }
  const charge = chargeOf(ledger, request);
  if (!charge) return refused("not_found");
  const { wallet, entry } = charge;
  catchUp(ledger, wallet);
  const before = [...ledger.refunds.values()].filter((one) => one.entry === entry)
    .reduce((sum, { amount }) => sum + amount, 0n);
  const refundable = -entry.delta - before;
  const given = amount ?? refundable;
  if (given > refundable || given === 0n) return refused("invalid_request");
  const account = ledger.accounts.get(wallet)!;
  giveBack(ledger, wallet, lastParts(entry.parts, before, given), "refund", id);
  ledger.refunds.set(id, { request, entry, asked: amount, amount: given, balance_after: account.balance });
  return { ...success, duplicate: false, refunded: given, balance: account.balance, request_id: request };
}

/** The newest charge under this id. */
function chargeOf(ledger: Ledger, request: string): { wallet: string; entry: Entry } | undefined {
  for (const [wallet, { entries }] of ledger.accounts) {
    const entry = entries.findLast((one) => one.request === request && one.delta < 0n);
    if (entry) return { wallet, entry };
  }
}

/** So much of these parts, from their end backwards, after so much of it was passed over. */
function lastParts(parts: Part[], passed: bigint, amount: bigint): Part[] {
  const found: Part[] = [];
  for (const part of parts.toReversed()) {
    const skipped = least(part.amount, passed);
    passed -= skipped;
    const taken = least(part.amount - skipped, amount);
    amount -= taken;
    if (taken > 0n) found.push({ grant: part.grant, amount: taken });
  }
  return found;
}

/** An event of a payment: money went back (negative) or came again, once per id, perhaps before its grant is known. */
export function clawBack(ledger: Ledger, { user, source, id, amount }: ClawbackCall) {
  const isSigned = typeof amount === "bigint" && isAmount(amount < 0n ? -amount : amount);
  if (!isName(id) || !isSigned) return refusal(null, "invalid_request");
  const known = ledger.payments.get(source)?.reversals.get(id);
  if (known !== undefined && known !== amount) return refusal(null, "idempotency_key_reused");
  catchUp(ledger, user);
  const payment = ledger.payments.get(source) ?? { wallet: user, reversals: new Map(), taken: [], debt: 0n };
  ledger.payments.set(source, payment);
  payment.reversals.set(id, amount);
  reconcile(ledger, user, source);
  return { ...success, duplicate: known !== undefined };
}

/** Closes what is free of a plan's grants and opens a new one of it, up to a cap; once per source of the new one. */
export function rollOver(ledger: Ledger, { user, source, newSource, cap, expires }: RolloverCall) {
  if (ledger.rollovers.has(newSource)) return { ...success, duplicate: true };
  catchUp(ledger, user);
  const account = openAccount(ledger, user);
  const closed = freeParts(ledger, user).filter(({ grant }) => account.grants[grant]!.source === source);
  const left = sumOf(closed);
  const kept = least(left, cap);
  takeFrom(account, left, closed);
  if (left > 0n) enter(account, -left, "rollover", null, closed);
  for (const grant of account.grants) {
    if (grant.source === source && grant.hasCome && grant.closed === NEVER) grant.closed = ledger.now;
  }
  ledger.rollovers.set(newSource, { amount: kept });
  if (kept > 0n) {
    account.grants.push({
      kind: "rollover",
      priority: 0n,
      amount: kept,
      effective: ledger.now,
      expires,
      source: newSource,
      hasCome: true,
      left: kept,
      closed: NEVER,
    });
    enter(account, kept, "rollover", null, [{ grant: account.grants.length - 1, amount: kept }]);
  }
  return { ...success, duplicate: false, rolled_over: kept };
}

/** How tokens come, go back, and go over into a new period. */
import {
  type AddCall,
  type ClawbackCall,
  type Kind,
  NEVER,
  type RefundCall,
  type RolloverCall,
} from "../calls.ts";
import { debtOf, settlePayment } from "./clawbacks.ts";
import { giveAnew, isPast, payDebts } from "./debts.ts";
import { catchUp, lookCloser } from "./events.ts";
import { compare, freeParts, inOrderOfUse, roomOf, sumOf, takeFrom } from "./grants.ts";
import {
  type Account,
  enter,
  type Entry,
  isAmount,
  isCharge,
  isName,
  isOver,
  least,
  type Ledger,
  MINUTES_OF_A_DAY,
  monthOf,
  openAccount,
  type Part,
} from "./ledger.ts";
import { refusal, repeatedCharge, success } from "./requests.ts";

const GRANT = "grant";
/** How long after its end a plan can be renewed with what expired of it. */
const ROLLOVER_GRACE = 3n * MINUTES_OF_A_DAY;

/** Grants tokens, once per id for ever; a grant without an id is always a new one. */
export function add(ledger: Ledger, call: AddCall) {
  const { user, id, amount, kind, priority, effective, expires, source } = call;
  const refused = (error: string) => ({ ...refusal(id, error), added: 0n });
  if (!isName(id ?? "-") || !isAmount(amount)) return refused("invalid_request");
  if (priority < 0n || priority > 100n) return refused("invalid_request");
  if (effective !== null && isOver(expires, effective)) return refused("invalid_request");
  const account = openAccount(ledger, user);
  lookCloser(ledger, user);
  const asked = [kind, priority, effective, expires, source].join();
  const known = id === null ? undefined : ledger.requests.get(id);
  if (known) {
    const isSame = known.user === user && known.operation === GRANT && known.amount === amount &&
      known.fingerprint === asked;
    if (!isSame) return refused("idempotency_key_reused");
    const { charged: _, response: __, ...answer } = repeatedCharge(known);
    return { ...answer, added: amount, request_id: id };
  }
  if (effective === null && isOver(expires, ledger.now)) return refused("invalid_request");
  if (amount > roomOf(account)) return refused("invalid_request");

  if (id !== null) {
    ledger.requests.set(id, {
      user,
      actor: null,
      operation: GRANT,
      fingerprint: asked,
      amount,
      status: "settled",
      attempt: 1n,
      since: ledger.now,
      ends: NEVER,
      charged: 0n,
      balance_after: account.balance,
      response: null,
    });
  }
  const terms = { kind, priority, amount, effective: effective ?? ledger.now, expires, source };
  account.grants.push({ ...terms, request: id, entry: null, left: amount, expired: 0n, isRenewed: false });
  catchUp(ledger, user);
  const reversals = [...ledger.reversals.values()].filter((reversal) => reversal.source === source);
  for (const reversal of reversals) reversal.wallet ??= user;
  if (reversals.length > 0) {
    settlePayment(ledger, user, source!);
    catchUp(ledger, user);
  }
  return { ...success, duplicate: false, added: amount, balance: account.balance, request_id: id };
}

/** Gives a charge back, whole or in part, once per refund id, into the grants that paid for it: the last one first. */
export function refund(ledger: Ledger, { request, id, amount }: RefundCall) {
  const refused = (error: string, balance: bigint | null = null) => ({
    ...refusal(request, error, balance),
    refunded: 0n,
  });
  if (!isName(request) || !isName(id) || (amount !== null && !isAmount(amount))) {
    return refused("invalid_request");
  }
  const answer = (duplicate: boolean, refunded: bigint, balance: bigint, entry: Entry) => {
    const entry_number = BigInt(charge!.entries.indexOf(entry) + 1);
    return { ...success, duplicate, refunded, balance, request_id: request, entry_number };
  };
  const known = ledger.refunds.get(id);
  const charge = chargeOf(ledger, known?.entry ?? request);
  if (known) {
    if (known.request !== request || known.asked !== amount) return refused("idempotency_key_reused");
    return answer(true, known.amount, known.balance_after, known.entry);
  }
  if (!charge) return refused("not_found");
  const { wallet, entry } = charge;
  const account = ledger.accounts.get(wallet)!;
  catchUp(ledger, wallet);
  const before = sumOf([...ledger.refunds.values()].filter((one) => one.entry === entry));
  const refundable = -entry.delta - before;
  const given = amount ?? refundable;
  if (given > refundable || given === 0n) {
    return { ...refused("refund_exceeds_charge", account.balance), charged: -entry.delta, refundable };
  }
  if (given > roomOf(account)) return refused("invalid_request", account.balance);

  const parts = lastParts(entry.parts, before, given);
  const late = parts.filter(({ grant }) => isPast(ledger, wallet, grant));
  const restored = parts.filter((part) => !late.includes(part));
  if (restored.length > 0) {
    for (const { grant, amount } of restored) account.grants[grant]!.left += amount;
    enter(ledger, account, { delta: sumOf(restored), operation: "refund", parts: restored });
    payDebts(ledger, wallet, restored);
  }
  giveAnew(ledger, wallet, late, "refund");
  const member = ledger.teams.get(wallet)?.get(entry.actor ?? "");
  if (member?.month === monthOf(entry.at)) member.spent -= given;
  catchUp(ledger, wallet);
  ledger.refunds.set(id, { request, entry, asked: amount, amount: given, balance_after: account.balance });
  return answer(false, given, account.balance, entry);
}

/** The newest charge under an id, or the one of an entry. */
function chargeOf(ledger: Ledger, sought: string | Entry) {
  const charges = [...ledger.accounts].flatMap(([wallet, { entries }]) =>
    entries.filter((entry) => entry === sought || entry.request === sought && isCharge(entry)).map((
      entry,
    ) => ({ wallet, entry, entries }))
  );
  return charges.sort((one, other) => compare(one.entry.at, other.entry.at)).at(-1);
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

/** An event of a payment: money went back or came again, once per id, perhaps before its grant is known. */
export function clawBack(ledger: Ledger, { source, id, amount }: ClawbackCall) {
  const refused = (error: string) => ({ ...refusal(null, error), reversed: 0n });
  const isSigned = typeof amount === "bigint" && isAmount(amount < 0n ? -amount : amount);
  if (!isName(id) || !isSigned) return refused("invalid_request");
  const known = ledger.reversals.get(id);
  if (known && (known.source !== source || known.amount !== amount)) return refused("idempotency_key_reused");
  const owner = [...ledger.accounts].find(([, { grants }]) =>
    grants.some((grant) => grant.source === source)
  );
  const wallet = known ? known.wallet : owner?.[0] ?? null;
  ledger.reversals.set(id, { source, wallet, amount });
  const duplicate = known !== undefined;
  if (wallet === null) {
    return { ...success, duplicate, reversed: 0n, payment_debt: 0n, debt: 0n, balance: null };
  }
  catchUp(ledger, wallet);
  const payment = settlePayment(ledger, wallet, source);
  const owed = payment.debt;
  const reversed = sumOf(payment.taken) + owed;
  catchUp(ledger, wallet);
  const { balance } = ledger.accounts.get(wallet)!;
  return { ...success, duplicate, reversed, payment_debt: owed, debt: debtOf(ledger, wallet), balance };
}

/** Ends a plan's grants, and makes one of what is free of them, up to a cap; the rest expires. Once per id. */
export function rollOver(ledger: Ledger, { user, source, id, cap, percent, expires }: RolloverCall) {
  const refused = (error: string) => ({ ...refusal(id, error), rolled_over: 0n, expired: 0n });
  const account = openAccount(ledger, user);
  catchUp(ledger, user);
  const { grants } = account;
  const asked = [source, cap, percent, expires].join();
  const answer = (duplicate: boolean, rolledOver: bigint, expired: bigint) => ({
    ...success,
    duplicate,
    rolled_over: rolledOver,
    expired,
    balance: account.balance,
    request_id: id,
  });
  const known = ledger.rollovers.get(id);
  if (known) {
    if (known.wallet !== user || known.asked !== asked) return refused("idempotency_key_reused");
    return answer(true, known.rolledOver, known.expired);
  }
  if (isOver(expires, ledger.now)) return refused("invalid_request");
  const plan = inOrderOfUse(account).filter((place) => {
    const { kind, source: from, left, expires } = grants[place]!;
    return kind === "plan" && from === source && left > 0n && !isOver(expires, ledger.now);
  });
  const isLate = plan.length === 0;
  const closed = isLate ? lateGrants(ledger, account, source) : plan;
  const free = freeParts(ledger, user).filter(({ grant }) => plan.includes(grant));
  const room = roomOf(account);
  const gone = closed.reduce((sum, place) => sum + grants[place]!.expired, 0n);
  const left = isLate ? least(gone, room < 0n ? 0n : room) : sumOf(free);
  const share = percent === null ? left : sumOf(closed.map((place) => grants[place]!)) * percent / 100n;
  const rolledOver = least(left, share, cap ?? left);
  for (const place of closed) grants[place]!.isRenewed = true;
  const terms = {
    kind: "rollover" satisfies Kind,
    priority: closed.map((place) => grants[place]!.priority).sort(compare)[0]!,
    amount: rolledOver,
    effective: ledger.now,
    expires,
    source,
    request: null,
    left: rolledOver,
    expired: 0n,
    isRenewed: false,
  } as const;
  if (isLate && rolledOver > 0n) grants.push({ ...terms, entry: null });
  if (plan.length > 0) {
    const parts = takeFrom(account, rolledOver, free);
    enter(ledger, account, { delta: 0n, operation: "rollover", parts });
    for (const place of plan) grants[place]!.expires = ledger.now;
    if (rolledOver > 0n) grants.push({ ...terms, entry: BigInt(account.entries.length) });
  }
  catchUp(ledger, user);
  const expired = isLate ? left - rolledOver : plan.reduce((sum, place) => sum + grants[place]!.expired, 0n);
  ledger.rollovers.set(id, { wallet: user, asked, rolledOver, expired });
  return answer(false, rolledOver, expired);
}

/** A plan's grants that ended a short time ago, and of which something expired: a renewal that is told late is about them. */
function lateGrants({ now }: Ledger, { grants }: Account, source: string): number[] {
  return [...grants.keys()].filter((place) => {
    const { kind, source: from, expires, expired, isRenewed } = grants[place]!;
    return kind === "plan" && from === source && !isRenewed && expired > 0n && isOver(expires, now) &&
      !isOver(expires, now - ROLLOVER_GRACE);
  });
}

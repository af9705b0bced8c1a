/** What a request does: it reserves tokens, is charged for what it cost, or gives them back. */
import { type ConsumeCall, type HoldCall, NEVER, type ReleaseCall, type SettleCall } from "../calls.ts";
import { catchUp, isDue, lookCloser } from "./events.ts";
import { burn } from "./grants.ts";
import { overdueHolds } from "./holds.ts";
import { endMemberHold, memberDenial, memberOf } from "./members.ts";
import {
  enter,
  isAmount,
  isName,
  isOver,
  least,
  type Ledger,
  MINUTES_OF_A_DAY,
  openAccount,
  OWN_OPERATIONS,
  type Request,
} from "./ledger.ts";

/** How long an outcome is kept for a retry after its request ended. */
const RETENTION = MINUTES_OF_A_DAY;

/** Charging in one step is a hold that is settled at once for all of it. */
export function consume(ledger: Ledger, call: ConsumeCall) {
  const held = hold(ledger, { ...call, name: "hold", actor: null, fingerprint: null, minutes: 10n });
  const settled = "attempt" in held
    ? settle(ledger, { ...call, name: "settle", attempt: held.attempt, head: null })
    : held;
  const { response: _, response_tail: __, ...answer } = settled as Record<string, unknown>;
  return answer;
}

/** Claims an id and reserves the most that the request may cost. */
export function hold(ledger: Ledger, call: HoldCall) {
  const { user, actor, id, amount } = call;
  if (!isName(id) || !isName(call.operation) || !isAmount(amount)) return refusal(id, "invalid_request");
  if (OWN_OPERATIONS.includes(call.operation)) return refusal(id, "invalid_request");
  if (call.minutes < 1n || call.minutes > MINUTES_OF_A_DAY) return refusal(id, "invalid_request");

  const account = openAccount(ledger, user);
  const outcome = knownOutcome(ledger, call);
  if (outcome) return outcome;

  // Overdue holds keep their tokens until a cleanup, or until somebody looks closer.
  const known = ledger.requests.get(id);
  const denies = () => actor === null ? undefined : memberDenial(ledger, user, actor, amount);
  const isTooMuch = account.balance - account.held < amount;
  if (known || denies() || isTooMuch || isDue(ledger, user)) lookCloser(ledger, user);
  const denial = denies();
  if (denial) return { ...refusal(id, denial.error), ...denial };
  const available = account.balance - account.held;
  if (available < amount) {
    return { ...refusal(id, "insufficient_tokens", account.balance), required: amount, available };
  }
  if (actor !== null) memberOf(ledger, user, actor)!.held += amount;
  account.held += amount;
  const attempt = (known?.attempt ?? 0n) + 1n;
  ledger.requests.set(id, {
    user,
    actor,
    operation: call.operation,
    fingerprint: call.fingerprint,
    amount,
    status: "held",
    attempt,
    since: ledger.now,
    ends: ledger.now + call.minutes,
    charged: null,
    balance_after: null,
    response: null,
  });
  const { balance, held } = account;
  return { ...success, duplicate: false, charged: 0n, attempt, balance, held, request_id: id };
}

/** What a request gets whose id is known; undefined where it may run. */
export function knownOutcome(ledger: Ledger, call: HoldCall) {
  const { user, id, amount } = call;
  const known = ledger.requests.get(id);
  if (!known) return undefined;
  const isSame = known.user === user && known.actor === call.actor && known.operation === call.operation &&
    known.fingerprint === call.fingerprint && (call.fingerprint !== null || known.amount === amount);
  if (!isSame) return refusal(id, "idempotency_key_reused");
  if (known.status === "settled") return { ...repeatedCharge(known), request_id: id };
  if (known.status !== "held" || isOver(known.ends, ledger.now)) return undefined;
  return refusal(id, "request_in_progress", openAccount(ledger, user).balance);
}

/** Ends the hold and charges what it really cost, as far as the tokens go; an unknown cost is the whole hold. */
export function settle(ledger: Ledger, { user, id, attempt, amount, head }: SettleCall) {
  if (amount !== null && amount !== 0n && !isAmount(amount)) return refusal(id, "invalid_request");
  const account = ledger.accounts.get(user);
  const request = requestOf(ledger, user, id);
  if (!account || request?.attempt !== attempt) return refusal(id, "hold_not_current", account?.balance);
  if (request.status === "settled") {
    const { response: _, ...answer } = repeatedCharge(request);
    return { ...answer, response_tail: responseTail(answer.charged!, answer.balance!), request_id: id };
  }
  if (request.status !== "held") return refusal(id, "hold_not_current", account.balance);

  const wasDue = isDue(ledger, user);
  const cost = amount ?? request.amount;
  if (wasDue || cost > request.amount) {
    // A late settlement is accepted as long as nobody has ended its hold: nor is that done here.
    request.ends = NEVER;
    lookCloser(ledger, user);
  }
  const charged = least(cost, account.balance - account.held + request.amount);
  account.held -= request.amount;
  if (charged > 0n) {
    const parts = burn(account, charged, request.since, ledger.now);
    const { operation, actor } = request;
    enter(ledger, account, { delta: -charged, operation, request: id, actor, parts });
  }
  endMemberHold(ledger, request, charged);
  const tail = responseTail(charged, account.balance);
  request.status = "settled";
  request.charged = charged;
  request.balance_after = account.balance;
  request.response = head === null ? null : head + tail;
  request.ends = ledger.now;
  const { balance } = account;
  if (wasDue) catchUp(ledger, user);
  if (amount === null) ledger.anomalies.add(`${user} usage_unknown ${id}/${attempt}`);
  else if (cost > charged) ledger.anomalies.add(`${user} shortfall ${id}/${attempt}`);
  return { ...success, duplicate: false, charged, balance, response_tail: tail, request_id: id };
}

/** Ends the hold and charges nothing. */
export function release(ledger: Ledger, { user, id, attempt }: ReleaseCall) {
  const account = ledger.accounts.get(user);
  const request = requestOf(ledger, user, id);
  const isOverdue = request?.status === "held" && isOver(request.ends, ledger.now);
  // In the order of time: the hold ended by itself, perhaps before something else did.
  if (isOverdue && isDue(ledger, user)) catchUp(ledger, user);
  if (!account || request?.attempt !== attempt || request.status === "settled") {
    return refusal(id, "hold_not_current", account?.balance);
  }
  const duplicate = request.status !== "held";
  if (!duplicate) {
    account.held -= request.amount;
    endMemberHold(ledger, request, 0n);
    request.status = "released";
    request.ends = ledger.now;
    // What it kept of ended grants is nobody's now.
    if (isDue(ledger, user)) catchUp(ledger, user);
  }
  const { balance, held } = account;
  return { ...success, duplicate, charged: 0n, balance, held, request_id: id };
}

/** Wallets which a cleanup leaves to the next one, as other calls have their rows locked. */
export interface Spared {
  holdsOf: string[];
  requestsOf: string[];
}

/** Gives back every overdue hold and forgets the outcomes past their retention. */
export function cleanup(ledger: Ledger, spared: Spared = { holdsOf: [], requestsOf: [] }) {
  let deleted = 0n;
  for (const [id, { status, ends, user }] of ledger.requests) {
    if (status === "held" || !isOver(ends, ledger.now - RETENTION) || spared.requestsOf.includes(user)) {
      continue;
    }
    ledger.requests.delete(id);
    deleted++;
  }
  const users = [...ledger.accounts.keys()].filter((user) =>
    !spared.holdsOf.includes(user) && overdueHolds(ledger, user).length > 0
  );
  for (const user of users) lookCloser(ledger, user);
  return { users_with_expired_holds: BigInt(users.length), deleted_locks: deleted };
}

export const success = { success: true, error: null };

export function refusal(id: string | null, error: string, balance: bigint | null = null) {
  return { success: false, duplicate: false, error, charged: 0n, balance, request_id: id };
}

/** A retry gets what the first one got, with the balance of then. */
export function repeatedCharge({ charged, balance_after, response }: Request) {
  return { ...success, duplicate: true, charged, balance: balance_after, response };
}

/** The end of a stored answer: the two numbers that only the settlement knows. */
function responseTail(charged: bigint, balance: bigint): string {
  return `"charged":${charged},"balance":${balance}}}`;
}

function requestOf(ledger: Ledger, user: string, id: string): Request | undefined {
  const request = ledger.requests.get(id);
  return request?.user === user ? request : undefined;
}

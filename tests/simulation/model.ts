/**
 * The ledger's rules in plain TypeScript: the response of each call, and its effects. One call after the other, no
 * database, and a settable clock; times are minutes. The SQL must do exactly the same.
 */
import type {
  AddCall,
  Amount,
  Answer,
  Call,
  ConsumeCall,
  HoldCall,
  ReleaseCall,
  SettleCall,
} from "./calls.ts";

const LARGEST_AMOUNT = 9_007_199_254_740_991n;
const MINUTES_OF_A_DAY = 24n * 60n;
/** How long an outcome is kept for a retry after its request ended. */
const RETENTION = MINUTES_OF_A_DAY;
/** The operation type of a grant; no feature may have it. */
const GRANT = "grant";
const NEVER = "Infinity";
type Time = bigint | typeof NEVER;

/** Balances, holds and known requests. */
export interface Ledger {
  now: bigint;
  accounts: Map<string, Account>;
  requests: Map<string, Request>;
  /** Anomalies, once per user, type and attempt. */
  anomalies: Set<string>;
}

interface Account {
  balance: bigint;
  /** The part of the balance that open holds have reserved. */
  held: bigint;
  entries: { delta: bigint; balance_after: bigint; operation: string; request: string | null }[];
}

interface Request {
  user: string;
  operation: string;
  fingerprint: string | null;
  amount: bigint;
  status: "held" | "settled" | "released" | "expired";
  /** Counts the runs under this id: only the newest may settle. */
  attempt: bigint;
  /** When a hold ends by itself; for the others when they ended. */
  ends: Time;
  charged: bigint | null;
  /** The account's balance right after it was settled. */
  balance_after: bigint | null;
  response: string | null;
}

/** An unused ledger. */
export function newLedger(): Ledger {
  return { now: 0n, accounts: new Map(), requests: new Map(), anomalies: new Set() };
}

/** Carries out a call and returns its answer. */
export function apply(ledger: Ledger, call: Call): Answer {
  switch (call.name) {
    case "consume":
      return consume(ledger, call);
    case "batch":
      return call.requests.map((request) => consume(ledger, request));
    case "operations":
      return call.operations.map((operation) => apply(ledger, operation));
    case "hold":
      return hold(ledger, call);
    case "settle":
      return settle(ledger, call);
    case "release":
      return release(ledger, call);
    case "add":
      return add(ledger, call);
    case "cleanup":
      return cleanup(ledger);
  }
}

/** Charging in one step is a hold that is settled at once for all of it. */
function consume(ledger: Ledger, call: ConsumeCall) {
  const held = hold(ledger, { ...call, name: "hold", fingerprint: null, minutes: 10n });
  const settled = "attempt" in held
    ? settle(ledger, { ...call, name: "settle", attempt: held.attempt, head: null })
    : held;
  const { response: _, response_tail: __, ...answer } = settled as Record<string, unknown>;
  return answer;
}

/** Claims an id and reserves the most that the request may cost. */
function hold(ledger: Ledger, call: HoldCall) {
  const { user, id, amount } = call;
  if (!isName(id) || !isName(call.operation) || !isAmount(amount)) return refusal(id, "invalid_request");
  if (call.operation === GRANT) return refusal(id, "invalid_request");
  if (call.minutes < 1n || call.minutes > MINUTES_OF_A_DAY) return refusal(id, "invalid_request");

  const account = openAccount(ledger, user);
  const known = ledger.requests.get(id);
  if (known) {
    const isSame = known.user === user && known.operation === call.operation &&
      known.fingerprint === call.fingerprint && (call.fingerprint !== null || known.amount === amount);
    if (!isSame) return refusal(id, "idempotency_key_reused");
    if (known.status === "settled") return { ...repeatedCharge(known), request_id: id };
    if (known.status === "held" && !isOver(known.ends, ledger.now)) {
      return refusal(id, "request_in_progress", account.balance);
    }
  }

  // Overdue holds keep their tokens until a cleanup, or until a request would be refused for them.
  if (known || account.balance - account.held < amount) endOverdueHolds(ledger, user);
  const available = account.balance - account.held;
  if (available < amount) {
    return { ...refusal(id, "insufficient_tokens", account.balance), required: amount, available };
  }
  account.held += amount;
  const attempt = (known?.attempt ?? 0n) + 1n;
  ledger.requests.set(id, {
    user,
    operation: call.operation,
    fingerprint: call.fingerprint,
    amount,
    status: "held",
    attempt,
    ends: ledger.now + call.minutes,
    charged: null,
    balance_after: null,
    response: null,
  });
  const { balance, held } = account;
  return { ...success, duplicate: false, charged: 0n, attempt, balance, held, request_id: id };
}

/** Ends the hold and charges what it really cost, as far as the tokens go; an unknown cost is the whole hold. */
function settle(ledger: Ledger, { user, id, attempt, amount, head }: SettleCall) {
  if (amount !== null && amount !== 0n && !isAmount(amount)) return refusal(id, "invalid_request");
  const account = ledger.accounts.get(user);
  const request = requestOf(ledger, user, id);
  if (!account || request?.attempt !== attempt) return refusal(id, "hold_not_current", account?.balance);
  if (request.status === "settled") {
    const { response: _, ...answer } = repeatedCharge(request);
    return { ...answer, response_tail: responseTail(answer.charged!, answer.balance!), request_id: id };
  }
  if (request.status !== "held") return refusal(id, "hold_not_current", account.balance);

  const affordable = account.balance - account.held + request.amount;
  const cost = amount ?? request.amount;
  const charged = cost < affordable ? cost : affordable;
  account.held -= request.amount;
  account.balance -= charged;
  if (charged > 0n) addEntry(account, -charged, request.operation, id);
  const tail = responseTail(charged, account.balance);
  request.status = "settled";
  request.charged = charged;
  request.balance_after = account.balance;
  request.response = head === null ? null : head + tail;
  request.ends = ledger.now;
  if (amount === null) ledger.anomalies.add(`${user} usage_unknown ${id}/${attempt}`);
  else if (cost > charged) ledger.anomalies.add(`${user} shortfall ${id}/${attempt}`);
  const { balance } = account;
  return { ...success, duplicate: false, charged, balance, response_tail: tail, request_id: id };
}

/** Ends the hold and charges nothing. */
function release(ledger: Ledger, { user, id, attempt }: ReleaseCall) {
  const account = ledger.accounts.get(user);
  const request = requestOf(ledger, user, id);
  if (!account || request?.attempt !== attempt || request.status === "settled") {
    return refusal(id, "hold_not_current", account?.balance);
  }
  const duplicate = request.status !== "held";
  if (!duplicate) {
    account.held -= request.amount;
    request.status = "released";
    request.ends = ledger.now;
  }
  const { balance, held } = account;
  return { ...success, duplicate, charged: 0n, balance, held, request_id: id };
}

/** Grants tokens, once per id for ever; a grant without an id is always a new one. */
function add(ledger: Ledger, { user, id, amount }: AddCall) {
  const refused = (error: string) => ({ ...refusal(id, error), added: 0n });
  if (!isName(id ?? "-") || !isAmount(amount)) return refused("invalid_request");
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
  account.balance += amount;
  addEntry(account, amount, GRANT, id);
  if (id !== null) {
    ledger.requests.set(id, {
      user,
      operation: GRANT,
      fingerprint: null,
      amount,
      status: "settled",
      attempt: 1n,
      ends: NEVER,
      charged: -amount,
      balance_after: account.balance,
      response: null,
    });
  }
  return { ...success, duplicate: false, added: amount, balance: account.balance, request_id: id };
}

/** Users whom a cleanup leaves to the next one, as other calls have their rows locked. */
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
    !spared.holdsOf.includes(user) && endOverdueHolds(ledger, user) > 0
  );
  return { users_with_expired_holds: BigInt(users.length), deleted_locks: deleted };
}

/** Gives back what the user's expired holds had reserved; tells how many there were. */
export function endOverdueHolds(ledger: Ledger, user: string): number {
  const overdue = [...ledger.requests.values()].filter((request) =>
    request.user === user && request.status === "held" && isOver(request.ends, ledger.now)
  );
  for (const request of overdue) {
    request.status = "expired";
    request.ends = ledger.now;
    openAccount(ledger, user).held -= request.amount;
  }
  return overdue.length;
}

const success = { success: true, error: null };

function refusal(id: string | null, error: string, balance: bigint | null = null) {
  return { success: false, duplicate: false, error, charged: 0n, balance, request_id: id };
}

/** A retry gets what the first one got, with the balance of then. */
function repeatedCharge({ charged, balance_after, response }: Request) {
  return { ...success, duplicate: true, charged, balance: balance_after, response };
}

/** The end of a stored answer: the two numbers that only the settlement knows. */
function responseTail(charged: bigint, balance: bigint): string {
  return `"charged":${charged},"balance":${balance}}}`;
}

function openAccount(ledger: Ledger, user: string): Account {
  const account = ledger.accounts.get(user) ?? { balance: 0n, held: 0n, entries: [] };
  ledger.accounts.set(user, account);
  return account;
}

function requestOf(ledger: Ledger, user: string, id: string): Request | undefined {
  const request = ledger.requests.get(id);
  return request?.user === user ? request : undefined;
}

function addEntry(account: Account, delta: bigint, operation: string, request: string | null): void {
  account.entries.push({ delta, balance_after: account.balance, operation, request });
}

function isOver(end: Time, now: bigint): boolean {
  return end !== NEVER && end <= now;
}

function isName(text: string): boolean {
  return text.length > 0;
}

function isAmount(amount: Amount): amount is bigint {
  return typeof amount === "bigint" && amount >= 1n && amount <= LARGEST_AMOUNT;
}

/** Everything there is, in the form in which the database tells it. */
export function stateOf(ledger: Ledger): Record<string, unknown> {
  const accounts = [...ledger.accounts];
  return {
    accounts: Object.fromEntries(
      accounts.map(([user, { balance, held, entries }]) => [
        user,
        { balance, held, entries: BigInt(entries.length) },
      ]),
    ),
    entries: Object.fromEntries(
      accounts.flatMap(([user, { entries }]) =>
        entries.map((entry, index) => [`${user} ${index + 1}`, entry] as const)
      ),
    ),
    requests: Object.fromEntries(ledger.requests),
    anomalies: Object.fromEntries([...ledger.anomalies].map((anomaly) => [anomaly, "warning"])),
    broken: [],
  };
}

/**
 * The ledger's rules in plain TypeScript: the response of each call, and its effects. One call after the other, no
 * database, and a settable clock; times are minutes. The SQL must do exactly the same.
 */
import type { Answer, Call } from "./calls.ts";
import { job } from "./model/events.ts";
import { add, clawBack, refund, rollOver } from "./model/giving.ts";
import type { Ledger } from "./model/ledger.ts";
import { cleanup, consume, hold, release, settle } from "./model/requests.ts";
import { admit, join, remove, setCap, setRole } from "./model/teams.ts";

<<<<<<< HEAD
export { type Ledger, newLedger } from "./model/ledger.ts";
export { stateOf } from "./model/state.ts";
=======
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
>>>>>>> work-wallets

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
    case "admit":
      return admit(ledger, call);
    case "join":
      return join(ledger, call);
    case "role":
      return setRole(ledger, call);
    case "cap":
      return setCap(ledger, call);
    case "remove":
      return remove(ledger, call);
    case "settle":
      return settle(ledger, call);
    case "release":
      return release(ledger, call);
    case "add":
      return add(ledger, call);
    case "refund":
      return refund(ledger, call);
    case "clawback":
      return clawBack(ledger, call);
    case "rollover":
      return rollOver(ledger, call);
    case "job":
      return job(ledger);
    case "cleanup":
      return cleanup(ledger);
  }
}

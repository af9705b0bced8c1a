/** What the model keeps: wallets with their grants and entries, requests, payments and teams. Times are minutes. */
import { type Amount, type Kind, NEVER, type Role, type Time } from "../calls.ts";

export const LARGEST_AMOUNT = 9_007_199_254_740_991n;
/** The minute with which the simulation's second month begins; it ends before the third. */
const SECOND_MONTH = 2_880n;
export const MINUTES_OF_A_DAY = 24n * 60n;

/** What is owned, reserved and known. */
export interface Ledger {
  now: bigint;
  /** By wallet. */
  accounts: Map<string, Account>;
  requests: Map<string, Request>;
  /** By the team's wallet, and there by user. */
  teams: Map<string, Map<string, Member>>;
  /** By source. */
  payments: Map<string, Payment>;
  /** By the event's id. */
  reversals: Map<string, Reversal>;
  /** By refund id. */
  refunds: Map<string, Refund>;
  /** By their own id. */
  rollovers: Map<string, Rollover>;
  /** What was suspicious, once per wallet, type and case. */
  anomalies: Set<string>;
}

export interface Account {
  balance: bigint;
  /** The part of the balance that open holds have reserved. */
  held: bigint;
  entries: Entry[];
  /** In the order in which they were made. */
  grants: Grant[];
  /** When a grant comes or ends the next time, as it was when somebody looked; over while an ended one is kept. */
  next: Time;
  /** The last time that somebody looked while holds might keep tokens from paying a debt. */
  owes: Time;
}

/** Somebody's place in a team. It stays after leaving, so that coming back evades no cap. */
export interface Member {
  role: Role;
  /** null: it is in the team. */
  removedAt: bigint | null;
  /** null: it left by itself. */
  removedBy: string | null;
  /** The most that may be spent in a month; null: no cap. */
  cap: bigint | null;
  held: bigint;
  /** What was spent in the month of the last charge. */
  spent: bigint;
  month: bigint;
}

export interface Entry {
  at: bigint;
  delta: bigint;
  balance_after: bigint;
  operation: string;
  request: string | null;
  /** Who acted, where it is not the wallet's own user. */
  actor: string | null;
  /** Which grants it took from, or gave to, and how much: in that order. */
  parts: Part[];
}

export interface Part {
  /** Its place among the account's grants. */
  grant: number;
  amount: bigint;
}

export interface Grant {
  kind: Kind;
  priority: bigint;
  amount: bigint;
  effective: bigint;
  expires: Time;
  source: string | null;
  /** The id under which it was made. */
  request: string | null;
  /** The number of the entry with which it came; null: it is no part of the balance yet. */
  entry: bigint | null;
  left: bigint;
  /** What was left of it at its end. */
  expired: bigint;
  /** Whether a renewal has taken over what it could. */
  isRenewed: boolean;
}

export interface Request {
  /** The wallet that pays. */
  user: string;
  /** Who acts, where it is not the wallet's own user. */
  actor: string | null;
  operation: string;
  fingerprint: string | null;
  amount: bigint;
  status: "held" | "settled" | "released" | "expired";
  /** Counts the runs under this id: only the newest may settle. */
  attempt: bigint;
  /** When its hold was taken: what lived then may be charged. */
  since: bigint;
  /** When a hold ends by itself; for the others when they ended. */
  ends: Time;
  charged: bigint | null;
  /** The account's balance right after it was settled. */
  balance_after: bigint | null;
  response: string | null;
}

/** What became of a payment after it was made. */
export interface Payment {
  wallet: string;
  /** What was taken back, from which grants; the newest last. */
  taken: Part[];
  /** What should have been taken back and was not there. */
  debt: bigint;
}

/** What was told of a payment. */
export interface Reversal {
  source: string;
  /** null: no grant of this source has been made yet. */
  wallet: string | null;
  /** Tokens to take back; negative where the money came again. */
  amount: bigint;
}

export interface Refund {
  request: string;
  /** The charge. */
  entry: Entry;
  /** null: all that was left. */
  asked: bigint | null;
  amount: bigint;
  balance_after: bigint;
}

export interface Rollover {
  wallet: string;
  asked: string;
  rolledOver: bigint;
  expired: bigint;
}

/** A ledger that nobody has used, with a team of two. */
export function newLedger(): Ledger {
  return {
    now: 0n,
    accounts: new Map([["team", newAccount()]]),
    requests: new Map(),
    teams: new Map([[
      "team",
      new Map([["ann", newMember("owner", null)], ["ben", newMember("member", 8n)]]),
    ]]),
    payments: new Map(),
    reversals: new Map(),
    refunds: new Map(),
    rollovers: new Map(),
    anomalies: new Set(),
  };
}

function newMember(role: Role, cap: bigint | null): Member {
  return { role, removedAt: null, removedBy: null, cap, held: 0n, spent: 0n, month: 1n };
}

function newAccount(): Account {
  return { balance: 0n, held: 0n, entries: [], grants: [], next: NEVER, owes: NEVER };
}

export function openAccount(ledger: Ledger, user: string): Account {
  const account = ledger.accounts.get(user) ?? newAccount();
  ledger.accounts.set(user, account);
  return account;
}

/** Changes the balance, and says so in the history. */
export function enter(
  { now }: Ledger,
  account: Account,
  { delta, request = null, actor = null, ...rest }:
    & Pick<Entry, "delta" | "operation" | "parts">
    & Partial<Entry>,
): void {
  account.balance += delta;
  account.entries.push({ ...rest, at: now, delta, balance_after: account.balance, request, actor });
}

export function monthOf(time: bigint): bigint {
  return time < SECOND_MONTH ? 1n : 2n;
}

export function isOver(end: Time, now: bigint): boolean {
  return end !== NEVER && end <= now;
}

export function isName(text: string): boolean {
  return text.length > 0;
}

export function isAmount(amount: Amount): amount is bigint {
  return typeof amount === "bigint" && amount >= 1n && amount <= LARGEST_AMOUNT;
}

export function least(...numbers: bigint[]): bigint {
  return numbers.reduce((one, other) => one < other ? one : other);
}

/** The names of what the ledger does by itself; no feature may have one of them. */
export const OWN_OPERATIONS = ["grant", "expiry", "refund", "clawback", "debt_payment", "rollover"];

export function isCharge({ operation }: Entry): boolean {
  return !OWN_OPERATIONS.includes(operation);
}

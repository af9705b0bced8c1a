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
  /** By refund id. */
  refunds: Map<string, Refund>;
  /** By the source of the new grant. */
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
}

/** Somebody's place in a team; who leaves keeps what was counted, so that coming back evades nothing. */
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
  /** Whether it is a part of the balance yet. */
  hasCome: boolean;
  left: bigint;
  /** When a renewal closed it: holds that were there may go on needing it. */
  closed: Time;
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

/** What became of a payment after it was made: signed sums, so that no order of its events matters. */
export interface Payment {
  wallet: string;
  /** By the event's id: negative where money went back, positive where it came again. */
  reversals: Map<string, bigint>;
  /** What was taken back, from which grants; the newest last. */
  taken: Part[];
  /** What should have been taken back and was not there. */
  debt: bigint;
}

export interface Refund {
  request: string;
  /** The charge's. */
  entry: Entry;
  /** null: all that was left. */
  asked: bigint | null;
  amount: bigint;
  balance_after: bigint;
}

export interface Rollover {
  amount: bigint;
}

/** A ledger that nobody has used, with a team of two. */
export function newLedger(): Ledger {
  return {
    now: 0n,
    accounts: new Map([["team", { balance: 0n, held: 0n, entries: [], grants: [] }]]),
    requests: new Map(),
    teams: new Map([["team", new Map([["ann", newMember("owner", null)], ["ben", newMember("member", 8n)]])]]),
    payments: new Map(),
    refunds: new Map(),
    rollovers: new Map(),
    anomalies: new Set(),
  };
}

function newMember(role: Role, cap: bigint | null): Member {
  return { role, removedAt: null, removedBy: null, cap, held: 0n, spent: 0n, month: 1n };
}

export function openAccount(ledger: Ledger, user: string): Account {
  const account = ledger.accounts.get(user) ?? { balance: 0n, held: 0n, entries: [], grants: [] };
  ledger.accounts.set(user, account);
  return account;
}

/** Changes the balance, and says so in the history. */
export function enter(
  account: Account,
  delta: bigint,
  operation: string,
  request: string | null,
  parts: Part[],
  actor: string | null = null,
): void {
  account.balance += delta;
  account.entries.push({ delta, balance_after: account.balance, operation, request, actor, parts });
}

/** Whether a hold of that time may need the grant. */
export function isUsable({ expires, closed }: Grant, since: bigint): boolean {
  return !isOver(expires, since) && (closed === NEVER || closed >= since);
}

/** Whether nothing new may use the grant. */
export function hasEnded({ expires, closed }: Grant, now: bigint): boolean {
  return isOver(expires, now) || isOver(closed, now);
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

/** Histories: what callers mean to do, before a ledger says which calls these are. */
import type { Amount, Call, ConsumeCall, Kind, OperationsCall } from "./calls.ts";

/** An amount that is known only when the call is made: what the user has available, or what is held, and a bit. */
export interface RelativeAmount {
  plus: bigint;
}

/** A call before it is made: amounts relative to the ledger, attempts counted back from the newest. */
export type Intent = IntentOf<Call>;

/** What a call says of a moment, an intent says from now, and of an attempt how many there were since. */
interface Renamed {
  attempt: "attemptsBack";
  effective: "startsIn";
  expires: "lives";
}

export type IntentOf<One> = One extends { name: "batch" }
  ? { name: "batch"; requests: IntentOf<ConsumeCall>[] }
  : One extends { name: "operations" }
    ? { name: "operations"; operations: IntentOf<OperationsCall["operations"][number]>[] }
  : One extends unknown ? {
      [Key in keyof One as Key extends keyof Renamed ? Renamed[Key] : Key]: Key extends "amount"
        ? Amount | RelativeAmount
        : One[Key];
    }
  : never;

/** A fault during a call. */
export type Fault =
  | { name: "none" }
  /** The database's process dies after so many writes, before the commit. */
  | { name: "crash"; writes: number }
  /** The connection ends after the commit, before the answer. */
  | { name: "lost answer" }
  /** Somebody ends the connection after so many milliseconds, wherever the call is then. */
  | { name: "cut"; milliseconds: number };

export type Isolation = "read committed" | "repeatable read" | "serializable";

/** One of several calls at once. */
export interface Rival {
  intent: Intent;
  fault: Fault;
  isolation: Isolation;
  /** Milliseconds to wait before its first write, its second one and so on. */
  pauses: number[];
}

export type Step =
  | { name: "call"; intent: Intent; fault: Fault }
  /** A call that was made before arrives again. */
  | { name: "again"; back: number; fault: Fault }
  /** Two calls arrive in the other order. */
  | { name: "swapped"; first: Intent; second: Intent }
  | { name: "wait"; minutes: bigint }
  /** Some calls at once, after so many minutes. */
  | { name: "together"; minutes: bigint; rivals: Rival[] };

/** How a history is played: in one transaction, fast; or each call on its own, with commits, faults and races. */
export type Mode = "serial" | "faults" | "races";

export interface FirstGrant {
  amount: bigint;
  kind: Kind;
}

export interface History {
  mode: Mode;
  /** What is given to each wallet first. */
  grants: FirstGrant[];
  steps: Step[];
}

/** Stands for the user who made the request. */
export const OWNER = "owner";
/** Stands for the newest request that holds tokens. */
export const OPEN_HOLD = "open hold";
/** Stands for the newest charge. */
export const CHARGE = "charge";
/** Stands for the newest payment. */
export const PAYMENT = "payment";

/** A number of tokens as a caller may write it: whole, as text ("0.5"), or left out. */
export type Amount = bigint | string | null;

export const NEVER = "Infinity";
/** Minutes since the simulation's start. */
export type Time = bigint | typeof NEVER;

export type Role = "owner" | "admin" | "member" | "viewer";

export type Kind = "promotion" | "plan" | "rollover" | "refund" | "paid";

/** One call of a function of the ledger, with every argument known. */
export type Call =
  | ConsumeCall
  | HoldCall
  | AdmitCall
  | SettleCall
  | ReleaseCall
  | JoinCall
  | RoleCall
  | CapCall
  | RemoveCall
  | AddCall
  | RefundCall
  | ClawbackCall
  | RolloverCall
  | JobCall
  | CleanupCall
  | BatchCall
  | OperationsCall;

export interface ConsumeCall {
  name: "consume";
  user: string;
  id: string;
  amount: Amount;
  operation: string;
}

export interface HoldCall {
  name: "hold";
  /** The wallet that pays. */
  user: string;
  /** The member of a team who acts; null where it is the wallet's own user, or a server. */
  actor: string | null;
  id: string;
  amount: Amount;
  operation: string;
  fingerprint: string | null;
  /** Time to live. */
  minutes: bigint;
}

/** A hold as a feature asks for it: whether the one who acts may spend the wallet's tokens is asked first. */
export interface AdmitCall extends Omit<HoldCall, "name" | "actor"> {
  name: "admit";
  /** Who acts; the wallet pays. */
  actor: string;
}

export interface SettleCall {
  name: "settle";
  user: string;
  id: string;
  attempt: bigint;
  amount: Amount;
  /** The answer to store, up to where the ledger writes its numbers. */
  head: string | null;
}

export interface ReleaseCall {
  name: "release";
  user: string;
  id: string;
  attempt: bigint;
}

/** Somebody is invited to a team and accepts at once. */
export interface JoinCall {
  name: "join";
  user: string;
  /** Who invites. */
  actor: string;
  member: string;
  role: Role;
  cap: bigint | null;
}

export interface RoleCall {
  name: "role";
  user: string;
  actor: string;
  member: string;
  role: Role;
}

export interface CapCall {
  name: "cap";
  user: string;
  actor: string;
  member: string;
  cap: bigint | null;
}

/** Somebody is removed from a team, or leaves it. */
export interface RemoveCall {
  name: "remove";
  user: string;
  actor: string;
  member: string;
}

export interface AddCall {
  name: "add";
  user: string;
  id: string | null;
  amount: Amount;
  kind: Kind;
  /** Grants with the smallest one are used first. */
  priority: bigint;
  /** The minute at which it comes, null: at once; and the one at which it ends. */
  effective: bigint | null;
  expires: Time;
  /** What it was given for: a payment, an invoice, a coupon. */
  source: string | null;
}

export interface RefundCall {
  name: "refund";
  /** The charge's. */
  request: string;
  /** The refund's own. */
  id: string;
  /** null: all that is left of the charge. */
  amount: Amount;
}

export interface ClawbackCall {
  name: "clawback";
  /** The wallet whose payment it is: the call itself does not say. */
  user: string;
  source: string;
  /** The event's own. */
  id: string;
  /** Tokens to take back; negative where the money came again. */
  amount: Amount;
}

export interface RolloverCall {
  name: "rollover";
  user: string;
  source: string;
  id: string;
  /** The most that goes over, in tokens and in per cent of what was granted; null: no such limit. */
  cap: bigint | null;
  percent: bigint | null;
  expires: Time;
}

/** The job that does what has become due of everybody's grants. */
export interface JobCall {
  name: "job";
}

/** A whole round of the cleanup's hand over the table, so many pages at a time. */
export interface CleanupCall {
  name: "cleanup";
  pages: number;
}

export interface BatchCall {
  name: "batch";
  requests: ConsumeCall[];
}

/** Calls of several kinds in one transaction; its holds live ten minutes. */
export interface OperationsCall {
  name: "operations";
  operations: (ConsumeCall | HoldCall | AdmitCall | SettleCall | ReleaseCall)[];
}

/** A function's response: its jsonb, with every number as a bigint. */
export type Answer = unknown;

/** A call as one readable line. */
export function describeCall(call: Call): string {
  const parts = call.name === "batch"
    ? call.requests
    : call.name === "operations"
    ? call.operations
    : undefined;
  if (parts) return `${call.name} [${parts.map(describeCall).join("; ")}]`;
  const { name, ...values } = call;
  const words = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  return [name, ...words].join(" ");
}

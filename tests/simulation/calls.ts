/** A number of tokens as a caller may write it: whole, as text ("0.5"), or left out. */
export type Amount = bigint | string | null;

/** One call of a function of the ledger, with every argument known. */
export type Call =
  | ConsumeCall
  | HoldCall
  | SettleCall
  | ReleaseCall
  | AddCall
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
  user: string;
  id: string;
  amount: Amount;
  operation: string;
  fingerprint: string | null;
  /** Time to live. */
  minutes: bigint;
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

export interface AddCall {
  name: "add";
  user: string;
  id: string | null;
  amount: Amount;
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
  operations: (ConsumeCall | HoldCall | SettleCall | ReleaseCall)[];
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

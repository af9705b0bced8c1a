/** The ledger's calls, by the name that earlier functions import. */
export * from "./ledger/calls.ts";

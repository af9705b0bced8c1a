/** The ledger's calls, under the file name that earlier functions import. */
export * from "./ledger/calls.ts";

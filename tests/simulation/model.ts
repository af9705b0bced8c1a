/**
 * The ledger's rules in plain TypeScript: what each call answers and what it leaves behind. One call after the
 * other, no database, and a clock that is told: times are minutes. The SQL must do exactly this.
 */
import type { Answer, Call } from "./calls.ts";
import { catchUp } from "./model/events.ts";
import { add, clawBack, refund, rollOver } from "./model/giving.ts";
import type { Ledger } from "./model/ledger.ts";
import { cleanup, consume, hold, release, settle } from "./model/requests.ts";

export { type Ledger, newLedger } from "./model/ledger.ts";

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
    case "refund":
      return refund(ledger, call);
    case "clawback":
      return clawBack(ledger, call);
    case "rollover":
      return rollOver(ledger, call);
    case "job":
      for (const wallet of ledger.accounts.keys()) catchUp(ledger, wallet);
      return {};
    case "cleanup":
      return cleanup(ledger);
  }
}

/** Everything there is, in the form in which the database tells it, once it has done what is due. */
export function stateOf(after: Ledger): Record<string, unknown> {
  const ledger = structuredClone(after);
  for (const wallet of ledger.accounts.keys()) catchUp(ledger, wallet);
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

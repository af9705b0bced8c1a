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

export { type Ledger, newLedger } from "./model/ledger.ts";
export { stateOf } from "./model/state.ts";

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

/**
 * The ledger's rules in plain TypeScript: what each call answers and what it leaves behind. One call after the
 * other, no database, and a clock that is told: times are minutes. The SQL must do exactly this.
 */
import type { Answer, Call } from "./calls.ts";
import { catchUp } from "./model/events.ts";
import { add, clawBack, refund, rollOver } from "./model/giving.ts";
import type { Ledger, Member } from "./model/ledger.ts";
import { spentThisMonth } from "./model/members.ts";
import { cleanup, consume, hold, release, settle } from "./model/requests.ts";
import { admit, join, remove, setCap, setRole } from "./model/teams.ts";

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
  const accounts = [...ledger.accounts].filter(([, { entries }]) => entries.length > 0);
  return {
    accounts: Object.fromEntries(
      accounts.map(([user, { balance, held, entries }]) => [
        user,
        { balance, held, entries: BigInt(entries.length) },
      ]),
    ),
    entries: Object.fromEntries(
      accounts.flatMap(([user, { entries }]) =>
        entries.map(({ parts: _, ...entry }, index) => [`${user} ${index + 1}`, entry] as const)
      ),
    ),
    members: Object.fromEntries(
      [...ledger.teams].flatMap(([wallet, members]) =>
        [...members].map(([user, member]) => [`${wallet} ${user}`, memberState(ledger, member)] as const)
      ),
    ),
    requests: Object.fromEntries([...ledger.requests].map(([id, { since: _, ...request }]) => [id, request])),
    anomalies: Object.fromEntries([...ledger.anomalies].map((anomaly) => [anomaly, "warning"])),
    broken: [],
  };
}

function memberState(ledger: Ledger, member: Member) {
  const { role, cap, held, removedAt, removedBy } = member;
  return { role, cap, held, spent: spentThisMonth(ledger, member), removed_at: removedAt, removed_by: removedBy };
}

import type { Answer, Call } from "./calls.ts";
import { answerDifferences, show } from "./compare.ts";
import { apply, type Ledger, stateOf } from "./model.ts";
import { job } from "./model/events.ts";
import { endOverdueHolds } from "./model/holds.ts";
import { cleanup } from "./model/requests.ts";

/** One call as seen from outside. */
export interface Observed {
  call: Call;
  /** undefined where no answer came. */
  answer?: Answer;
  /** Whether the call was carried out, as far as one can know. */
  happened: "yes" | "no" | "perhaps";
}

/** What is left of an observed call: the parts of a batch are carried out in order, and other calls may come in between. */
interface Remainder {
  parts: { call: Call; answer?: Answer }[];
  mayBeSkipped: boolean;
}

/**
 * Every ledger that some order of these calls can lead to in which each call gets the answer that was seen.
 * None means: what was seen cannot be explained by calls that run one after the other.
 */
export function possibleLedgers(ledgers: Ledger[], observed: Observed[]): Ledger[] {
  const found = new Map<string, Ledger>();
  const visited = new Set<string>();
  const explore = (ledger: Ledger, open: Remainder[]) => {
    // The state does not tell which wallets there are that own nothing, nor what is due and not yet done.
    const known = [...ledger.accounts].map(([wallet, { entries, next, owes }]) =>
      show([wallet, entries.length, next, owes])
    );
    const state = show([ledger.now, known.sort(), stateOf(ledger)]);
    const visit = `${open.map(({ parts }) => parts.length)} ${state}`;
    if (visited.has(visit)) return;
    visited.add(visit);
    if (open.every(({ parts, mayBeSkipped }) => mayBeSkipped || parts.length === 0)) found.set(state, ledger);
    for (const [index, { parts: [part, ...rest] }] of open.entries()) {
      if (!part) continue;
      const left = open.with(index, { parts: rest, mayBeSkipped: false });
      if (isSkipping(part.call) && carriedOut.length > 1) {
        for (const next of ledgersAfterSkipping(ledger, part.call, subsets)) explore(next, left);
        continue;
      }
      const next = structuredClone(ledger);
      const answer = apply(next, part.call);
      const isPossible = part.answer === undefined || answerDifferences(answer, part.answer).length === 0;
      if (isPossible) explore(next, left);
    }
    // A call without enough tokens may end expired holds, although another call releases tokens before it continues.
    for (const user of spenders) {
      const next = structuredClone(ledger);
      if (endOverdueHolds(next, user) > 0) explore(next, open);
    }
  };
  const carriedOut = observed.filter(({ happened }) => happened !== "no");
  const spenders = observed.length > 1 ? new Set(carriedOut.flatMap(({ call }) => spendersOf(call))) : [];
  const skippingCount = carriedOut.filter(({ call }) => isSkipping(call)).length;
  const subsets = skippingCount === 0 ? [] : subsetsOf(
    skippingCount > 1
      ? [...new Set(ledgers.flatMap(({ accounts }) => [...accounts.keys()]))]
      : [...new Set(carriedOut.flatMap(({ call }) => usersOf(call)))],
  );
  const open = carriedOut.map((one) => ({
    parts: partsOf(one, observed.length > 1),
    mayBeSkipped: one.happened === "perhaps",
  }));
  for (const ledger of ledgers) explore(ledger, open);
  return [...found.values()];
}

/** Every ledger that a call may leave behind which skips the wallets that others have locked: any of these may be. */
function* ledgersAfterSkipping(ledger: Ledger, call: Call, subsets: string[][]): Generator<Ledger> {
  for (const spared of subsets) {
    if (call.name === "job") {
      const next = structuredClone(ledger);
      job(next, spared);
      yield next;
      continue;
    }
    for (const requestsOf of subsets) {
      const next = structuredClone(ledger);
      cleanup(next, { holdsOf: spared, requestsOf });
      yield next;
    }
  }
}

function partsOf({ call, answer }: Observed, isRace: boolean): Remainder["parts"] {
  // Beside other calls, a cleanup may count a user or a row that one of them has dealt with meanwhile.
  if (isSkipping(call) && isRace || call.name === "job") return [{ call }];
  const calls = call.name === "batch"
    ? call.requests
    : call.name === "operations"
    ? call.operations
    : undefined;
  if (!calls || !(answer === undefined || Array.isArray(answer))) return [{ call, answer }];
  return calls.map((one, index) => ({ call: one, answer: answer?.[index] }));
}

/** Whether a call waits for nobody, and leaves out what another one has locked at that moment. */
function isSkipping({ name }: Call): boolean {
  return name === "cleanup" || name === "job";
}

/** Whose rows a call may lock. */
function usersOf(call: Call): string[] {
  switch (call.name) {
    case "batch":
      return call.requests.map(({ user }) => user);
    case "operations":
      return call.operations.flatMap(usersOf);
    case "cleanup":
    case "job":
    case "refund":
      return [];
    default:
      return [call.user];
  }
}

function subsetsOf(users: string[]): string[][] {
  return users.reduce<string[][]>((subsets, user) => [...subsets, ...subsets.map((one) => [...one, user])], [
    [],
  ]);
}

/** Whose tokens a call may want. */
function spendersOf(call: Call): string[] {
  switch (call.name) {
    case "batch":
      return call.requests.map(({ user }) => user);
    case "operations":
      return call.operations.flatMap(spendersOf);
    case "consume":
    case "hold":
      return [call.user];
    default:
      return [];
  }
}

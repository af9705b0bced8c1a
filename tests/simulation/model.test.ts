import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Call } from "./calls.ts";
import { firstGrants, histories, type History, resolve, resolveSwapped } from "./history.ts";
import { apply, type Ledger, newLedger, stateOf } from "./model.ts";

const RUNS = 2_000;

/** Plays a history in the model alone; `beside` is done at each minute that passes and before each call. */
function play(history: History, after: (ledger: Ledger, call?: Call) => void): Ledger {
  const ledger = newLedger();
  const send = (call: Call) => {
    apply(ledger, call);
    after(ledger, call);
  };
  for (const call of firstGrants(history)) send(call);
  for (const step of history.steps) {
    if (step.name === "wait") ledger.now += step.minutes;
    else if (step.name === "call") send(resolve(step.intent, ledger));
    else if (step.name === "swapped") {
      for (const call of resolveSwapped(step.first, step.second, ledger)) send(call);
    } else if (step.name === "together") {
      ledger.now += step.minutes;
      for (const { intent } of step.rivals) send(resolve(intent, ledger));
    }
    after(ledger);
  }
  return ledger;
}

describe("in the model", () => {
  it("what is left of the grants is the balance, and what is held is there, whatever happens", () => {
    fc.assert(
      fc.property(histories({ hasBatches: true }), (history) => {
        play(history, (ledger) => {
          for (const { balance, held, grants, entries } of ledger.accounts.values()) {
            const left = grants.reduce((sum, grant) => sum + grant.left, 0n);
            expect(left).toBe(balance);
            expect(grants.every((grant) => grant.left >= 0n)).toBe(true);
            expect(held >= 0n && held <= balance).toBe(true);
            expect(entries.reduce((sum, { delta }) => sum + delta, 0n)).toBe(balance);
          }
        });
      }),
      { numRuns: RUNS },
    );
  });
});

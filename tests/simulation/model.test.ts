import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Call, type Kind, NEVER } from "./calls.ts";
import { histories } from "./generators.ts";
import type { History } from "./history.ts";
import { firstGrants, minutesAround, resolve, resolveSwapped } from "./resolve.ts";
import { apply, type Ledger, newLedger } from "./model.ts";
import { isOver } from "./model/ledger.ts";

const RUNS = 1_000;

interface Play {
  /** Before each call, and at each time between two. */
  meanwhile?: (ledger: Ledger) => void;
  after?: (ledger: Ledger) => void;
  /** The calls of another play, to be made again: an intent may mean another call where a hold was ended earlier. */
  calls?: Call[];
  /** Whether calls are left out of which the outcome depends on when a hold is ended that has outlived its time. */
  isIndifferent?: boolean;
}

interface Played {
  ledger: Ledger;
  calls: Call[];
}

/** Plays a history in the model alone. */
function play(history: History, options: Play): Played {
  const { meanwhile = () => {}, after = () => {}, calls: given, isIndifferent = false } = options;
  const ledger = newLedger();
  const calls: Call[] = [];
  const send = (meant: Call) => {
    ledger.now += minutesAround(meant);
    const call = given?.[calls.length] ?? (isIndifferent ? indifferent(ledger, meant) : meant);
    calls.push(call);
    meanwhile(ledger);
    apply(ledger, call);
    ledger.now += minutesAround(meant);
    after(ledger);
  };
  const wait = (minutes: bigint) => {
    // Everything in a history lasts 1, 9, 10, 11 … minutes or about a day.
    for (const pause of [1n, 8n, 1n, 1n, 1_419n, 10n, minutes]) {
      const step = pause < minutes ? pause : minutes;
      ledger.now += step;
      minutes -= step;
      meanwhile(ledger);
    }
  };
  for (const call of firstGrants(history)) send(call);
  for (const step of history.steps) {
    if (step.name === "wait") wait(step.minutes);
    else if (step.name === "call") send(resolve(step.intent, ledger));
    else if (step.name === "swapped") {
      for (const call of resolveSwapped(step.first, step.second, ledger)) send(call);
    } else if (step.name === "together") {
      wait(step.minutes);
      for (const { intent } of step.rivals) send(resolve(intent, ledger));
    }
  }
  return { ledger, calls };
}

/**
 * The call, or nothing in its place: a settlement that comes late is accepted as long as nobody has ended its hold, and a
 * cleanup forgets ids a day after that.
 */
function indifferent({ requests, now }: Ledger, call: Call): Call {
  const isLate = (one: Call) => {
    if (one.name === "cleanup") return true;
    const request = one.name === "settle" ? requests.get(one.id) : undefined;
    return request?.status === "expired" || request?.status === "held" && isOver(request.ends, now);
  };
  if (call.name === "operations") {
    return { ...call, operations: call.operations.filter((one) => !isLate(one)) };
  }
  return isLate(call) ? { name: "operations", operations: [] } : call;
}

/** What everybody has and owes once all is done that is due, whichever entries led there. */
function ownedIn(ledger: Ledger) {
  apply(ledger, { name: "cleanup", pages: 1 });
  apply(ledger, { name: "job" });
  return {
    accounts: [...ledger.accounts].map(([wallet, { balance, held, grants }]) => ({
      wallet,
      balance,
      held,
      grants: grants.map(({ entry: _, ...grant }) => grant),
    })),
    debts: [...ledger.payments].filter(([, { debt }]) => debt > 0n),
  };
}

describe("in the model", () => {
  it("what is left of the grants is the balance, and what is held is there, whatever happens", () => {
    fc.assert(
      fc.property(histories({ hasBatches: true }), (history) => {
        play(history, {
          after: (ledger) => {
            for (const { balance, held, grants, entries } of ledger.accounts.values()) {
              const inEffect = grants.filter(({ entry }) => entry !== null);
              expect(inEffect.reduce((sum, { left }) => sum + left, 0n)).toBe(balance);
              expect(grants.every(({ left }) => left >= 0n)).toBe(true);
              expect(held >= 0n && held <= balance).toBe(true);
              expect(entries.reduce((sum, { delta }) => sum + delta, 0n)).toBe(balance);
            }
          },
        });
      }),
      { numRuns: RUNS },
    );
  });

  it("it makes no difference how often the job runs", () => {
    fc.assert(
      fc.property(histories({ hasBatches: true }), (history) => {
        const { ledger: never, calls } = play(history, { isIndifferent: true });
        const { ledger: often } = play(history, {
          meanwhile: (ledger) => apply(ledger, { name: "job" }),
          calls,
        });
        expect(ownedIn(often)).toEqual(ownedIn(never));
      }),
      { numRuns: RUNS },
    );
  });

  it("what is said of a payment ends in the same state in any order, and repeated", () => {
    const others = fc.constantFrom<Kind>("paid", "promotion");
    const event = fc.record({
      id: fc.constantFrom("e1", "e2", "e3", "e4", "e5"),
      tokens: fc.integer({ min: -12, max: 12 }),
    });
    const events = fc.uniqueArray(event, { selector: ({ id }) => id }).chain((once) =>
      fc.record({
        once: fc.constant(once),
        again: fc.shuffledSubarray([...once, ...once], { minLength: 0 }),
        order: fc.shuffledSubarray(["grant" as const, ...once], { minLength: once.length + 1 }),
      })
    );
    const grant = (amount: number, kind: Kind, source: string | null): Call => ({
      name: "add",
      user: "ann",
      id: source,
      amount: BigInt(amount),
      kind,
      priority: 0n,
      effective: 0n,
      expires: NEVER,
      source,
    });
    const play = (calls: Call[]) => {
      const ledger = newLedger();
      for (const call of calls) apply(ledger, call);
      return ownedIn(ledger);
    };
    fc.assert(
      fc.property(events, others, fc.nat(12), fc.nat(12), ({ once, again, order }, kind, spent, held) => {
        const reversal = ({ id, tokens }: { id: string; tokens: number }): Call => ({
          name: "clawback",
          user: "ann",
          source: "p",
          id,
          amount: BigInt(tokens || 1),
        });
        const before: Call[] = [
          grant(12, kind, null),
          { name: "consume", user: "ann", id: "a", amount: BigInt(spent), operation: "meal" },
          {
            name: "hold",
            user: "ann",
            actor: null,
            id: "b",
            amount: BigInt(held),
            operation: "meal",
            fingerprint: "x",
            minutes: 10n,
          },
        ];
        const bought = grant(10, "paid", "p");
        const inOrder = play([...before, bought, ...once.map(reversal)]);
        const inAny = play([
          ...before,
          ...order.map((one) => one === "grant" ? bought : reversal(one)),
          ...again.map(reversal),
        ]);
        expect(inAny).toEqual(inOrder);
      }),
      { numRuns: RUNS },
    );
  });
});

import { type Call, describeCall } from "./calls.ts";
import type { Caller, Delivery } from "./callers.ts";
import { differences, show } from "./compare.ts";
import type { SimulatedDatabase } from "./database.ts";
import { SimulationFailure } from "./failure.ts";
import type { History, Rival, Step } from "./history.ts";
import { type Ledger, newLedger, stateOf } from "./model.ts";
import { type Observed, possibleLedgers } from "./possibilities.ts";
import { firstGrants, minutesAround, resolve, resolveSwapped } from "./resolve.ts";
import { parseAnswer } from "./statements.ts";
import type { Tally } from "./tally.ts";

const NOTHING_SPECIAL: Omit<Rival, "intent"> = {
  fault: { name: "none" },
  isolation: "read committed",
  pauses: [],
};

/**
 * Plays a history with each call in a transaction of its own, which commits or dies, some at once. Where a caller
 * cannot know what became of a call, or in which order some were carried out, every possibility is kept until
 * later answers, and in the end the database, decide.
 */
export async function playCommitted(
  database: SimulatedDatabase,
  callers: Caller[],
  history: History,
  tally: Tally,
): Promise<void> {
  const transcript: string[] = [];
  const sent: Call[] = [];
  let ledgers: Ledger[] = [newLedger()];

  const deliver = async (deliveries: Omit<Delivery, "minute">[]) => {
    const pass = (minutes: bigint) => ledgers.forEach((ledger) => ledger.now += minutes);
    const minutes = deliveries.reduce((sum, { call }) => sum + minutesAround(call), 0n);
    pass(minutes);
    const minute = ledgers[0]!.now;
    sent.push(...deliveries.map(({ call }) => call));
    const results = await Promise.allSettled(
      deliveries.map((delivery, index) => callers[index]!.deliver({ ...delivery, minute })),
    );
    const observed = results.map((result, index): Observed => {
      const failed = {
        call: deliveries[index]!.call,
        answer: String((result as PromiseRejectedResult).reason),
      };
      return result.status === "fulfilled" ? result.value : { ...failed, happened: "yes" };
    });
    transcript.push(...observed.map((one, index) => describe(deliveries[index]!, minute, one)));
    for (const { call, answer } of observed) {
      if (typeof answer === "object") tally.addAnswer(call, answer);
    }
    const next = possibleLedgers(ledgers, observed);
    if (next.length === 0) {
      throw new SimulationFailure(transcript, [
        observed.length > 1
          ? "no order of these calls gives these answers"
          : "the model does not give this answer",
      ]);
    }
    if (next.length > 1) tally.add("several ledgers possible");
    ledgers = next;
    pass(minutes);
  };

  for (const call of firstGrants(history)) await deliver([{ ...NOTHING_SPECIAL, call }]);
  for (const step of history.steps) {
    if (step.name === "wait" || step.name === "together") {
      for (const ledger of ledgers) ledger.now += step.minutes;
    }
    if (step.name !== "wait") {
      for (const deliveries of deliveriesOf(step, ledgers[0]!, sent)) await deliver(deliveries);
    }
  }

  const [row] = await database.sql`select simulation.state(${String(ledgers[0]!.now)})::text as state`;
  const state = parseAnswer(row!.state);
  const problems = ledgers.map((ledger) => differences(stateOf(ledger), state));
  if (problems.every((found) => found.length > 0)) throw new SimulationFailure(transcript, problems[0]!);
}

/** The calls of a step, in groups: those of one group are made at once. */
function deliveriesOf(
  step: Exclude<Step, { name: "wait" }>,
  ledger: Ledger,
  sent: Call[],
): Omit<Delivery, "minute">[][] {
  switch (step.name) {
    case "call":
      return [[{ ...NOTHING_SPECIAL, fault: step.fault, call: resolve(step.intent, ledger) }]];
    case "again":
      return [[{
        ...NOTHING_SPECIAL,
        fault: step.fault,
        call: sent[Math.max(0, sent.length - 1 - step.back)]!,
      }]];
    case "swapped":
      return resolveSwapped(step.first, step.second, ledger).map((call) => [{ ...NOTHING_SPECIAL, call }]);
    case "together":
      return [racesOf(step.rivals, ledger)];
  }
}

function racesOf(rivals: Rival[], ledger: Ledger): Omit<Delivery, "minute">[] {
  // An older snapshot, which the stricter levels keep, still has the outcomes that a cleanup deletes meanwhile, and
  // not yet the grant that a reversal is about, for which nothing makes it fail.
  const isLenient = rivals.some(({ intent }) => intent.name === "cleanup" || intent.name === "clawback");
  return rivals.map(({ intent, isolation, ...behaviour }) => ({
    ...behaviour,
    isolation: isLenient ? NOTHING_SPECIAL.isolation : isolation,
    call: resolve(intent, ledger),
  }));
}

function describe(
  delivery: Omit<Delivery, "minute">,
  minute: bigint,
  { answer, happened }: Observed,
): string {
  const { call, fault, isolation, pauses } = delivery;
  const special = [
    fault.name === "none" ? "" : Object.values(fault).join(" "),
    isolation === "read committed" ? "" : isolation,
    pauses.length > 0 ? `pauses ${pauses}` : "",
  ].filter((one) => one !== "");
  const end = answer === undefined ? `no answer (happened: ${happened})` : show(answer);
  return `minute ${minute}: ${describeCall(call)}${
    special.length > 0 ? ` (${special.join(", ")})` : ""
  } → ${end}`;
}

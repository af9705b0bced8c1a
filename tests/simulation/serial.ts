import { type Answer, type Call, describeCall } from "./calls.ts";
import { answerDifferences, differences, show } from "./compare.ts";
import type { SimulatedDatabase } from "./database.ts";
import { SimulationFailure } from "./failure.ts";
import type { Fault, History } from "./history.ts";
import { apply, type Ledger, newLedger, stateOf } from "./model.ts";
import { firstGrants, minutesAround, resolve, resolveSwapped } from "./resolve.ts";
import { parseAnswer, statementOf } from "./statements.ts";
import type { Tally } from "./tally.ts";

/** A call with what the model says of it: null where it crashes and must leave nothing behind. */
interface Expected {
  call: Call;
  minute: bigint;
  plan: string;
  answer: Answer;
}

/**
 * Plays a whole history as one message in one transaction that is rolled back: fast, and exact about time. The other
 * modes cover commits and races.
 */
export async function playSerial(database: SimulatedDatabase, history: History, tally: Tally): Promise<void> {
  const ledger = newLedger();
  const script = foresee(history, ledger, tally);
  const results = await database.sql.unsafe(messageOf(script, ledger.now)).simple() as unknown as {
    played: string;
  }[][];
  const { answers, state } = parseAnswer(results[1]![0]!.played) as { answers: Answer[]; state: unknown };
  script.forEach(({ answer }, index) => {
    const problems = answerDifferences(answer, answers[index]);
    if (problems.length > 0) throw new SimulationFailure(transcriptOf(script.slice(0, index + 1)), problems);
  });
  const problems = differences(stateOf(ledger), state);
  if (problems.length > 0) throw new SimulationFailure(transcriptOf(script), problems);
}

/** Runs the model through the history. */
function foresee(history: History, ledger: Ledger, tally: Tally): Expected[] {
  const script: Expected[] = [];
  const send = (call: Call, fault: Fault = { name: "none" }) => {
    const isCrash = fault.name === "crash";
    const plan = isCrash ? `{${"0,".repeat(fault.writes)}fail}` : "";
    ledger.now += minutesAround(call);
    const answer = isCrash ? null : apply(ledger, call);
    script.push({ call, minute: ledger.now, plan, answer });
    ledger.now += minutesAround(call);
    if (isCrash) tally.add("crash");
    else tally.addAnswer(call, answer);
  };
  for (const call of firstGrants(history)) send(call);
  for (const step of history.steps) {
    switch (step.name) {
      case "wait":
        ledger.now += step.minutes;
        break;
      case "call":
        send(resolve(step.intent, ledger), step.fault);
        break;
      case "again":
        send(script[Math.max(0, script.length - 1 - step.back)]!.call, step.fault);
        break;
      case "swapped":
        for (const call of resolveSwapped(step.first, step.second, ledger)) send(call);
        break;
      case "together":
        throw new Error("A serial history has no races");
    }
  }
  return script;
}

function messageOf(script: Expected[], lastMinute: bigint): string {
  const list = (values: string[]) =>
    `array[${values.map((value) => `$text$${value}$text$`).join(", ")}]::text[]`;
  const statements = list(script.map(({ call }) => statementOf(call)));
  const minutes = list(script.map(({ minute }) => String(minute)));
  const plans = list(script.map(({ plan }) => plan));
  return `begin; select simulation.play(${statements}, ${minutes}, ${plans}, '${lastMinute}') as played; rollback`;
}

function transcriptOf(script: Expected[]): string[] {
  return script.map(({ call, minute, plan, answer }) =>
    `minute ${minute}: ${describeCall(call)} → ${answer === null ? `crash ${plan}` : show(answer)}`
  );
}

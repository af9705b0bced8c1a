// Measures and reports. deno task bench [ledger] [http] [imports] [--rounds 7] [--seconds 3]
// The community at its full size, which takes an hour: deno task bench community --messages 5000000
// Simulates, without a stack: deno task bench scale

import { join } from "node:path";
import { parseArgs } from "node:util";
import postgres from "postgres";

import { StackError } from "../scripts/local/errors.ts";
import { findFreePortBase, type Stack } from "../scripts/local/stack.ts";
import { startUnlimitedStack } from "../scripts/local/unlimited.ts";
import { measureCommunity } from "./community/part.ts";
import { measureImports } from "./functions_import/part.ts";
import { measureGrants } from "./grants/part.ts";
import { measureGrowth } from "./growth/part.ts";
import { measureHttp } from "./http/part.ts";
import { measureSteady } from "./http/steady.ts";
import type { Effort } from "./interleave.ts";
import { measureLedger } from "./ledger/part.ts";
import { machineList } from "./machine.ts";
import { measureOauth } from "./oauth/part.ts";
import { measureOtp } from "./otp/part.ts";
import { measureRealtime } from "./realtime/part.ts";
import { writeReport } from "./report.ts";
import { simulateScale } from "./scale/part.ts";
import type { Report, Section } from "./section.ts";
import { measureTokens } from "./tokens/part.ts";

/** The parts of the benchmark; a new part is one line here. */
const PARTS: Record<string, (stack: Stack, effort: Effort, report: Report) => Promise<void>> = {
  ledger: measureLedger,
  http: measureHttp,
  steady: measureSteady,
  growth: measureGrowth,
  grants: measureGrants,
  imports: measureImports,
  oauth: measureOauth,
  tokens: measureTokens,
  otp: measureOtp,
  realtime: measureRealtime,
  community: measureCommunity,
};

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => interruption.abort(new StackError("Interrupted")));
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "7" },
      seconds: { type: "string", default: "3" },
      messages: { type: "string", default: "200000" },
    },
  });
  const effort = {
    rounds: wholeNumber("rounds", values.rounds),
    seconds: wholeNumber("seconds", values.seconds),
    messages: wholeNumber("messages", values.messages),
  };
  if (positionals.join() === "scale") await simulateScale();
  else await bench(positionals.length > 0 ? positionals : Object.keys(PARTS), effort);
} catch (error) {
  console.error(error instanceof StackError ? error.message : error);
  Deno.exit(1);
}
Deno.exit(0);

async function bench(names: string[], effort: Effort): Promise<void> {
  const parts = names.map(partOf);
  await onOwnStack(async (stack) => {
    const sql = postgres(stack.databaseUrl, { max: 1 });
    const machine = await machineList(sql, stack.dataDir).finally(() => sql.end());
    console.log(machine);
    const sections: Section[] = [];
    const report = (section: Section) => {
      sections.push(section);
      console.log(
        ["", section.title, ...(section.text ? ["", section.text] : []), "", section.table].join("\n"),
      );
    };
    for (const part of parts) await orInterrupted(part(stack, effort, report));
    if (names.length < Object.keys(PARTS).length) return;
    console.log(`\nWritten to ${await writeReport(machine, effort, sections)}`);
  });
}

function partOf(name: string) {
  const part = PARTS[name];
  if (part) return part;
  throw new StackError(`Cannot measure ${name}: expected is one of ${Object.keys(PARTS).join(", ")}`);
}

/** A separate database that flushes commits to disk; removed afterwards. */
async function onOwnStack(run: (stack: Stack) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-bench-" });
  let stack: Stack | undefined;
  try {
    stack = await startUnlimitedStack({
      portBase: await findFreePortBase(),
      dataDir,
      quiet: true,
      // Its part has a stack of its own: the others measure a Postgres that nobody follows.
      realtime: false,
      functionsFolder: join(import.meta.dirname!, "functions"),
      signal: interruption.signal,
    });
    await run(stack);
  } finally {
    await stack?.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** An interrupted run fails at once, so that its stack is stopped. */
function orInterrupted(work: Promise<void>): Promise<void> {
  const { signal } = interruption;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
    work.then(resolve, reject);
  });
}

function wholeNumber(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new StackError(`Cannot use --${name} ${value}: expected a whole number from 1`);
}

// Puts a mixed load on a separate stack and reports whether anything grows. deno task soak [--minutes 30]

import { parseArgs } from "node:util";

import { printableFailure, StackError } from "./local/errors.ts";
import { findFreePortBase } from "./local/stack.ts";
import { startUnlimitedStack } from "./local/unlimited.ts";
import { requireMemoryFigures } from "./soak/memory.ts";
import { SOAK_ENVIRONMENT } from "./soak/mix.ts";
import { soak } from "./soak/soak.ts";
import type { Finding } from "./soak/verdict.ts";
import { explainWhenAsked } from "./local/usage.ts";

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => interruption.abort(new StackError("Interrupted")));
}

explainWhenAsked(
  "soak",
  "deno task soak [--minutes 30]: puts load on a separate stack, and reports whether anything grows",
);

try {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
  const findings = await soakOwnStack(minutesOf(values.minutes));
  for (const { what, isGood, evidence } of findings) {
    console.log(`${isGood ? "ok  " : "FAIL"} ${what}: ${evidence}`);
  }
  Deno.exit(findings.every(({ isGood }) => isGood) ? 0 : 1);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (minutes >= 1) return minutes;
  throw new StackError(`Cannot soak for ${text} minutes: expected a number from 1`);
}

/** A separate database that flushes commits to disk; removed afterwards. */
async function soakOwnStack(minutes: number): Promise<Finding[]> {
  requireMemoryFigures();
  const { signal } = interruption;
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-soak-" });
  try {
    const portBase = await findFreePortBase();
    const stack = await startUnlimitedStack({
      portBase,
      dataDir,
      quiet: true,
      env: SOAK_ENVIRONMENT,
      signal,
    });
    try {
      return await soak(stack, { seconds: minutes * 60, reportEverySeconds: 60, say: console.log, signal });
    } finally {
      await stack.stop();
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

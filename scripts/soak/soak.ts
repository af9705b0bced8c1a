import postgres from "postgres";

import { delay } from "../local/process_ids.ts";
import type { Stack } from "../local/stack.ts";
import { audit } from "./audit.ts";
import { Mix } from "./mix.ts";
import { Project } from "./project.ts";
import { type Finding, judge, quantile } from "./verdict.ts";
import { type Sample, takeSample } from "./watch.ts";

/** One second, so that a report over a number of seconds has about as many samples. */
const SAMPLE_EVERY_MS = 1_000;

export interface SoakOptions {
  seconds: number;
  /** How often a line is printed. */
  reportEverySeconds: number;
  say(line: string): void;
  signal?: AbortSignal;
}

/** Puts a mixed load on a stack, observes it, and reports what holds at the end. */
export async function soak(stack: Stack, options: SoakOptions): Promise<Finding[]> {
  const sql = postgres(stack.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  const mix = new Mix(new Project(stack));
  try {
    await mix.start();
    const samples = await watch(sql, stack.dataDir, mix, options).finally(() => mix.stop());
    const problems = await audit(sql, mix.userIds, mix.books);
    return [
      ...judge(samples),
      verdict("no request got an unexpected response", mix.errors, mix.firstErrors),
      verdict("the ledger matches the responses that clients got", problems.length, problems),
    ];
  } finally {
    await sql.end();
  }
}

async function watch(
  sql: postgres.Sql,
  dataDir: string,
  mix: Mix,
  { seconds, reportEverySeconds, say, signal }: SoakOptions,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  let reported = 0;
  const start = performance.now();
  for (let elapsedSeconds = 0; elapsedSeconds < seconds;) {
    await delay(SAMPLE_EVERY_MS);
    signal?.throwIfAborted();
    samples.push(await takeSample(sql, dataDir));
    elapsedSeconds = (performance.now() - start) / 1_000;
    if (Math.floor(elapsedSeconds / reportEverySeconds) > reported) {
      reported++;
      say(lineOf(elapsedSeconds, mix, samples.slice(-reportEverySeconds)));
    }
  }
  return samples;
}

function lineOf(elapsedSeconds: number, mix: Mix, samples: Sample[]): string {
  const last = samples.at(-1)!;
  const latenciesMs = mix.takeLatencies();
  const memory = Object.entries(last.memoryMb).map(([name, mb]) => `${name} ${Math.round(mb)}`).join(", ");
  const longestWaitMs = Math.max(...samples.map(({ longestLockWaitMs }) => longestLockWaitMs));
  return [
    `${Math.round(elapsedSeconds)} s`,
    `${mix.requests} requests`,
    `${mix.errors} errors`,
    `p50 ${quantile(latenciesMs, 0.5).toFixed(1)} ms`,
    `p99 ${quantile(latenciesMs, 0.99).toFixed(1)} ms`,
    `${last.connections} connections`,
    `longest lock wait ${longestWaitMs.toFixed(1)} ms`,
    `memory in MB: ${memory}`,
  ].join(" | ");
}

function verdict(what: string, count: number, examples: string[]): Finding {
  const shown = examples.slice(0, 5).map((example) => `\n    ${example}`).join("");
  return { what, isGood: count === 0, evidence: `${count} exceptions${shown}` };
}

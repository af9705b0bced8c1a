import process from "node:process";

import denoConfig from "../../deno.json" with { type: "json" };
import { tooOldText } from "./deno_version.ts";

/**
 * Handles `--help`: prints the usage, or the description in deno.json of a task without arguments, and ends the
 * command. A task without arguments refuses any argument, because nobody would notice that it was ignored.
 */
export function explainWhenAsked(task: keyof typeof denoConfig.tasks, usage?: string): void {
  const tooOld = tooOldText(Deno.version.deno, task);
  if (tooOld !== undefined) {
    console.error(tooOld);
    Deno.exit(1);
  }
  const isAsked = process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h");
  const text = usage ?? `deno task ${task}: ${denoConfig.tasks[task].description}`;
  if (isAsked) {
    console.log(text);
    Deno.exit(0);
  }
  if (usage !== undefined || Deno.args.length === 0) return;
  console.error(`deno task ${task} takes no arguments, but got: ${Deno.args.join(" ")}`);
  Deno.exit(1);
}

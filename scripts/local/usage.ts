import process from "node:process";

import denoConfig from "../../deno.json" with { type: "json" };
import { tooOldText } from "./deno_version.ts";

/**
 * Ends the command here when its user asks for help: prints how it is used, or what deno.json says of a task that takes
 * nothing. Such a task refuses what else is given, as nobody would notice that it was ignored.
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
  console.error(`deno task ${task} takes no options, and was given: ${Deno.args.join(" ")}`);
  Deno.exit(1);
}

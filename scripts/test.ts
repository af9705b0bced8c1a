// deno task test: runs vitest; a module's or a suite's name among the arguments means its files.
import deno from "../deno.json" with { type: "json" };
import { printableFailure } from "./local/errors.ts";
import { projectFolder } from "./local/paths.ts";
import { vitestArguments } from "./testing/arguments.ts";

try {
  const args = await vitestArguments(Deno.args);
  const vitest = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", deno.imports.vitest, "run"],
      ...["--reporter=default", "--reporter=tests/support/summary_reporter.ts"],
      ...args,
    ],
    cwd: projectFolder,
  }).spawn();
  for (const signal of Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => vitest.kill(signal));
  }
  Deno.exit((await vitest.status).code);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

// deno task test: runs vitest; a module's or suite's name among the arguments stands for its files.
import deno from "../deno.json" with { type: "json" };
import { printableFailure } from "./local/errors.ts";
import { projectFolder } from "./local/paths.ts";
import { explainWhenAsked } from "./local/usage.ts";
import { vitestArguments } from "./testing/arguments.ts";

explainWhenAsked(
  "test",
  `deno task test                    runs every test on a stack of its own
deno task test <module> <suite>   those of modules of supabase/modules.json and of suites of tests/
deno task test <file or folder>   those of files
deno task test … -t <words>       those with the words in their names; any other option of vitest's run

docs: tests/README.md`,
);

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

import { expect, test } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";

const { tasks } = JSON.parse(await Deno.readTextFile(`${projectFolder}/deno.json`)) as {
  tasks: Record<string, { command: string }>;
};
/** Of each task that is one script: how it is called. `types` is left to the check, which gives it an option. */
const commands = Object.entries(tasks).flatMap(([task, { command }]) => {
  const script = /^deno run -A (scripts\/\w+\.ts)$/.exec(command)?.[1];
  return script && task !== "types" ? [{ task, script }] : [];
});

async function run(script: string, ...args: string[]): Promise<{ code: number; printed: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, ...args],
    cwd: projectFolder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, printed: decoder.decode(stdout) + decoder.decode(stderr) };
}

test.each(commands)(
  "deno task $task --help says how it is used, and does nothing",
  async ({ task, script }) => {
    const { code, printed } = await run(script, "--help");
    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringMatching(`^deno task ${task}`) });
  },
);

// The options of `test` are vitest's, which names an unknown one itself.
const ownOptions = commands.filter(({ task }) => task !== "test");

test.each(ownOptions)("deno task $task names an option that it does not know", async ({ script }) => {
  const { code, printed } = await run(script, "--no-such-option");
  expect(code).toBeGreaterThan(0);
  expect(printed).toContain("--no-such-option");
  expect(printed).not.toMatch(/^ +at /m);
});

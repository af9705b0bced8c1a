import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { projectFiles } from "../../scripts/modules/files.ts";
import { readManifest } from "../../scripts/modules/manifest.ts";
import { vitestArguments } from "../../scripts/testing/arguments.ts";
import { filesNamed } from "../../scripts/testing/names.ts";

const manifest = await readManifest();
const files = await projectFiles();
const testFiles = files.filter((path) => path.startsWith("tests/") && path.endsWith(".test.ts"));
const modules = Object.keys(manifest.modules);

describe("deno task test", () => {
  it.each(modules)("runs every test of the module %s, asked for by its name", async (name) => {
    const patterns = manifest.modules[name]!.tests;
    const named = await vitestArguments([name]);
    expect(named).not.toEqual([]);
    expect(named.filter((file) => !testFiles.includes(file))).toEqual([]);
    for (const path of testFiles.filter((one) => patterns.includes(one))) expect(named).toContain(path);
  });

  it("has for a ledger its own tests and no other module's", async () => {
    const named = await vitestArguments(["ledger"]);
    expect(named).toEqual(
      expect.arrayContaining(["tests/sql/races.test.ts", "tests/simulation/simulation.test.ts"]),
    );
    expect(named).not.toContain("tests/sql/otp.test.ts");
    expect(named).not.toContain("tests/simulation/model.ts");
  });

  it("reaches every test file by one module's name, or as a file about all modules", async () => {
    const named = await Promise.all([...modules, "whole"].map((name) => vitestArguments([name])));
    expect(named.flat().toSorted()).toEqual(testFiles.toSorted());
  });

  it("runs a suite by its name", async () => {
    expect(await vitestArguments(["sql"])).toEqual(
      testFiles.filter((path) => path.startsWith("tests/sql/")),
    );
  });

  it("takes a name that a module and a suite have for the module's, which has the suite", async () => {
    const named = await vitestArguments(["features"]);
    expect(named).toEqual(
      expect.arrayContaining(testFiles.filter((path) => path.startsWith("tests/features/"))),
    );
    expect(named).toContain("tests/http/features.test.ts");
  });

  it.each([
    [["tests/unit/alerts.test.ts"]],
    [["tests/sql"]],
    [["-t", "ledger"]],
    [["--testNamePattern", "ledger", "--bail", "1"]],
    [["--maxWorkers=1", "./tests/sql/otp.test.ts"]],
    [[]],
  ])("hands on to vitest as it is: %j", async (args) => {
    expect(await vitestArguments(args)).toEqual(args);
  });

  it("distinguishes a name from an option's value, on either side of it", async () => {
    const otp = await vitestArguments(["otp"]);
    expect(await vitestArguments(["-t", "otp", "otp"])).toEqual(["-t", "otp", ...otp]);
    expect(await vitestArguments(["otp", "-t", "otp"])).toEqual([...otp, "-t", "otp"]);
  });

  it("takes any other word for a part of a file's name, as vitest does", () => {
    expect(filesNamed("ledger_command", manifest, files)).toEqual(["tests/sql/ledger_command.test.ts"]);
  });

  it("says of a module without tests that it has none", () => {
    const bare = {
      ...manifest,
      modules: { ...manifest.modules, bare: { ...manifest.modules.otp!, tests: [] } },
    };
    expect(() => filesNamed("bare", bare, files)).toThrow("The module bare has no tests of its own.");
  });
});

describe("the command itself", () => {
  it("refuses an unknown word with the modules and suites that there are", async () => {
    const { code, stderr } = await runTest("nonsense");
    expect(code).toBe(1);
    expect(stderr).toContain('There is no module, suite or test file "nonsense".');
    for (const name of modules) expect(stderr).toContain(name);
    expect(stderr).toContain("sql, stack, unit");
  });

  const root = Deno.makeTempDirSync({ prefix: "tessera-test-" });
  afterAll(() => Deno.remove(root, { recursive: true }));

  it("runs what was asked for alone, ends with the sum, and fails where a test does", async () => {
    const reporter = pathToFileURL(join(projectFolder, "tests/support/summary_reporter.ts")).href;
    await write("tests/support/summary_reporter.ts", `export { default } from ${JSON.stringify(reporter)};`);
    await write("tests/sql/otp.test.ts", 'it("holds", () => {}); it("other", () => {});');
    await write("tests/sql/races.test.ts", 'it("fails", () => { throw new Error("lost"); });');
    const passing = await runTest("otp", "--globals", "--root", root);
    expect(passing.stdout).toMatch(/^2 passed, 0 failed$/m);
    expect(passing.code).toBe(0);
    const failing = await runTest("ledger", "--globals", "--root", root);
    expect(failing.stdout).toMatch(/^0 passed, 1 failed$/m);
    expect(failing.code).toBe(1);
  });

  it("counts a hook that fails, and says which file skips tests without a reason", async () => {
    await write(
      "tests/sql/refunds.test.ts",
      'describe("a group", () => { beforeAll(() => { throw new Error("lost"); }); it("is skipped", () => {}); });',
    );
    const { stdout, code } = await runTest("tests/sql/refunds.test.ts", "--globals", "--root", root);
    expect(stdout).toMatch(/^1 test is skipped in tests\/sql\/refunds\.test\.ts, which does not say why$/m);
    expect(stdout).toMatch(/^0 passed, (1 failed, 1 skipped|2 failed)$/m);
    expect(code).toBe(1);
  });

  async function write(path: string, text: string): Promise<void> {
    await Deno.mkdir(join(root, path, ".."), { recursive: true });
    await Deno.writeTextFile(join(root, path), text);
  }
});

async function runTest(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(projectFolder, "scripts", "test.ts"), ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [printed, complained] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: printed!, stderr: complained! };
}

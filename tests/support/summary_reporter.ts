import process from "node:process";
import type { Reporter, TestModule } from "vitest/node";
import "./needs.ts";

/**
 * Ends the output with one line that every machine can read: `N passed, N failed`. Before it, a line for each thing that
 * the machine lacks for tests that were skipped, and for each file that skipped others. With CI=true a skipped test counts
 * as failed.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string) => tests.filter((test) => test.result().state === state);
    const skipped = inState("skipped");
    const reasons = Map.groupBy(skipped, (test) => test.meta().lacks);
    const unexplained = Map.groupBy(reasons.get(undefined) ?? [], (test) => test.module.relativeModuleId);
    for (const [file, { length }] of unexplained) {
      console.log(
        `${length} ${length === 1 ? "test is" : "tests are"} skipped in ${file}, which does not say why`,
      );
    }
    for (const [lacks, { length }] of reasons) {
      if (lacks === undefined) continue;
      console.log(
        `${length} ${length === 1 ? "test is skipped: it needs" : "tests are skipped: they need"} ${lacks}`,
      );
    }
    // A hook that fails is no test's failure, and has the tests after it skipped.
    const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const broken = groups.filter((group) => group.errors().length > 0).length;
    const failed = inState("failed").length + broken + unhandledErrors.length;
    const passed = inState("passed").length;
    if (process.env.CI === "true" && skipped.length > 0) {
      process.exitCode = 1;
      console.log(`${passed} passed, ${failed + skipped.length} failed`);
      return;
    }
    console.log(`${passed} passed, ${failed} failed${skipped.length ? `, ${skipped.length} skipped` : ""}`);
  }
}

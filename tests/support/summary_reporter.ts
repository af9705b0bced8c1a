import process from "node:process";
import type { Reporter, TestModule } from "vitest/node";
import "./needs.ts";

/**
 * Ends the output with one line that every machine can read: `N passed, N failed`. Before it, a line for each thing that
 * the machine lacks for tests that were skipped. With CI=true a skipped test counts as failed.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string) => tests.filter((test) => test.result().state === state);
    const skipped = inState("skipped");
    const reasons = Map.groupBy(skipped, (test) => test.meta().lacks);
    for (const [lacks, { length }] of reasons) {
      if (lacks === undefined) continue;
      console.log(
        `${length} ${length === 1 ? "test is skipped: it needs" : "tests are skipped: they need"} ${lacks}`,
      );
    }
    const brokenFiles = modules.filter((module) => module.errors().length > 0).length;
    const failed = inState("failed").length + brokenFiles + unhandledErrors.length;
    const passed = inState("passed").length;
    if (process.env.CI === "true" && skipped.length > 0) {
      process.exitCode = 1;
      console.log(`${passed} passed, ${failed + skipped.length} failed`);
      return;
    }
    console.log(`${passed} passed, ${failed} failed${skipped.length ? `, ${skipped.length} skipped` : ""}`);
  }
}

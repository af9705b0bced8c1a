import { expect, it } from "vitest";

import { barOf } from "../../../scripts/tokens/progress.ts";

it("a progress bar shows how much is done, and no more than all", () => {
  expect(barOf("Syncing", 50_000, 100_000)).toBe(
    `Syncing [${"█".repeat(15)}${"░".repeat(15)}] 50,000 of 100,000 (50 %)`,
  );
  expect(barOf("Syncing", 12, 10)).toBe(`Syncing [${"█".repeat(30)}] 10 of 10 (100 %)`);
  expect(barOf("Syncing", 12, 0)).toBe(`Syncing [${"░".repeat(30)}] 12`);
});

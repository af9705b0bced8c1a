import { describe, expect, it } from "vitest";

import { HOSTED_DENO } from "../../scripts/local/functions_deno.ts";
import { stack } from "../support/stack.ts";
import { TESTS_NOT_INSIDE } from "./suites.ts";
import { runInside } from "./support/inside.ts";
import { inside } from "./support/test_files.ts";

const notInside = Object.keys(TESTS_NOT_INSIDE);
const isLeftOut = (name: string) => notInside.some((words) => name.includes(words));
const results = Map.groupBy(await runInside(inside.files, { stack }, notInside), ({ file }) => file);

describe.each(inside.files)(`%s inside Deno ${HOSTED_DENO}`, (file) => {
  const tests = results.get(file) ?? [];

  it("has tests", () => expect(tests.filter(({ state }) => state === "pass")).not.toEqual([]));

  it.each(tests.filter(({ name }) => !isLeftOut(name)))("$name", ({ state, errors }) => {
    expect({ state, errors }).toEqual({ state: "pass", errors: [] });
  });
});

it.each(notInside)("every excluded test exists: %s", (words) => {
  expect([...results.values()].flat().filter(({ name }) => name.includes(words))).not.toEqual([]);
});

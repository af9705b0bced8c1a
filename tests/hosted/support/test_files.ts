import { globToRegExp } from "@std/path/glob-to-regexp";

import { projectFiles } from "../../../scripts/modules/files.ts";
import { INSIDE, NOT_INSIDE, NOT_SERVED, SERVED } from "../suites.ts";

const testFiles = (await projectFiles()).filter((path) => /^tests\/.*\.test\.ts$/.test(path));

/** The files of a run: those that a pattern names, without those that a pattern leaves out; and what is wrong with the lists. */
export function chosenFrom(
  files: string[],
  chosen: string[],
  leftOut: Record<string, string>,
): { files: string[]; faults: string[] } {
  const matching = (pattern: string) => {
    const expression = globToRegExp(pattern);
    return files.filter((file) => expression.test(file));
  };
  const named = new Set(chosen.flatMap(matching));
  const out = Object.keys(leftOut).map((pattern) => [pattern, matching(pattern)] as const);
  const twice = files.filter((file) => out.filter(([, matched]) => matched.includes(file)).length > 1);
  const faults = [
    ...chosen.filter((pattern) => matching(pattern).length === 0).map((one) => `${one} names no file`),
    ...out.filter(([, matched]) => !matched.some((file) => named.has(file)))
      .map(([pattern]) => `${pattern} leaves out nothing that would run`),
    ...twice.map((file) => `${file} is left out twice`),
    ...Object.entries(leftOut).filter(([, reason]) => reason.length < 10).map(([one]) =>
      `${one} has no reason`
    ),
  ];
  const gone = new Set(out.flatMap(([, matched]) => matched));
  return { files: [...named].filter((file) => !gone.has(file)).toSorted(), faults };
}

/** The test files that run against a stack whose functions run under the Edge Runtime's Deno. */
export const served = chosenFrom(testFiles, SERVED, NOT_SERVED);

/** The test files that run inside that Deno. */
export const inside = chosenFrom(testFiles, INSIDE, NOT_INSIDE);

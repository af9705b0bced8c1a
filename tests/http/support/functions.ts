import { join } from "node:path";
import { afterAll, inject } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { portsAt } from "../../../scripts/local/ports.ts";
import { type ExtraFunctions, startFunctions } from "../../../scripts/local/stack.ts";
import { eventually } from "./calls.ts";

const { portBase, dataDir } = inject("stack");

/** Real features beside small ones of the tests' own. */
export const fixturesFolder = join(projectFolder, "tests", "http", "fixtures", "functions");

export const demoModelUrl = `http://127.0.0.1:${portsAt(portBase).demoModel}`;

/** How often the demo model was asked on behalf of a request. */
export async function modelCalls(requestId: string): Promise<number> {
  const response = await fetch(`${demoModelUrl}/demo/calls?request_id=${encodeURIComponent(requestId)}`);
  return (await response.json()).length;
}

/**
 * One more functions process that serves the fixtures, ended after the test file. It imports each of them when it is
 * asked for: to import all takes longer than most tests.
 */
export async function openFunctions(
  env: Record<string, string> = {},
  folder: string = fixturesFolder,
  { lazy = true }: { lazy?: boolean } = {},
): Promise<ExtraFunctions> {
  const functions = await startFunctions({ env, folder, portBase, dataDir, lazy });
  afterAll(() => functions.stop());
  return functions;
}

export type LogLine = Record<string, unknown>;

/** The lines that a functions process logged for a request, once there are any. */
export function logLines(functions: ExtraFunctions, requestId: string, count = 1): Promise<LogLine[]> {
  return eventually(`a log line of request ${requestId}`, () => {
    const found = functions.log.split("\n").filter((line) => line.startsWith("{") && line.includes(requestId))
      .map((line) => JSON.parse(line) as LogLine)
      .filter((line) => line.request_id === requestId);
    return found.length >= count && found;
  });
}

import { join } from "node:path";
import { expect } from "vitest";

import { stack } from "../support/stack.ts";

/** What every process of the suite's stack printed so far, those beside it included, by the log's name. */
export async function readLogs(): Promise<Map<string, string>> {
  const folder = join(stack.dataDir, "logs");
  const logs = new Map<string, string>();
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) logs.set(name, await Deno.readTextFile(join(folder, name)));
  }
  return logs;
}

/** Fails with where a secret stands and what it is, without repeating it. */
export async function expectNowhere(secrets: Record<string, string | RegExp>): Promise<void> {
  const found: string[] = [];
  for (const [log, text] of await readLogs()) {
    for (const [index, line] of text.split("\n").entries()) {
      for (const [name, secret] of Object.entries(secrets)) {
        const isThere = typeof secret === "string" ? line.includes(secret) : secret.test(line);
        if (isThere) found.push(`${name} in ${log}, line ${index + 1}`);
      }
    }
  }
  expect(found).toEqual([]);
}

import { expect } from "vitest";

import * as logs from "../support/log_secrets.ts";
import { stack } from "../support/stack.ts";

/** The output so far of every process of the suite's stack, including separate functions processes, by log name. */
export const readLogs = () => logs.readLogs(stack.dataDir);

/** Fails with where a secret stands and what it is, without repeating it. */
export async function expectNowhere(secrets: logs.SecretsByName): Promise<void> {
  expect(await logs.searchLogs(stack.dataDir, secrets)).toEqual([]);
}

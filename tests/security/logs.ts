import { expect } from "vitest";

import * as logs from "../support/log_secrets.ts";
import { stack } from "../support/stack.ts";

/** What every process of the suite's stack printed so far, those beside it included, by the log's name. */
export const readLogs = () => logs.readLogs(stack.dataDir);

/** Fails with where a secret stands and what it is, without repeating it. */
export async function expectNowhere(secrets: logs.SecretsByName): Promise<void> {
  expect(await logs.searchLogs(stack.dataDir, secrets)).toEqual([]);
}

import type { TestProject } from "vitest/node";

import { FUNCTIONS_DENO_VARIABLE } from "../../scripts/local/functions_deno.ts";
import { findFreePortBase } from "../../scripts/local/stack.ts";
import { startUnlimitedStack } from "../../scripts/local/unlimited.ts";
import { fetchImports } from "./hosted_deno.ts";
import { requireNoSecretsInLogs } from "./log_secrets.ts";

/** What a test needs to know about the suite's stack. */
export interface StackUnderTest {
  url: string;
  publishableKey: string;
  secretKey: string;
  /** As role postgres, the owner of the tables. */
  databaseUrl: string;
  portBase: number;
  dataDir: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    stack: StackUnderTest;
  }
}

/** Starts one stack for the whole suite, on free ports and an empty database, and removes it afterwards, its logs searched for secrets. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-test-" });
  const remove = () => Deno.remove(dataDir, { recursive: true });
  const portBase = await findFreePortBase();
  // Without a schedule: its jobs would change what tests look at. Tests of jobs run them.
  const functionsDeno = project.config.env?.[FUNCTIONS_DENO_VARIABLE];
  if (functionsDeno) await fetchImports(functionsDeno);
  const options = { portBase, dataDir, quiet: true, fast: true, schedule: false, functionsDeno };
  const stack = await startUnlimitedStack(options).catch(async (error) => {
    await remove();
    throw error;
  });
  const { url, publishableKey, secretKey, databaseUrl } = stack;
  project.provide("stack", { url, publishableKey, secretKey, databaseUrl, portBase, dataDir });
  return async () => {
    await stack.stop();
    await requireNoSecretsInLogs(dataDir).finally(remove);
  };
}

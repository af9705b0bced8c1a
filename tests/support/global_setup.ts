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

/** The stacks of this process, by the Deno of their functions: the parts of a run share one. */
const stacks = sharedByParts<SharedStack>("tessera: stacks of tests");

interface SharedStack {
  users: number;
  started: Promise<{ underTest: StackUnderTest; stop(): Promise<void> }>;
}

/** Vitest loads this file once for each part of a run. */
function sharedByParts<Value>(name: string): Map<string, Value> {
  const holder = globalThis as unknown as Record<symbol, Map<string, Value>>;
  return holder[Symbol.for(name)] ??= new Map();
}

/** Starts one stack for the whole suite, on free ports and an empty database, and removes it after the last part, its logs searched for secrets. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const functionsDeno = project.config.env?.[FUNCTIONS_DENO_VARIABLE];
  const key = functionsDeno ?? "";
  const shared = stacks.get(key) ?? { users: 0, started: start(functionsDeno) };
  stacks.set(key, shared);
  shared.users++;
  const { underTest, stop } = await shared.started;
  project.provide("stack", underTest);
  return async () => {
    if (--shared.users > 0) return;
    stacks.delete(key);
    await stop();
  };
}

async function start(functionsDeno: string | undefined) {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-test-" });
  const remove = () => Deno.remove(dataDir, { recursive: true });
  const portBase = await findFreePortBase();
  if (functionsDeno) await fetchImports(functionsDeno);
  // Without a schedule: its jobs would change what tests look at. Tests of jobs run them.
  const options = { portBase, dataDir, quiet: true, fast: true, schedule: false, functionsDeno };
  const stack = await startUnlimitedStack(options).catch(async (error) => {
    await remove();
    throw error;
  });
  const { url, publishableKey, secretKey, databaseUrl } = stack;
  return {
    underTest: { url, publishableKey, secretKey, databaseUrl, portBase, dataDir },
    async stop() {
      await stack.stop();
      await requireNoSecretsInLogs(dataDir).finally(remove);
    },
  };
}

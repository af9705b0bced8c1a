import { onTestFinished } from "vitest";

import { messageOf } from "../../../scripts/local/errors.ts";
import { readState } from "../../../scripts/local/state.ts";
import { commandLineOf, delay, isAlive } from "../../../scripts/local/process_ids.ts";
import { requireNoSecretsInLogs } from "../../support/log_secrets.ts";
import { findFreePortBase, type Stack } from "../../../scripts/local/stack.ts";
import { startUnlimitedStack } from "../../../scripts/local/unlimited.ts";

/**
 * A separate stack that a test may break, with its own ports and folder, and a Postgres that flushes commits to disk.
 */
export interface OwnStack {
  stack: Stack;
  /** The same stack after a stop, a change of what it keeps in its folder, and a start. */
  startedAnewAfter(change: () => Promise<void>): Promise<Stack>;
}

const START_LIMIT = 3;

/**
 * Starts one for the test that calls it, and removes it when that one is finished, however it ends. It is started on
 * other ports again when another program took one of them in the meantime.
 */
export async function openOwnStack(env: Record<string, string>): Promise<OwnStack> {
  for (let attempt = 1;; attempt++) {
    try {
      return await open(env, await findFreePortBase());
    } catch (error) {
      if (attempt === START_LIMIT || !/AddrInUse|is taken/.test(messageOf(error))) throw error;
    }
  }
}

async function open(env: Record<string, string>, portBase: number): Promise<OwnStack> {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-faults-" });
  onTestFinished(() =>
    requireNoSecretsInLogs(dataDir).finally(() => Deno.remove(dataDir, { recursive: true }))
  );
  let running: Stack | undefined;
  const start = async () => {
    running = await startUnlimitedStack({ portBase, dataDir, quiet: true, env });
    onTestFinished(stop); // Resources made before the start are removed after the stop.
    return running;
  };
  const stop = async () => {
    const stack = running;
    running = undefined;
    await stack?.stop();
  };
  return {
    stack: await start(),
    async startedAnewAfter(change) {
      await stop();
      await change();
      return await start();
    },
  };
}

/** The process that a test kills. */
export type Victim = "postgres" | "functions" | "gateway" | "realtime";

/** The process id of a part of a stack; undefined while it is down. */
export async function pidOf(victim: Victim, dataDir: string): Promise<number | undefined> {
  const state = await readState(dataDir);
  if (!state) return undefined;
  if (victim === "postgres") {
    const text = await Deno.readTextFile(`${state.pgdata}/postmaster.pid`).catch(() => "");
    const pid = parseInt(text);
    return pid > 0 && isAlive(pid) && (await commandLineOf(pid)).includes(state.pgdata) ? pid : undefined;
  }
  const script = victim === "realtime" ? "realtime/main.ts" : `${victim}.ts`;
  for (const pid of state.childPids) {
    if ((await commandLineOf(pid)).includes(`scripts/local/${script}`) && isAlive(pid)) return pid;
  }
  return undefined;
}

/** Waits for a part of a stack to be up; fails when the supervisor does not bring it back. */
export async function awaitPid(victim: Victim, dataDir: string, patienceMs = 60_000): Promise<number> {
  for (const end = Date.now() + patienceMs; Date.now() < end; await delay(20)) {
    const pid = await pidOf(victim, dataDir);
    if (pid !== undefined) return pid;
  }
  throw new Error(`${victim} was not started again within ${patienceMs} ms`);
}

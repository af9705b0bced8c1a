import { join } from "node:path";
import { delay } from "./process_ids.ts";

/** A supervisor's record of its stack, for `stop`, `status` and the next start; it has no secrets. */
export interface StackState {
  supervisorPid: number;
  phase: "starting" | "ready" | "stopping";
  /** Deno children that end by themselves when the supervisor is gone. */
  childPids: number[];
  pgdata: string;
  /** It serves Realtime. */
  hasRealtime?: boolean;
}

/** Only one supervisor can hold the lock; the system frees it when that process ends, however it ends. */
export interface StackLock {
  release(): void;
}

/** `status` and `stop` hold the lock for a moment when they check; a start waits that long. */
const MOMENT_MS = 300;

/** Takes a stack's lock; undefined if a running supervisor has it. */
export async function takeLock(dataFolder: string, patienceMs = MOMENT_MS): Promise<StackLock | undefined> {
  const file = await Deno.open(join(dataFolder, "lock"), { create: true, write: true, mode: 0o600 });
  const end = Date.now() + patienceMs;
  do {
    if (await file.tryLock(true)) return { release: () => file.close() };
    await delay(20);
  } while (Date.now() < end);
  file.close();
  return undefined;
}

/** Whether a supervisor runs on a data folder. */
export async function isRunning(dataFolder: string): Promise<boolean> {
  try {
    const lock = await takeLock(dataFolder, 0);
    lock?.release();
    return lock === undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Reads the last supervisor's record; undefined if there is none. */
export async function readState(dataFolder: string): Promise<StackState | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(stateFile(dataFolder)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes the state atomically, as others may read it at any time. */
export function writeState(dataFolder: string, state: StackState): void {
  const temporary = `${stateFile(dataFolder)}.new`;
  Deno.writeTextFileSync(temporary, JSON.stringify(state), { mode: 0o600 });
  Deno.renameSync(temporary, stateFile(dataFolder));
}

function stateFile(dataFolder: string): string {
  return join(dataFolder, "state.json");
}

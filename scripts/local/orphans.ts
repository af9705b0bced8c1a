import { commandLineOf, isAlive, waitForExit } from "./process_ids.ts";
import { stopOrphan } from "./postgres.ts";
import { readState } from "./state.ts";

/** How long the children of a killed supervisor may take to end by themselves. */
const PATIENCE_MS = 10_000;

/** Ends the processes of an earlier, killed supervisor. Returns whether there were any. */
export async function stopOrphans(dataFolder: string): Promise<boolean> {
  const state = await readState(dataFolder);
  if (!state) return false;
  const found = await Promise.all([
    stopOrphan(state.pgdata),
    ...state.childPids.map((pid) => endChild(pid)),
  ]);
  return found.some(Boolean);
}

/** Identified by pid and command line, because the system may have reused the pid. */
async function endChild(pid: number): Promise<boolean> {
  const isOurs = async () => isAlive(pid) && (await commandLineOf(pid)).includes("scripts/local/");
  if (!await isOurs()) return false;
  if (await waitForExit(pid, PATIENCE_MS)) return true;
  if (await isOurs()) Deno.kill(pid, "SIGKILL");
  await waitForExit(pid, 2_000);
  return true;
}

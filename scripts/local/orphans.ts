import { commandLineOf, isAlive, waitForExit } from "./process_ids.ts";
import { stopOrphan } from "./postgres.ts";
import { readState } from "./state.ts";

/** How long the children of a killed supervisor get to end by themselves. */
const PATIENCE_MS = 10_000;

/** Ends what an earlier supervisor left behind when it was killed; tells whether there was anything. */
export async function stopOrphans(dataFolder: string): Promise<boolean> {
  const state = await readState(dataFolder);
  if (!state) return false;
  const found = await Promise.all([
    stopOrphan(state.pgdata),
    ...state.childPids.map((pid) => endChild(pid)),
  ]);
  return found.some(Boolean);
}

/** By its number and its command line, as the system may have given the number to another program since. */
async function endChild(pid: number): Promise<boolean> {
  const isOurs = async () => isAlive(pid) && (await commandLineOf(pid)).includes("scripts/local/");
  if (!await isOurs()) return false;
  if (await waitForExit(pid, PATIENCE_MS)) return true;
  if (await isOurs()) Deno.kill(pid, "SIGKILL");
  await waitForExit(pid, 2_000);
  return true;
}

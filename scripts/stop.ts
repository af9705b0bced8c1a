import { stopOrphans } from "./local/orphans.ts";
import { defaultDataFolder, exists } from "./local/paths.ts";
import { portBaseFromEnvironment } from "./local/ports.ts";
import { waitForExit } from "./local/process_ids.ts";
import { isRunning, readState } from "./local/state.ts";
import { explainWhenAsked } from "./local/usage.ts";

explainWhenAsked("stop");

/** Longer than the supervisor itself gives its children. */
const PATIENCE_MS = 60_000;

const dataFolder = defaultDataFolder(portBaseFromEnvironment());
const state = await exists(dataFolder) ? await readState(dataFolder) : undefined;

if (state && await isRunning(dataFolder)) {
  Deno.kill(state.supervisorPid, "SIGTERM");
  if (!await waitForExit(state.supervisorPid, PATIENCE_MS)) {
    Deno.kill(state.supervisorPid, "SIGKILL");
    await waitForExit(state.supervisorPid, 5_000);
  }
  await stopOrphans(dataFolder);
  console.log("Stopped");
} else if (state && await stopOrphans(dataFolder)) {
  console.log("Ended processes that a killed stack had left running");
} else {
  console.log("Nothing was running");
}

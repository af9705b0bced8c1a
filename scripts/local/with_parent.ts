// Preloaded into every child (`deno run --preload`): ends the child when its supervisor is gone, even after a kill
// -9.
//
// It polls the parent's pid, because it cannot await the end of stdin: Deno runs a preloaded module to its end before
// the main one, and a pending read would block that. Unreferenced timers do not.

import { POSTGRES_VARIABLE, stopOrphan } from "./postgres.ts";
import { delay } from "./process_ids.ts";
import { SUPERVISOR_VARIABLE } from "./supervisor.ts";

const ASK_EVERY_MS = 250;
/** How long a child may take to finish its work after the supervisor is gone. */
const GRACE_MS = 8_000;
/** How long the other children may take to finish what they need Postgres for. */
const BEFORE_POSTGRES_MS = 1_500;

/** Functions that are loaded later may not have this. */
const host = Deno;
const supervisorPid = Number(Deno.env.get(SUPERVISOR_VARIABLE));
const timer = setInterval(() => {
  if (host.ppid === supervisorPid) return;
  clearInterval(timer);
  void end();
}, ASK_EVERY_MS);
Deno.unrefTimer(timer);

async function end(): Promise<void> {
  setTimeout(() => host.exit(1), GRACE_MS);
  const pgdata = host.env.get(POSTGRES_VARIABLE);
  if (pgdata) {
    await delay(BEFORE_POSTGRES_MS);
    await stopOrphan(pgdata).catch((error) => console.error(error));
  }
  host.kill(host.pid, "SIGTERM");
}

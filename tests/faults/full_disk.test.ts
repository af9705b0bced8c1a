import { join } from "node:path";

import postgres from "postgres";
import { it, onTestFinished } from "vitest";

import { Project } from "../../scripts/soak/project.ts";
import { eventually } from "../http/support/calls.ts";
import { Load } from "./support/load.ts";
import { needing } from "../support/needs.ts";
import { openOwnStack } from "./support/own_stack.ts";
import { randomFrom, seedOfRun } from "./support/random.ts";
import { awaitSuccess, describeLoad, expectRightAfterAll } from "./support/recovery.ts";
import { SmallDisk } from "./support/small_disk.ts";

const ROOM_MB = 64;
/** So many calls must have failed with 5xx before there is room again. */
const SERVER_ERRORS = 30;
const LIMIT_MS = 180_000;

it.each(["rest", "postgres"])(
  "a full disk under load fails calls cleanly, and no answer is free, ledger over %s",
  { ...await needing("mount"), timeout: LIMIT_MS },
  async (transport) => {
    const env = { LEDGER_TRANSPORT: transport };
    const own = await openOwnStack(env);
    const folder = join(own.stack.dataDir, "pgdata");
    const disk = new SmallDisk(folder);
    const stack = await own.startedAnewAfter(async () => {
      await disk.moveIn(ROOM_MB);
      onTestFinished(() => disk.unmount());
    });
    const load = new Load(new Project(stack), randomFrom(seedOfRun(`full disk over ${transport}`)));
    await load.start();
    await awaitSuccess(load);
    await disk.fill();
    await eventually("the first failures", () => load.serverErrors >= SERVER_ERRORS, LIMIT_MS / 6);
    // The log of changes is full too, at which Postgres gives up and comes back when it can.
    await switchLogFile(stack.adminDatabaseUrl);
    const errorsBefore = load.serverErrors;
    await eventually("more failures", () => load.serverErrors >= errorsBefore + SERVER_ERRORS, LIMIT_MS / 3);
    await disk.free();
    await awaitSuccess(load);
    await expectRightAfterAll(stack, load);
    console.log(`Full disk over ${transport}: ${describeLoad(load)}`);
  },
);

/** Makes Postgres need a new file for its log of changes; it may answer with its end. */
async function switchLogFile(adminUrl: string): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  await sql`select pg_switch_wal()`.catch(() => {});
  await sql.end({ timeout: 1 });
}

import { describe, expect, it } from "vitest";

import { delay } from "../../scripts/local/process_ids.ts";
import { Project } from "../../scripts/soak/project.ts";
import { Load } from "./support/load.ts";
import { awaitPid, openOwnStack, type Victim } from "./support/own_stack.ts";
import { randomFrom, seedOfRun } from "./support/random.ts";
import { awaitSuccess, describeLoad, expectRightAfterAll } from "./support/recovery.ts";

/** Of each transport. The supervisor waits longer and longer for a part that keeps dying, up to 10 s. */
const KILLS = Number(Deno.env.get("FAULT_KILLS") ?? 6);
const VICTIMS: Victim[] = ["postgres", "functions", "gateway"];
const MAX_PAUSE_MS = 800;
const KILL_LIMIT_MS = 40_000;
/** So slow that there always are calls between hold and settlement. */
const MODEL = "demo-text-slow-30";

describe.each(["rest", "postgres"])(
  "parts of the stack that are killed under load, ledger over %s",
  (transport) => {
    it("lose no confirmed charge, charge nothing twice, and leave no hold behind", async () => {
      const random = randomFrom(seedOfRun(`crashes over ${transport}`));
      const { stack } = await openOwnStack({ LEDGER_TRANSPORT: transport, AI_TEXT_MODEL: MODEL });
      const load = new Load(new Project(stack), random);
      await load.start();
      for (let kill = 0; kill < KILLS; kill++) {
        // Now into a stack that serves, now into one that still recovers.
        if (random() < 0.5) await awaitSuccess(load);
        await delay(random() * MAX_PAUSE_MS);
        Deno.kill(await awaitPid(VICTIMS[kill % VICTIMS.length]!, stack.dataDir), "SIGKILL");
      }
      for (const victim of VICTIMS) await awaitPid(victim, stack.dataDir);
      await awaitSuccess(load);
      await expectRightAfterAll(stack, load);
      console.log(`${KILLS} kills over ${transport}: ${describeLoad(load)}`);
      expect(load.failures).toBeGreaterThan(0);
    }, 60_000 + KILLS * KILL_LIMIT_MS);
  },
);

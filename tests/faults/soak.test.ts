import { expect, it } from "vitest";

import { SOAK_ENVIRONMENT } from "../../scripts/soak/mix.ts";
import { soak } from "../../scripts/soak/soak.ts";
import { needing } from "../support/needs.ts";
import { openOwnStack } from "./support/own_stack.ts";

const MEMORY_SETTLES_S = 180;
const SECONDS = Number(Deno.env.get("SOAK_SECONDS") ?? 20);

it(
  "a mix of everything leaves memory, connections and lock waits flat, and the ledger exact",
  { ...await needing("linux"), timeout: 60_000 + SECONDS * 2_000 },
  async () => {
    const { stack } = await openOwnStack(SOAK_ENVIRONMENT);
    const findings = await soak(stack, { seconds: SECONDS, reportEverySeconds: 10, say: console.log });
    // Memory settles within minutes: until then what grows are caches and compiled code.
    const isJudged = ({ what }: { what: string }) =>
      SECONDS >= MEMORY_SETTLES_S || !what.startsWith("memory");
    expect(findings.filter((finding) => isJudged(finding) && !finding.isGood)).toEqual([]);
  },
);

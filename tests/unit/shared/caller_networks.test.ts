import { describe, expect, it } from "vitest";

import { noteCallerNetwork } from "../../../supabase/functions/_shared/http/caller_networks.ts";

describe("the networks that users are noted at", () => {
  it("take no more memory for a client that writes long headers of its own", () => {
    const USERS = 200, HEADERS = 20, CHARACTERS = 15_000;
    const usedBefore = usedBytes();
    for (let user = 0; user < USERS; user++) {
      for (let header = 0; header < HEADERS; header++) {
        const own = `${user}.${header}.`.padEnd(CHARACTERS, "x");
        noteCallerNetwork(`user ${user}`, new Headers({ "X-Forwarded-For": `${own}, 203.0.113.${header}` }));
      }
    }
    expect(usedBytes() - usedBefore).toBeLessThan(USERS * HEADERS * CHARACTERS / 4);
  });
});

function usedBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return Deno.memoryUsage().heapUsed;
}

import process from "node:process";
import { afterEach, describe, expect, it, vi } from "vitest";

import { countedCpuMs, startBudget, type Work } from "../../../supabase/functions/_vault/budget.ts";

const NOTHING: Work = {
  roundTrips: 0,
  keysListed: 0,
  valuesRead: 0,
  bytesRead: 0,
  tokensStored: 0,
  bytesStored: 0,
};
const PLENTY = { wallMs: 60_000, cpuMs: 60_000 };

afterEach(() => vi.restoreAllMocks());

/** A platform whose process has used so many milliseconds, each time that it is asked. */
function withCpuMs(...usedMs: number[]) {
  const left = [...usedMs];
  vi.spyOn(process, "cpuUsage").mockImplementation(() => ({
    user: (left.length > 1 ? left.shift()! : left[0]!) * 1_000,
    system: 0,
  }));
}

describe("a sync's budget", () => {
  it.each(Object.keys(NOTHING) as (keyof Work)[])(
    "is used up by enough of %s, where the platform does not tell its processor time",
    (name) => {
      withCpuMs(0);
      const work = { ...NOTHING };
      const isSpent = startBudget({ ...PLENTY, cpuMs: 1_400 });
      expect(isSpent(work)).toBe(false);
      work[name] = 1e9;
      expect(isSpent(work)).toBe(true);
    },
  );

  it("holds where the platform throws when it is asked for its processor time", () => {
    vi.spyOn(process, "cpuUsage").mockImplementation(() => {
      throw new Error("Not implemented");
    });
    const work = { ...NOTHING };
    const isSpent = startBudget({ ...PLENTY, cpuMs: 1_400 });
    expect(isSpent(work)).toBe(false);
    work.tokensStored = 1e6;
    expect(isSpent(work)).toBe(true);
  });

  it("is used up by the processor time that the platform tells", () => {
    withCpuMs(500, 1_000, 1_901);
    const isSpent = startBudget({ ...PLENTY, cpuMs: 1_400 });
    expect([isSpent(NOTHING), isSpent(NOTHING)]).toEqual([false, true]);
  });

  it("does not ask a platform again that tells no processor time: each answer may be a line in its log", () => {
    withCpuMs(0);
    const isSpent = startBudget(PLENTY);
    isSpent(NOTHING);
    isSpent(NOTHING);
    expect(process.cpuUsage).toHaveBeenCalledTimes(1);
  });

  it("is used up by the clock, whatever was done", () => {
    withCpuMs(0);
    expect(startBudget({ ...PLENTY, wallMs: 0 })(NOTHING)).toBe(true);
  });

  it("has room for some thousand tokens in a hosted request, and for a look at a hundred thousand", () => {
    const token = {
      ...NOTHING,
      keysListed: 1,
      valuesRead: 1,
      bytesRead: 900,
      tokensStored: 1,
      bytesStored: 800,
    };
    const times = (count: number, work: Work) =>
      Object.fromEntries(Object.entries(work).map(([name, each]) => [name, each * count])) as unknown as Work;
    expect(countedCpuMs(times(6_000, token))).toBeLessThan(1_400);
    // The hosted runtime ends a request at 2,000 ms, and the counted time is about twice the measured one.
    expect(countedCpuMs(times(20_000, token))).toBeGreaterThan(2_000);
    expect(countedCpuMs({ ...NOTHING, keysListed: 100_000, bytesRead: 7_000_000, roundTrips: 250 }))
      .toBeLessThan(
        1_400,
      );
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  addDays,
  Day,
  dayNumber,
  gapsOf,
  streaksOf,
} from "../../../supabase/functions/_app/statistics/days.ts";

const START = "2024-02-20";
const near = fc.integer({ min: 0, max: 60 }).map((days) => addDays(START, days));
const anyDay = fc.date({ min: new Date("0100-01-02"), max: new Date("9990-12-30"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));

describe("addDays and dayNumber", () => {
  it("count over a leap day, a year's end and back", () => {
    expect(addDays("2024-02-28", 1)).toBe("2024-02-29");
    expect(addDays("2023-02-28", 1)).toBe("2023-03-01");
    expect(addDays("2026-01-01", -1)).toBe("2025-12-31");
    expect(dayNumber("1970-01-02")).toBe(1);
  });

  it("are each other's inverse, in whole days", () => {
    fc.assert(fc.property(anyDay, fc.integer({ min: -20_000, max: 1_000 }), (day, days) => {
      fc.pre(dayNumber(day) + days > dayNumber("0001-01-01"));
      expect(dayNumber(addDays(day, days)) - dayNumber(day)).toBe(days);
    }));
  });
});

describe("the schema Day", () => {
  it.each(["2026-02-29", "2026-2-3", "9999-12-31", "0000-01-01", "today", ""])("refuses %j", (day) => {
    expect(Day.safeParse(day).success).toBe(false);
  });

  it("takes days whose week and next week can still be written", () => {
    fc.assert(fc.property(anyDay, (day) => {
      expect(Day.parse(day)).toBe(day);
      for (const days of [-90, -7, 14]) expect(addDays(day, days)).toMatch(/^\d{4}-\d\d-\d\d$/);
    }));
  });
});

describe("gapsOf", () => {
  it("names gaps at both ends and between, with their days", () => {
    const days = ["2026-03-04", "2026-03-03", "2026-03-08", "2026-03-08", "2026-05-01"];
    expect(gapsOf(days, { from: "2026-03-01", to: "2026-03-09" })).toEqual([
      { from: "2026-03-01", to: "2026-03-02", days: 2 },
      { from: "2026-03-05", to: "2026-03-07", days: 3 },
      { from: "2026-03-09", to: "2026-03-09", days: 1 },
    ]);
  });

  it("of nothing is the whole period, and of every day nothing", () => {
    expect(gapsOf([], { from: "2026-03-01", to: "2026-03-07" }))
      .toEqual([{ from: "2026-03-01", to: "2026-03-07", days: 7 }]);
    expect(gapsOf(["2026-03-01"], { from: "2026-03-01", to: "2026-03-01" })).toEqual([]);
  });

  it("covers each missing day exactly once, and no other", () => {
    fc.assert(fc.property(fc.array(near), fc.integer({ min: 6, max: 60 }), (days, length) => {
      const period = { from: START, to: addDays(START, length) };
      const missing = gapsOf(days, period).flatMap((gap) => {
        expect(dayNumber(gap.to) - dayNumber(gap.from) + 1).toBe(gap.days);
        return Array.from({ length: gap.days }, (_, index) => addDays(gap.from, index));
      });
      const all = Array.from({ length: length + 1 }, (_, index) => addDays(START, index));
      expect(missing).toEqual(all.filter((day) => !days.includes(day)));
    }));
  });
});

describe("streaksOf", () => {
  it.each([
    [[], 0, 0],
    [["2026-03-10"], 1, 1],
    [["2026-03-09"], 1, 1],
    [["2026-03-08"], 0, 1],
    [["2026-03-09", "2026-03-10", "2026-03-08", "2026-03-08"], 3, 3],
    [["2026-03-10", "2026-03-01", "2026-03-02", "2026-03-03"], 1, 3],
    [["2026-03-11", "2026-03-12"], 0, 0],
    [["2026-02-28", "2026-03-01"], 0, 2],
  ])("of %j up to 2026-03-10 are %d and %d days", (days, current_days, longest_days) => {
    expect(streaksOf(days, "2026-03-10")).toEqual({ current_days, longest_days });
  });

  it("agree with counting day by day, whatever the order", () => {
    fc.assert(fc.property(fc.array(near), near, (days, until) => {
      let [run, longest] = [0, 0];
      const runs = new Map<string, number>();
      for (let day = START; day <= until; day = addDays(day, 1)) {
        run = days.includes(day) ? run + 1 : 0;
        longest = Math.max(longest, run);
        runs.set(day, run);
      }
      const current = runs.get(until) || (runs.get(addDays(until, -1)) ?? 0);
      expect(streaksOf(days, until)).toEqual({ current_days: current, longest_days: longest });
    }));
  });
});

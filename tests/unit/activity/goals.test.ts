import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { progressOf, WeeklyGoals } from "../../../supabase/functions/_app/activity/goals.ts";

const week = (duration_min: number) => ({
  week: "2026-W01",
  monday: "2025-12-29",
  sessions: 2,
  active_days: 2,
  duration_min,
  distance_km: 12.5,
  energy_kcal: 800,
});

describe("the schema WeeklyGoals", () => {
  it("wants one goal or more", () => {
    expect(WeeklyGoals.safeParse({}).success).toBe(false);
    expect(WeeklyGoals.safeParse({ distance_km: 20 }).success).toBe(true);
  });
});

describe("progressOf", () => {
  it("says how much of each goal the last week has reached", () => {
    expect(progressOf({ sessions: 3, distance_km: 10 }, [week(100)])).toEqual([
      { goal: "sessions", target: 3, done: 2, percent: 66.7, streak_weeks: 0 },
      { goal: "distance_km", target: 10, done: 12.5, percent: 125, streak_weeks: 1 },
    ]);
  });

  it.each([
    [[150], 1],
    [[149], 0],
    [[150, 150, 10], 2],
    [[150, 10, 150, 160], 2],
    [[150, 10, 10], 0],
    [[150, 150, 150], 3],
  ])(
    "of weeks with %j minutes counts %d in a row, the unfinished one only when it has reached 150",
    (minutes, streak) => {
      expect(progressOf({ duration_min: 150 }, minutes.map(week))).toMatchObject([{ streak_weeks: streak }]);
    },
  );

  it("never loses a streak to a week that has only begun", () => {
    const minutes = fc.array(fc.integer({ min: 100, max: 200 }), { minLength: 1, maxLength: 26 });
    const streakOf = (some: number[]) => progressOf({ duration_min: 150 }, some.map(week))[0]!.streak_weeks;
    fc.assert(fc.property(minutes, (some) => {
      const isReached = some.at(-1)! >= 150;
      expect(streakOf([...some, 0])).toBe(isReached ? streakOf(some) : 0);
    }));
  });
});

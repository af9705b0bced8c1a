import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { fitPlan, maxWeeklyMin, WEEKDAYS } from "../../../supabase/functions/_app/activity/plan.ts";

const on = (weekday: typeof WEEKDAYS[number], duration_min: number) => ({ weekday, duration_min });
const sessions = fc.array(
  fc.record({ weekday: fc.constantFrom(...WEEKDAYS), duration_min: fc.integer({ min: 10, max: 240 }) }),
  { minLength: 1, maxLength: 7 },
);

describe("maxWeeklyMin", () => {
  it.each([[[], 150], [[0, 0, 0, 0], 150], [[100, 100, 100, 100], 150], [[200, 200, 300, 300], 325]])(
    "after weeks of %j minutes is %d",
    (weeks, most) => expect(maxWeeklyMin(weeks)).toBe(most),
  );
});

describe("fitPlan", () => {
  it("leaves alone what keeps the rules, in the order of the week", () => {
    expect(fitPlan([on("friday", 40), on("monday", 30)], 150)).toEqual([on("monday", 30), on("friday", 40)]);
  });

  it("keeps the first session of a day, and a day of rest", () => {
    expect(fitPlan([on("monday", 30), on("monday", 90)], 150)).toEqual([on("monday", 30)]);
    expect(fitPlan(WEEKDAYS.map((day) => on(day, 20)), 150)).toEqual(
      WEEKDAYS.slice(0, 6).map((day) => on(day, 20)),
    );
  });

  it("shortens what is too much in proportion, and leaves out what gets too short", () => {
    expect(fitPlan([on("monday", 200), on("tuesday", 100)], 150)).toEqual([
      on("monday", 100),
      on("tuesday", 50),
    ]);
    expect(fitPlan([on("monday", 240), on("tuesday", 12)], 150)).toEqual([on("monday", 142)]);
  });

  it("holds any plan to the rules, and never leaves it empty", () => {
    fc.assert(fc.property(sessions, fc.integer({ min: 150, max: 3_000 }), (some, most) => {
      const plan = fitPlan(some, most);
      expect(plan.length).toBeGreaterThan(0);
      expect(plan.length).toBeLessThanOrEqual(6);
      expect(new Set(plan.map(({ weekday }) => weekday)).size).toBe(plan.length);
      expect(plan.reduce((sum, { duration_min }) => sum + duration_min, 0)).toBeLessThanOrEqual(most);
      for (const { weekday, duration_min } of plan) {
        expect(duration_min).toBeGreaterThanOrEqual(10);
        const written = some.filter((one) => one.weekday === weekday).map((one) => one.duration_min);
        expect(duration_min).toBeLessThanOrEqual(written[0]!);
      }
    }));
  });
});

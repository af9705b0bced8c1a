import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { adherenceOf, nextTarget } from "../../../supabase/functions/_app/fasting/target.ts";

const target = fc.double({ min: 12, max: 24, noNaN: true });
const durations = fc.array(fc.double({ min: 0.5, max: 72, noNaN: true }), { maxLength: 90 });
const fasts = (reached: number, missed: number, newest: "reached" | "missed" = "reached") => {
  const [good, bad] = [Array(reached).fill(30), Array(missed).fill(1)];
  return newest === "reached" ? [...bad, ...good] : [...good, ...bad];
};

describe("adherenceOf", () => {
  it("is the part that reached the target, which is reached when it is met", () => {
    expect(adherenceOf([], 16)).toBeNull();
    expect(adherenceOf([16, 15.99, 20, 3], 16)).toBe(0.5);
  });
});

describe("nextTarget", () => {
  it.each(
    [
      ["no fasts", [], 16, 16, "keep"],
      ["all of five reached", fasts(5, 0), 16, 17, "raise"],
      ["all of four reached, too few to raise", fasts(4, 0), 16, 16, "keep"],
      ["four of five reached", fasts(4, 1), 16, 17, "raise"],
      ["five of seven reached", fasts(5, 2), 16, 16, "keep"],
      ["half reached", fasts(3, 3), 16, 16, "keep"],
      ["three of seven reached", fasts(3, 4), 16, 15, "lower"],
      ["one, missed", fasts(0, 1), 16, 15, "lower"],
      ["seven reached after many missed", fasts(7, 80), 16, 17, "raise"],
      ["seven missed after many reached", fasts(80, 7, "missed"), 16, 15, "lower"],
      ["all missed at the lowest", fasts(0, 9), 12, 12, "keep"],
      ["all missed near the lowest", fasts(0, 9), 12.5, 12, "lower"],
      ["all reached at the highest", fasts(9, 0), 20, 20, "keep"],
      ["all reached near the highest", fasts(9, 0), 19.5, 20, "raise"],
      ["all reached above, by the user's own wish", fasts(9, 0), 22, 22, "keep"],
      ["all missed above", fasts(0, 9), 22, 21, "lower"],
      ["all reached at a day", fasts(9, 0), 24, 24, "keep"],
    ] as const,
  )("after %s", (_what, done, target_h, next_target_h, step) => {
    expect(nextTarget([...done], target_h)).toEqual({ next_target_h, step });
  });

  it("stays within the safe bounds, and within an hour of the user's own target", () => {
    fc.assert(fc.property(durations, target, (done, target_h) => {
      const { next_target_h, step } = nextTarget(done, target_h);
      expect(next_target_h).toBeGreaterThanOrEqual(12);
      expect(next_target_h).toBeLessThanOrEqual(Math.max(20, target_h));
      expect(next_target_h).toBeLessThanOrEqual(24);
      expect(Math.abs(next_target_h - target_h)).toBeLessThanOrEqual(1 + 1e-9);
      expect(step).toBe(next_target_h > target_h ? "raise" : next_target_h < target_h ? "lower" : "keep");
    }));
  });

  it("never asks for more after fasts that were shorter", () => {
    fc.assert(
      fc.property(durations, target, fc.double({ min: 0, max: 20, noNaN: true }), (done, target_h, less) => {
        const shorter = done.map((duration) => duration - less);
        expect(nextTarget(shorter, target_h).next_target_h).toBeLessThanOrEqual(
          nextTarget(done, target_h).next_target_h,
        );
      }),
    );
  });
});

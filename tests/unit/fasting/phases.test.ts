import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { totalHours } from "../../../supabase/functions/_app/fasting/fasts.ts";
import { hoursByPhase, PHASES } from "../../../supabase/functions/_app/fasting/phases.ts";

const duration = fc.double({ min: 0, max: 72, noNaN: true });

describe("the phases", () => {
  it("follow one another without gap or overlap, the last without end", () => {
    const bounds = PHASES.map(({ from_h, to_h }) => [from_h, to_h]);
    expect(bounds).toEqual([[0, 4], [4, 16], [16, 36], [36, null]]);
  });
});

describe("hoursByPhase", () => {
  it.each([
    [3, [3, 0, 0, 0]],
    [4, [4, 0, 0, 0]],
    [16.5, [4, 12, 0.5, 0]],
    [40, [4, 12, 20, 4]],
  ])("of a fast of %d h are %j", (hours, parts) => {
    expect(Object.values(hoursByPhase(hours))).toEqual(parts);
  });

  it("add up to the fast, and a phase begins when the one before is over", () => {
    fc.assert(fc.property(duration, (hours) => {
      const parts = Object.values(hoursByPhase(hours));
      expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(hours, 9);
      PHASES.forEach(({ from_h }, index) => expect(parts[index]! > 0).toBe(hours > from_h));
    }));
  });
});

describe("totalHours", () => {
  it("shows no binary fractions", () => expect(totalHours([0.1, 0.2])).toBe(0.3));
});

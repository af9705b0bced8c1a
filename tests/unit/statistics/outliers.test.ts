import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { areOutliers, median } from "../../../supabase/functions/_app/statistics/outliers.ts";

const value = fc.double({ min: -1_000, max: 1_000, noNaN: true });
const whole = fc.integer({ min: -1_000, max: 1_000 });

describe("median", () => {
  it.each([[[3], 3], [[4, 1], 2.5], [[9, 1, 5], 5], [[1, 1, 1, 100], 1]])("of %j is %d", (values, middle) => {
    expect(median(values)).toBe(middle);
  });

  it("has as many values below as above, and leaves the list as it is", () => {
    fc.assert(fc.property(fc.array(value, { minLength: 1 }), (values) => {
      const copy = [...values];
      const middle = median(values);
      expect(values).toEqual(copy);
      const half = values.length / 2;
      expect(values.filter((one) => one < middle).length).toBeLessThanOrEqual(half);
      expect(values.filter((one) => one > middle).length).toBeLessThanOrEqual(half);
    }));
  });
});

describe("areOutliers", () => {
  it("marks the published example: z-scores by hand, 10 and above of 3.5", () => {
    const values = [2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3];
    expect(values.filter((_value, index) => areOutliers(values)[index])).toEqual([8.2, 8.3]);
  });

  it("marks the odd one where all others are the same", () => {
    expect(areOutliers([10, 10, 10, 10, 10, 10, 10, 100]).filter(Boolean)).toHaveLength(1);
  });

  it.each([[[]], [[1]], [[1, 1, 1, 1_000]], [[5, 5, 5, 5, 5, 5]], [[0.3, 0.1 + 0.2, 0.3, 0.3, 0.3, 0.3]]])(
    "marks none of %j",
    (values) => expect(areOutliers(values)).toEqual(values.map(() => false)),
  );

  it("marks less than half of any values, and says one thing for each", () => {
    fc.assert(fc.property(fc.array(value), (values) => {
      const marks = areOutliers(values);
      expect(marks).toHaveLength(values.length);
      expect(marks.filter(Boolean).length).toBeLessThanOrEqual(values.length / 2);
    }));
  });

  it("marks the same values whatever is added to all or they are multiplied by", () => {
    fc.assert(fc.property(fc.array(whole), whole, fc.constantFrom(-8, -1, 2, 64), (values, shift, factor) => {
      expect(areOutliers(values.map((one) => factor * (one + shift)))).toEqual(areOutliers(values));
    }));
  });
});

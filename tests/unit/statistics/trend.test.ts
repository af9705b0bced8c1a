import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { addDays } from "../../../supabase/functions/_app/statistics/days.ts";
import { type Point, rounded, Trend, trendOf } from "../../../supabase/functions/_app/statistics/trend.ts";

const START = "2026-01-01";
const series = (values: number[]): Point[] =>
  values.map((value, index) => ({ date: addDays(START, index), value }));
const point = fc.record({
  date: fc.integer({ min: 0, max: 400 }).map((days) => addDays(START, days)),
  value: fc.double({ min: -10_000, max: 10_000, noNaN: true }),
});
const points = fc.array(point, { minLength: 1, maxLength: 60 });

describe("rounded", () => {
  it.each([[0.1 + 0.2, 0.3], [123_456.7, 123_460], [-0, 0], [-0.000_012_345_67, -0.000_012_346], [
    71.34285,
    71.343,
  ]])(
    "makes %d %d",
    (value, five) => expect(Object.is(rounded(value), five)).toBe(true),
  );
});

describe("trendOf", () => {
  it("finds slope, change and direction of a line", () => {
    expect(trendOf(series([80, 79.9, 79.8, 79.7, 79.6, 79.5, 79.4, 79.3]))).toEqual({
      count: 8,
      first_date: "2026-01-01",
      last_date: "2026-01-08",
      mean: 79.65,
      min: 79.3,
      max: 80,
      slope_per_day: -0.1,
      slope_per_week: -0.7,
      change: -0.7,
      direction: "falling",
      outliers: [],
    });
  });

  it("agrees with Anscombe's first set: a slope of 0.5001", () => {
    const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
    const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
    const trend = trendOf(x.map((day, index) => ({ date: addDays(START, day), value: y[index]! })));
    expect(trend).toMatchObject({ slope_per_day: 0.50009, mean: 7.5009, direction: "rising", outliers: [] });
  });

  it("names an outlier and keeps it out of the slope: a scale that was read in the wrong unit", () => {
    const values = [80, 79.9, 79.8, 175.7, 79.6, 79.5, 79.4];
    expect(trendOf(series(values))).toMatchObject({
      slope_per_day: -0.1,
      direction: "falling",
      max: 175.7,
      outliers: [{ date: "2026-01-04", value: 175.7 }],
    });
  });

  it("takes a steady rise for no outliers, however far its ends are from the median", () => {
    expect(trendOf(series(Array.from({ length: 90 }, (_, day) => day))).outliers).toEqual([]);
  });

  it("takes the smallest differences there are for no outliers", () => {
    const tiny = Number.MIN_VALUE;
    const day = [0, -tiny, 0, tiny, -tiny].map((value) => ({ date: START, value }));
    expect(trendOf(day).outliers).toEqual([]);
  });

  it.each([
    ["a single value", [70]],
    ["two values, which any line fits", [70, 60]],
    ["what does not move", [7, 7, 7, 7, 7]],
    ["scatter", [70, 62, 71, 60, 69, 63, 70]],
    ["three values with scatter", [70, 71, 70.5]],
  ])("sees no direction in %s", (_what, values) => {
    expect(trendOf(series(values)).direction).toBe("none");
  });

  it("has no slope for one day's values", () => {
    const day = [1, 2, 3].map((value) => ({ date: START, value }));
    expect(trendOf(day)).toMatchObject({ slope_per_day: null, slope_per_week: null, change: null, mean: 2 });
  });

  it("fits its schema for any points, so that JSON can say it", () => {
    fc.assert(fc.property(points, (some) => {
      const trend = trendOf(some);
      expect(Trend.parse(trend)).toEqual(trend);
      expect(trend.count).toBe(some.length);
      expect(trend.outliers.length).toBeLessThanOrEqual(some.length / 2);
    }));
  });

  it("does not depend on the order of the points", () => {
    const unique = fc.uniqueArray(point, { selector: ({ date }) => date, minLength: 1, maxLength: 30 });
    fc.assert(fc.property(unique, (some) => {
      expect(trendOf(some.toReversed())).toEqual(trendOf(some));
    }));
  });

  it("finds the slope of any line, whatever its days", () => {
    const days = fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 3, maxLength: 40 });
    const whole = fc.integer({ min: -50, max: 50 });
    fc.assert(fc.property(days, whole, whole, (some, slope, height) => {
      const trend = trendOf(some.map((day) => ({ date: addDays(START, day), value: height + slope * day })));
      expect(trend.slope_per_day).toBeCloseTo(slope, 6);
      expect(trend.direction).toBe(slope > 0 ? "rising" : slope < 0 ? "falling" : "none");
      expect(trend.outliers).toEqual([]);
    }));
  });

  it("turns round with the values: what rises falls when mirrored", () => {
    const MIRRORED = { rising: "falling", falling: "rising", none: "none" };
    fc.assert(fc.property(points, (some) => {
      const [trend, mirrored] = [
        trendOf(some),
        trendOf(some.map(({ date, value }) => ({ date, value: -value }))),
      ];
      expect(mirrored.direction).toBe(MIRRORED[trend.direction]);
      expect(mirrored.slope_per_day ?? 0).toBeCloseTo(-(trend.slope_per_day ?? 0), 6);
    }));
  });
});

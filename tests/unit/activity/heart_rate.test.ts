import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  expectedMaxBpm,
  paceSPerKm,
  reserveUsed,
  trimpOf,
  zoneTimes,
} from "../../../supabase/functions/_app/activity/heart_rate.ts";

const range = { resting_bpm: 60, max_bpm: 160 };
const bpm = fc.integer({ min: 30, max: 240 });
const samples = fc.array(bpm, { minLength: 1, maxLength: 200 });
const minutes = fc.double({ min: 1, max: 1_440, noNaN: true });
const sex = fc.constantFrom("female" as const, "male" as const);
const ranges = fc.record({
  resting_bpm: fc.integer({ min: 30, max: 110 }),
  max_bpm: fc.integer({ min: 120, max: 230 }),
});

describe("expectedMaxBpm", () => {
  it.each([[20, 194], [40, 180], [65, 163]])("at %d years is %d", (age, max) => {
    expect(expectedMaxBpm(age)).toBe(max);
  });

  it("is above every resting heart rate that is taken", () => {
    for (let age = 12; age <= 100; age++) expect(expectedMaxBpm(age)).toBeGreaterThan(110);
  });
});

describe("reserveUsed", () => {
  it.each([[60, 0], [110, 0.5], [160, 1], [40, 0], [200, 1]])("of %d bpm is %d", (rate, used) => {
    expect(reserveUsed(rate, range)).toBe(used);
  });
});

describe("zoneTimes", () => {
  it("sorts samples by the share of the reserve, each bound belonging to the zone above", () => {
    expect(zoneTimes([60, 89, 90, 99, 100, 119, 120, 149, 150, 160], 100, range)).toEqual({
      very_light_min: 20,
      light_min: 20,
      moderate_min: 20,
      vigorous_min: 20,
      near_maximal_min: 20,
    });
  });

  it("adds up to the duration, within what rounding to tenths can lose", () => {
    fc.assert(fc.property(samples, minutes, ranges, (some, duration, one) => {
      const times = Object.values(zoneTimes(some, duration, one));
      expect(times.every((time) => time >= 0)).toBe(true);
      expect(Math.abs(times.reduce((sum, time) => sum + time, 0) - duration)).toBeLessThanOrEqual(
        0.25 + 1e-6,
      );
    }));
  });
});

describe("trimpOf", () => {
  it("agrees with the formula by hand: an hour at half of the reserve", () => {
    expect(trimpOf([110], 60, range, "male")).toBe(50.1); // 60 × 0.5 × 0.64 × e^0.96
    expect(trimpOf([110], 60, range, "female")).toBe(59.5); // 60 × 0.5 × 0.86 × e^0.835
  });

  it("of rest is nothing", () => {
    expect(trimpOf([60, 55], 600, range, "female")).toBe(0);
  });

  it("of a steady heart rate is the same from one sample or many", () => {
    fc.assert(
      fc.property(bpm, fc.integer({ min: 1, max: 100 }), minutes, sex, (rate, count, duration, one) => {
        const many = trimpOf(Array(count).fill(rate), duration, range, one);
        expect(many).toBeCloseTo(trimpOf([rate], duration, range, one), 0);
      }),
    );
  });

  it("weighs uneven effort no less than its mean, grows with heart rate, and stays finite", () => {
    fc.assert(fc.property(samples, minutes, ranges, sex, (some, duration, one, who) => {
      const load = trimpOf(some, duration, one, who);
      const inside = some.map((rate) => Math.min(one.max_bpm, Math.max(one.resting_bpm, rate)));
      const mean = inside.reduce((sum, rate) => sum + rate / inside.length, 0);
      expect(load).toBeGreaterThanOrEqual(trimpOf([mean], duration, one, who) - 0.1);
      expect(trimpOf(some.map((rate) => rate + 5), duration, one, who)).toBeGreaterThanOrEqual(load);
      expect(load).toBeLessThanOrEqual(duration * 0.86 * Math.E ** 1.92);
    }));
  });
});

describe("paceSPerKm", () => {
  it.each([[10, 50, 300], [5, 27.5, 330], [1_000, 1, 0]])("of %d km in %d min is %d", (km, min, pace) => {
    expect(paceSPerKm(km, min)).toBe(pace);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import * as goals from "../../supabase/functions/_app/activity/goals.ts";
import * as heartRate from "../../supabase/functions/_app/activity/heart_rate.ts";
import * as met from "../../supabase/functions/_app/activity/met.ts";
import * as plan from "../../supabase/functions/_app/activity/plan.ts";
import * as sessions from "../../supabase/functions/_app/activity/sessions.ts";
import * as weeks from "../../supabase/functions/_app/activity/weeks.ts";
import * as composition from "../../supabase/functions/_app/body/composition.ts";
import * as measures from "../../supabase/functions/_app/body/measures.ts";
import * as morphs from "../../supabase/functions/_app/body/morphs.ts";
import * as fasts from "../../supabase/functions/_app/fasting/fasts.ts";
import * as phases from "../../supabase/functions/_app/fasting/phases.ts";
import * as target from "../../supabase/functions/_app/fasting/target.ts";
import * as menu from "../../supabase/functions/_app/kitchen/menu.ts";
import * as portions from "../../supabase/functions/_app/kitchen/portions.ts";
import * as stock from "../../supabase/functions/_app/kitchen/stock.ts";
import * as units from "../../supabase/functions/_app/kitchen/units.ts";
import * as foods from "../../supabase/functions/_app/nutrition/foods.ts";
import * as macros from "../../supabase/functions/_app/nutrition/macros.ts";
import * as targets from "../../supabase/functions/_app/nutrition/targets.ts";
import * as days from "../../supabase/functions/_app/statistics/days.ts";
import * as outliers from "../../supabase/functions/_app/statistics/outliers.ts";
import * as trend from "../../supabase/functions/_app/statistics/trend.ts";

/** Within what inputs allow; the ends of a range come up more often than their share. */
const between = (min: number, max: number) =>
  fc.oneof(
    fc.double({ min, max, noNaN: true }),
    fc.constantFrom(min, max),
    fc.double({ min, max, noNaN: true }).map((value) => Math.min(max, Math.max(min, Math.round(value)))),
  );
const whole = (min: number, max: number) => fc.integer({ min, max });
const sex = fc.constantFrom("female" as const, "male" as const);
const day = whole(0, 400).map((days_) => days.addDays("2026-01-01", days_));
const total = (values: number[]) => values.reduce((sum, one) => sum + one, 0);
/**
 * What may be lost beside a share of the result: doubles near 5e-324 have no digits left, so that less than a few of them
 * are nothing in a larger unit.
 */
const UNDERFLOW = 1e-300;

/** Every number of a value is finite, and none is below `least`. */
function expectSound(value: unknown, least = 0): void {
  if (typeof value === "number") {
    expect(value).toSatisfy(Number.isFinite);
    expect(value).toBeGreaterThanOrEqual(least);
  } else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) expectSound(part, least);
  }
}

/** What a function gives is sound for everything that its arbitraries make; `also` says what else holds. */
function sweep<Given extends unknown[], Result>(
  arbitraries: { [At in keyof Given]: fc.Arbitrary<Given[At]> },
  compute: (...given: Given) => Result,
  { least, also }: { least?: number; also?: (result: Result, ...given: Given) => void } = {},
): () => void {
  return () =>
    fc.assert(
      fc.property(...arbitraries as [fc.Arbitrary<unknown>], (...given) => {
        const result = compute(...given as unknown as Given);
        expectSound(result, least);
        also?.(result, ...given as unknown as Given);
      }),
      { numRuns: 500 },
    );
}

const range = fc.record({ resting_bpm: whole(30, 110), max_bpm: whole(120, 230) });
const samples = fc.array(whole(30, 240), { minLength: 1, maxLength: 60 });
const minutes = between(1, 1_440);
const session = fc.record({
  date: day,
  duration_min: minutes,
  distance_km: fc.option(between(0, 1_000), { nil: undefined }),
  energy_kcal: whole(0, 20_000),
});
const effort = fc.record({
  activity: fc.constantFrom(...met.ACTIVITIES),
  intensity: fc.constantFrom(...met.INTENSITIES),
});
const planned = fc.record({ weekday: fc.constantFrom(...plan.WEEKDAYS), duration_min: whole(10, 240) });
const person = fc.record({
  height_cm: between(120, 230),
  weight_kg: between(30, 300),
  sex,
  age: whole(18, 100),
});
const estimate = fc.record(
  Object.fromEntries(measures.MEASURE_NAMES.map((name) => {
    const cm = between(12, 220);
    return [name, fc.record({ low_cm: cm, value_cm: cm, high_cm: cm })];
  })) as Record<measures.MeasureName, fc.Arbitrary<measures.Range>>,
);
const meal = fc.record({
  energy_kcal: between(0, 20_000),
  protein_g: between(0, 2_000),
  carbohydrate_g: between(0, 2_000),
  fat_g: between(0, 2_000),
});
const KEYS = ["energy_kcal", "protein_g", "carbohydrate_g", "fat_g"] as const;
const food = fc.constantFrom("milk", "egg", "wheat flour", "strawberry", "unknown food");
const amount = fc.record({ quantity: between(0, 100_000), unit: fc.constantFrom(...units.UNITS) });
const base = fc.constantFrom("g" as const, "ml" as const, "piece" as const);
const portion = fc.record({
  name: food,
  quantity: between(0, 100_000),
  unit: fc.constantFrom(...units.UNITS),
});
const points = (min: number, max: number) =>
  fc.array(fc.record({ date: day, value: between(min, max) }), { minLength: 1, maxLength: 40 });
const inGrams = ({ name, ...one }: { name: string } & units.Amount) => units.toGrams(name, one) ?? 0;

const SWEEPS: Record<string, () => void> = {
  progressOf: sweep(
    [
      fc.record({
        sessions: fc.option(whole(1, 21), { nil: undefined }),
        duration_min: fc.option(between(10, 3_000), { nil: undefined }),
        distance_km: fc.option(between(1, 1_000), { nil: undefined }),
      }),
      fc.array(session, { maxLength: 30 }),
      whole(1, 26),
    ],
    (wanted, done, count) => goals.progressOf(wanted, weeks.weeklyTotals(done, "2026-12-31", count)),
    {
      also(result, _wanted, _done, count) {
        for (const { streak_weeks, percent, done, target } of result) {
          expect(streak_weeks).toBeLessThanOrEqual(count);
          expect(percent).toBeCloseTo(100 * done / target, 0);
        }
      },
    },
  ),
  expectedMaxBpm: sweep([whole(12, 100)], heartRate.expectedMaxBpm, {
    also: (bpm) => expect(bpm).toBeGreaterThan(120),
  }),
  reserveUsed: sweep([whole(0, 300), range], heartRate.reserveUsed, {
    also: (used) => expect(used).toBeLessThanOrEqual(1),
  }),
  zoneTimes: sweep([samples, minutes, range], heartRate.zoneTimes, {
    also: (zones, _samples, duration) =>
      expect(total(Object.values(zones))).toBeCloseTo(Math.round(duration * 10) / 10, 6),
  }),
  trimpOf: sweep([samples, minutes, range, sex], heartRate.trimpOf, {
    also: (trimp, _samples, duration) => expect(trimp).toBeLessThanOrEqual(duration * 0.86 * Math.exp(1.92)),
  }),
  paceSPerKm: sweep([between(0.05, 1_000), minutes], heartRate.paceSPerKm),
  metOf: sweep([effort], (one) => met.metOf(one).met, {
    also: (value) => expect(value).toBeGreaterThan(1),
  }),
  energyKcal: sweep(
    [effort, minutes, between(25, 350)],
    (one, duration_min, mass_kg) => met.energyKcal({ ...one, duration_min, mass_kg }),
  ),
  maxWeeklyMin: sweep([fc.array(between(0, 10_080), { maxLength: 26 })], plan.maxWeeklyMin, {
    also: (most) => expect(most).toBeGreaterThanOrEqual(150),
  }),
  fitPlan: sweep([fc.array(planned, { maxLength: 20 }), whole(0, 3_000)], plan.fitPlan, {
    also(kept, _sessions, most_min) {
      expect(total(kept.map(({ duration_min }) => duration_min))).toBeLessThanOrEqual(most_min);
      expect(kept.length).toBeLessThanOrEqual(6);
    },
  }),
  analyse: sweep(
    [minutes, fc.option(between(0.05, 1_000), { nil: undefined }), samples, range, sex],
    (duration_min, distance_km, heart_rate_samples_bpm, its, whose) =>
      sessions.analyse(
        { date: "2026-01-01", activity: "running", duration_min, distance_km, heart_rate_samples_bpm },
        its,
        whose,
      ),
  ),
  mondayOf: sweep([day], weeks.mondayOf, {
    also(monday, one) {
      expect(new Date(monday).getUTCDay()).toBe(1);
      expect(days.dayNumber(one) - days.dayNumber(monday)).toSatisfy((after: number) =>
        after >= 0 && after < 7
      );
    },
  }),
  isoWeekOf: sweep([day], (one) => Number(weeks.isoWeekOf(one).slice(-2)), {
    also: (week) => expect(week).toSatisfy((number: number) => number >= 1 && number <= 53),
  }),
  weeklyTotals: sweep(
    [fc.array(session, { maxLength: 30 }), whole(1, 60)],
    (done, count) => weeks.weeklyTotals(done, "2027-02-05", count),
    {
      also(result, done, count) {
        if (count < 58) return;
        expect(total(result.map((week) => week.sessions))).toBe(done.length);
        const all = total(done.map(({ duration_min }) => duration_min));
        expect(Math.abs(total(result.map((week) => week.duration_min)) - all)).toBeLessThan(0.06 * count);
        for (const week of result) expect(week.active_days).toBeLessThanOrEqual(Math.min(7, week.sessions));
      },
    },
  ),
  bodyMassIndex: sweep([person], composition.bodyMassIndex),
  waistToHeight: sweep([person, between(40, 220)], composition.waistToHeight),
  navyBodyFat: sweep(
    [person, estimate],
    (who, sizes) => composition.navyBodyFat(who, measures.orderedRanges(sizes)),
    {
      also(fat) {
        if (fat === null) return;
        expect(fat.low_percent).toBeLessThanOrEqual(fat.value_percent);
        expect(fat.value_percent).toBeLessThanOrEqual(fat.high_percent);
        expect(fat.high_percent).toBeLessThanOrEqual(100);
      },
    },
  ),
  deurenbergBodyFatPercent: sweep([person], composition.deurenbergBodyFatPercent, {
    also: (percent) => expect(percent).toBeLessThanOrEqual(100),
  }),
  problemsOf: sweep([person, estimate], (who, sizes) => composition.problemsOf(who, sizes)),
  orderedRanges: sweep([estimate], measures.orderedRanges, {
    also(ranges) {
      for (const { low_cm, value_cm, high_cm } of Object.values(ranges)) {
        expect(low_cm).toBeLessThan(value_cm);
        expect(value_cm).toBeLessThan(high_cm);
      }
    },
  }),
  tenths: sweep([between(0, 1e6)], measures.tenths, {
    also: (rounded, value) => expect(Math.abs(rounded - value)).toBeLessThanOrEqual(0.0501),
  }),
  refine: sweep(
    [
      between(-1_000, 1_000),
      between(-1_000, 1_000),
      between(-1_000, 1_000),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    ],
    (one, two, three, proposed) => {
      const [min, value, max] = [one, two, three].toSorted((left, right) => left - right) as [
        number,
        number,
        number,
      ];
      return morphs.refine([{ key: "a", value, min, max }], [{ key: "a", value: proposed }])[0]!;
    },
    {
      least: -2_000,
      also({ value, min, max, previous, change }) {
        expect(value).toSatisfy((number: number) => number >= min && number <= max);
        expect(previous + change).toBeCloseTo(value, 3);
      },
    },
  ),
  durationsOf: sweep(
    [points(0.5, 72)],
    (series) => fasts.durationsOf(series.map(({ date, value }) => ({ date, duration_h: value }))),
  ),
  totalHours: sweep([fc.array(between(0.5, 72), { maxLength: 90 })], fasts.totalHours, {
    also: (hours, each) => expect(hours).toBeCloseTo(total(each), 1),
  }),
  hoursByPhase: sweep([between(0, 72)], phases.hoursByPhase, {
    also: (hours, duration) => expect(total(Object.values(hours))).toBeCloseTo(duration, 9),
  }),
  adherenceOf: sweep([fc.array(between(0.5, 72), { maxLength: 90 }), between(12, 24)], target.adherenceOf, {
    also: (part) => expect(part ?? 1).toBeLessThanOrEqual(1),
  }),
  nextTarget: sweep([fc.array(between(0.5, 72), { maxLength: 90 }), between(12, 24)], target.nextTarget, {
    also({ next_target_h, step }, _durations, own) {
      expect(next_target_h).toSatisfy((hours: number) =>
        hours >= 12 && hours <= 24 && Math.abs(hours - own) <= 1 + 1e-9
      );
      expect(step).toBe(next_target_h > own ? "raise" : next_target_h < own ? "lower" : "keep");
    },
  }),
  mealsOfDay: sweep([whole(0, 2)], menu.mealsOfDay, {
    also: (meals, snacks) => {
      expect(meals).toHaveLength(3 + snacks);
      expect(total(meals.map(([, share]) => share))).toBeCloseTo(1, 9);
    },
  }),
  densityOf: sweep([food], portions.densityOf),
  pieceMassOf: sweep([food], portions.pieceMassOf),
  merge: sweep(
    [fc.array(portion, { maxLength: 20 })],
    (all) => stock.merge(all.map((one) => ({ ...one, source: "dish" }))),
    {
      also(lots, all) {
        const grams = total(lots.map(({ food: name, quantity, unit }) => inGrams({ name, quantity, unit })));
        expect(Math.abs(grams - total(all.map(inGrams)))).toBeLessThanOrEqual(1e-9 * grams + UNDERFLOW);
      },
    },
  ),
  subtractStock: sweep(
    [fc.array(portion, { maxLength: 10 }), fc.array(portion, { maxLength: 10 })],
    (needed, there) =>
      stock.subtractStock(stock.merge(needed.map((one) => ({ ...one, source: "dish" }))), there),
    {
      also(needs, needed, there) {
        const wanted = stock.merge(needed.map((one) => ({ ...one, source: "dish" })));
        needs.forEach(({ quantity, from_stock, not_compared }, at) => {
          const whole = wanted[at]!.quantity;
          expect(Math.abs(quantity + from_stock - whole)).toBeLessThanOrEqual(1e-9 * whole + 1e-5);
          for (const lot of not_compared) expect(lot.quantity).toBeGreaterThan(0);
        });
        const taken = total(
          needs.map(({ food: name, from_stock, unit }) => inGrams({ name, quantity: from_stock, unit })),
        );
        expect(taken).toBeLessThanOrEqual(total(there.map(inGrams)) * (1 + 1e-9) + 1e-3);
      },
    },
  ),
  readAmount: sweep(
    [between(0, 100_000), fc.constantFrom("g", "Pounds", "dl", "EL", "", "dozen", "bucket")],
    units.readAmount,
  ),
  amountIn: sweep(
    [fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.stringMatching(/^[0-9½¼⅓.,\/ ]{1,12} ?(g|kg|ml|cups?|x)? flour$/),
    )],
    units.amountIn,
    { also: (found) => expect(found?.quantity ?? 1).toBeGreaterThan(0) },
  ),
  toBase: sweep([amount], units.toBase),
  toGrams: sweep([food, amount], units.toGrams),
  convert: sweep([food, amount, base], units.convert, {
    also(converted, name, given, unit) {
      if (converted === undefined) return;
      const back = units.convert(name, { quantity: converted, unit }, units.toBase(given).unit)!;
      expect(Math.abs(back - units.toBase(given).quantity)).toBeLessThanOrEqual(1e-9 * back + UNDERFLOW);
    },
  }),
  display: sweep([between(0, 1e8), base], (quantity, unit) => units.display({ quantity, unit }), {
    also(shown, quantity) {
      if (quantity > 0) expect(shown.quantity).toBeGreaterThan(0);
      const again = units.toBase(shown).quantity;
      expect(Math.abs(again - quantity)).toBeLessThanOrEqual(Math.max(0.5, 0.0051 * quantity));
    },
  }),
  foodMacros: sweep(
    [fc.constantFrom(...foods.FOODS, "unknown food"), between(0, 100_000)],
    foods.foodMacros,
    {
      also(result, _name, mass_g) {
        if (result === undefined) return;
        expect(result.protein_g + result.carbohydrate_g + result.fat_g).toBeLessThanOrEqual(
          mass_g * 1.02 + 1e-9,
        );
        // Fibre, acids and alcohol are what an honest difference comes from.
        expect(result.energy_kcal).toBeLessThanOrEqual(9.1 * mass_g);
      },
    },
  ),
  sum: sweep([fc.array(meal, { maxLength: 12 })], macros.sum, {
    also(result, meals) {
      for (const key of KEYS) {
        expect(Math.abs(result[key] - total(meals.map((one) => one[key])))).toBeLessThanOrEqual(0.0501);
      }
    },
  }),
  subtract: sweep([meal, meal], macros.subtract, {
    least: -20_000,
    also(left, wanted, eaten) {
      for (const key of KEYS) {
        expect(Math.abs(left[key] + eaten[key] - wanted[key])).toBeLessThanOrEqual(0.0501);
      }
    },
  }),
  checkEnergy: sweep([meal], macros.checkEnergy),
  missesOf: sweep([meal, fc.record({ energy_kcal: between(1_000, 6_000) })], targets.missesOf, {
    also(misses, totals, { energy_kcal }) {
      expect(misses.length === 0).toBe(Math.abs(totals.energy_kcal - energy_kcal) <= energy_kcal * 0.1);
    },
  }),
  mealBounds: sweep([between(10, 6_000), between(0.1, 0.4)], targets.mealBounds, {
    also({ minimum, maximum }, wanted, share) {
      expect(minimum).toBeLessThanOrEqual(maximum);
      expect(minimum).toBeLessThanOrEqual(wanted * share + 0.05);
      expect(maximum).toBeGreaterThanOrEqual(wanted * share - 0.05);
    },
  }),
  dayNumber: sweep([day], days.dayNumber),
  addDays: sweep([day, whole(-4_000, 4_000)], days.addDays, {
    also: (moved, from, count) => expect(days.dayNumber(moved) - days.dayNumber(from)).toBe(count),
  }),
  gapsOf: sweep(
    [fc.array(day, { maxLength: 40 }), day, whole(0, 400)],
    (seen, from, length) => days.gapsOf(seen, { from, to: days.addDays(from, length) }),
    {
      also(gaps, seen, from, length) {
        const to = days.addDays(from, length);
        const inside = new Set(seen.filter((one) => one >= from && one <= to)).size;
        expect(total(gaps.map((gap) => gap.days)) + inside).toBe(length + 1);
      },
    },
  ),
  streaksOf: sweep([fc.array(day, { maxLength: 40 }), day], days.streaksOf, {
    also({ current_days, longest_days }, seen) {
      expect(current_days).toBeLessThanOrEqual(longest_days);
      expect(longest_days).toBeLessThanOrEqual(new Set(seen).size);
    },
  }),
  median: sweep([fc.array(between(0, 1e6), { minLength: 1, maxLength: 40 })], outliers.median, {
    also(middle, values) {
      expect(middle).toSatisfy((one: number) => one >= Math.min(...values) && one <= Math.max(...values));
    },
  }),
  areOutliers: sweep([fc.array(between(0, 1e6), { minLength: 1, maxLength: 40 })], outliers.areOutliers, {
    also: (marks, values) => {
      expect(marks).toHaveLength(values.length);
      expect(marks.filter(Boolean).length).toBeLessThan(Math.max(1, values.length / 2));
    },
  }),
  rounded: sweep([between(-1e9, 1e9)], trend.rounded, {
    least: -1e9,
    also: (short, value) => expect(Math.abs(short - value)).toBeLessThanOrEqual(1e-4 * Math.abs(value)),
  }),
  trendOf: sweep([points(0, 100_000)], trend.trendOf, {
    least: -1e7,
    also({ count, mean, min, max, outliers: marked, slope_per_day, change, direction }, series) {
      expect(count).toBe(series.length);
      expect(mean).toSatisfy((one: number) => one >= min && one <= max);
      expect(marked.length).toBeLessThan(Math.max(1, count / 2));
      expect(slope_per_day === null).toBe(change === null);
      if (direction !== "none") expect(Math.sign(slope_per_day!)).toBe(direction === "rising" ? 1 : -1);
    },
  }),
};

describe("the features' arithmetic", () => {
  it.each(Object.keys(SWEEPS))("of %s gives numbers that can be, whatever an input allows", (name) => {
    SWEEPS[name]!();
  });

  it("is looked at whole: each function of these files is above", () => {
    const files = [
      goals,
      heartRate,
      met,
      plan,
      sessions,
      weeks,
      composition,
      measures,
      morphs,
      fasts,
      phases,
      target,
      portions,
      units,
      foods,
      macros,
      targets,
      days,
      outliers,
      trend,
    ];
    const names = files.flatMap((file) =>
      Object.entries(file).filter(([, value]) => typeof value === "function").map(([name]) => name)
    );
    expect(names.filter((name) => !(name in SWEEPS))).toEqual([]);
  });
});

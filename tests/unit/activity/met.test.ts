import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ACTIVITIES, energyKcal, INTENSITIES, metOf } from "../../../supabase/functions/_app/activity/met.ts";

const activity = fc.constantFrom(...ACTIVITIES);
const intensity = fc.constantFrom(...INTENSITIES);
const duration = fc.double({ min: 0, max: 1_440, noNaN: true });
const mass = fc.double({ min: 20, max: 400, noNaN: true });

describe("the table of METs", () => {
  it("has about fifty activities with names of one kind, each once, and one for the rest", () => {
    expect(ACTIVITIES.length).toBeGreaterThanOrEqual(40);
    expect(new Set(ACTIVITIES).size).toBe(ACTIVITIES.length);
    for (const name of ACTIVITIES) expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(ACTIVITIES).toContain("other");
  });

  it.each(
    [
      ["walking", "moderate", 3.5, "17190"],
      ["running", "light", 8.3, "12030"],
      ["running", "moderate", 9.8, "12050"],
      ["cycling", "moderate", 8, "01030"],
      ["strength_training", "vigorous", 6, "02050"],
      ["yoga", "light", 2.5, "02150"],
    ] as const,
  )("gives %s of %s effort %d MET, as its code in the Compendium says", (name, effort, met, code) => {
    expect(metOf({ activity: name, intensity: effort })).toEqual({ met, met_code: code });
  });

  it("has codes of five digits, METs that people reach, and never less for more effort", () => {
    for (const name of ACTIVITIES) {
      const entries = INTENSITIES.map((effort) => metOf({ activity: name, intensity: effort }));
      for (const { met, met_code } of entries) {
        expect(met_code).toMatch(/^(0[1-9]|1\d)\d{3}$/);
        expect(met).toBeGreaterThan(1);
        expect(met).toBeLessThanOrEqual(16);
      }
      const mets = entries.map(({ met }) => met);
      expect(mets).toEqual(mets.toSorted((one, other) => one - other));
    }
  });

  it("gives one code one MET wherever it stands", () => {
    const byCode = new Map<string, number>();
    for (const name of ACTIVITIES) {
      for (const effort of INTENSITIES) {
        const { met, met_code } = metOf({ activity: name, intensity: effort });
        expect(byCode.get(met_code) ?? met).toBe(met);
        byCode.set(met_code, met);
      }
    }
  });
});

describe("energyKcal", () => {
  it("is MET × kg × h: an hour's moderate run of 70 kg is 686 kcal", () => {
    expect(energyKcal({ activity: "running", intensity: "moderate", duration_min: 60, mass_kg: 70 })).toBe(
      686,
    );
  });

  it("of no time is nothing", () => {
    fc.assert(fc.property(activity, intensity, mass, (activity, intensity, mass_kg) => {
      expect(energyKcal({ activity, intensity, duration_min: 0, mass_kg })).toBe(0);
    }));
  });

  it("is a whole number that grows with time, mass and effort", () => {
    fc.assert(fc.property(activity, duration, mass, (activity, duration_min, mass_kg) => {
      const of = (change: Partial<Parameters<typeof energyKcal>[0]>) =>
        energyKcal({ activity, intensity: "moderate", duration_min, mass_kg, ...change });
      expect(Number.isSafeInteger(of({}))).toBe(true);
      expect(of({ duration_min: duration_min + 10 })).toBeGreaterThanOrEqual(of({}));
      expect(of({ mass_kg: mass_kg + 10 })).toBeGreaterThanOrEqual(of({}));
      expect(of({ intensity: "vigorous" })).toBeGreaterThanOrEqual(of({ intensity: "light" }));
    }));
  });
});

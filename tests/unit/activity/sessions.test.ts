import { describe, expect, it } from "vitest";

import { analyse, MeasuredSession } from "../../../supabase/functions/_app/activity/sessions.ts";

const range = { resting_bpm: 60, max_bpm: 160 };
const session = { date: "2026-03-01", activity: "running" as const, duration_min: 60 };

describe("the schema MeasuredSession", () => {
  it("wants a heart rate, as mean or samples", () => {
    expect(MeasuredSession.safeParse(session).success).toBe(false);
    expect(MeasuredSession.safeParse({ ...session, mean_heart_rate_bpm: 120 }).success).toBe(true);
    expect(MeasuredSession.safeParse({ ...session, heart_rate_samples_bpm: [120] }).success).toBe(true);
    expect(MeasuredSession.safeParse({ ...session, heart_rate_samples_bpm: [] }).success).toBe(false);
  });
});

describe("analyse", () => {
  it("takes the samples where there are some, and the mean for the load alone", () => {
    const both = analyse(
      { ...session, mean_heart_rate_bpm: 160, heart_rate_samples_bpm: [110] },
      range,
      "male",
    );
    expect(both).toMatchObject({ trimp: 50.1, zones: { moderate_min: 60, near_maximal_min: 0 } });
    expect(analyse({ ...session, mean_heart_rate_bpm: 110 }, range, "male"))
      .toEqual({ ...session, trimp: 50.1, zones: null, pace_s_per_km: null });
  });

  it("has a pace where there is a distance", () => {
    const { pace_s_per_km } = analyse(
      { ...session, mean_heart_rate_bpm: 110, distance_km: 12 },
      range,
      "female",
    );
    expect(pace_s_per_km).toBe(300);
  });
});

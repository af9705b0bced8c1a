import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isoWeekOf, mondayOf, weeklyTotals } from "../../../supabase/functions/_app/activity/weeks.ts";

const day = fc.date({ min: new Date("1900-01-01"), max: new Date("2199-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const near = fc.date({ min: new Date("2025-12-01"), max: new Date("2026-02-01"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const session = fc.record({
  date: near,
  duration_min: fc.integer({ min: 1, max: 300 }),
  energy_kcal: fc.integer({ min: 0, max: 3_000 }),
});

describe("isoWeekOf", () => {
  it.each([
    ["2026-01-01", "2026-W01"],
    ["2025-12-29", "2026-W01"],
    ["2025-12-28", "2025-W52"],
    ["2027-01-03", "2026-W53"],
    ["2021-01-03", "2020-W53"],
    ["2024-12-30", "2025-W01"],
    ["2026-11-21", "2026-W47"],
  ])("of %s is %s", (date, week) => expect(isoWeekOf(date)).toBe(week));

  it("is the same on all seven days of a week, and goes up from week to week", () => {
    fc.assert(fc.property(day, (date) => {
      const monday = mondayOf(date);
      const later = (days: number) =>
        new Date(Date.parse(monday) + days * 86_400_000).toISOString().slice(0, 10);
      expect(new Date(monday).getUTCDay()).toBe(1);
      expect(monday <= date && date < later(7)).toBe(true);
      for (let days = 0; days < 7; days++) expect(isoWeekOf(later(days))).toBe(isoWeekOf(date));
      expect(isoWeekOf(later(7)) > isoWeekOf(date)).toBe(true);
    }));
  });
});

describe("weeklyTotals", () => {
  it("adds up each week, keeps empty ones, and leaves out what is later or earlier", () => {
    const one = { duration_min: 30.25, energy_kcal: 200 };
    const totals = weeklyTotals(
      [
        { ...one, date: "2026-01-12" },
        { ...one, date: "2026-01-12", distance_km: 5.1 },
        { ...one, date: "2026-01-14" },
        { ...one, date: "2026-01-15" },
        { ...one, date: "2025-12-29" },
        { ...one, date: "2025-12-28" },
      ],
      "2026-01-14",
      3,
    );
    expect(totals).toEqual([
      {
        week: "2026-W01",
        monday: "2025-12-29",
        sessions: 1,
        active_days: 1,
        duration_min: 30.3,
        distance_km: 0,
        energy_kcal: 200,
      },
      {
        week: "2026-W02",
        monday: "2026-01-05",
        sessions: 0,
        active_days: 0,
        duration_min: 0,
        distance_km: 0,
        energy_kcal: 0,
      },
      {
        week: "2026-W03",
        monday: "2026-01-12",
        sessions: 3,
        active_days: 2,
        duration_min: 90.8,
        distance_km: 5.1,
        energy_kcal: 600,
      },
    ]);
  });

  it("loses and doubles no session of the period", () => {
    fc.assert(
      fc.property(fc.array(session), near, fc.integer({ min: 1, max: 26 }), (sessions, until, weeks) => {
        const totals = weeklyTotals(sessions, until, weeks);
        expect(totals).toHaveLength(weeks);
        const inside = sessions.filter(({ date }) => date >= totals[0]!.monday && date <= until);
        const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
        expect(sum(totals.map((week) => week.sessions))).toBe(inside.length);
        expect(sum(totals.map((week) => week.energy_kcal))).toBe(sum(inside.map((one) => one.energy_kcal)));
        expect(sum(totals.map((week) => week.duration_min))).toBe(sum(inside.map((one) => one.duration_min)));
      }),
    );
  });
});

import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const { newUser, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();

const TOKENS = 1_000;

describe("activity-analyzer", () => {
  const body = {
    sessions: [
      {
        date: "2026-02-23",
        activity: "running",
        duration_min: 60,
        distance_km: 12,
        heart_rate_samples_bpm: [80, 110, 150, 200],
      },
      { date: "2026-02-25", activity: "cycling", duration_min: 30, mean_heart_rate_bpm: 110 },
    ],
    athlete: { sex: "male", age: 30, resting_heart_rate_bpm: 60, max_heart_rate_bpm: 160 },
  };
  const say = (fact_id: string, text: string) => ({ fact_id, text });

  it("computes zones, load and pace, and puts its own numbers beside the advice", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("activity-analyzer", { user, body }, [{
      advice: [
        { ...say("session_1.pace", "A pace that you can hold."), value: 1, unit: "parsecs" },
        say("all.trimp", "Rest tomorrow."),
      ],
      sessions: [{ trimp: 9_999 }],
    }]);
    expectCharged(answer);
    expect(answer.body.data).toEqual({
      max_heart_rate_bpm: 160,
      max_heart_rate_estimated: false,
      sessions: [
        {
          session_id: "session_1",
          date: "2026-02-23",
          activity: "running",
          duration_min: 60,
          trimp: 129.5, // 15 min × (0.2 × e^0.384 + 0.5 × e^0.96 + 0.9 × e^1.728 + 1 × e^1.92) × 0.64
          zones: {
            very_light_min: 15,
            light_min: 0,
            moderate_min: 15,
            vigorous_min: 0,
            near_maximal_min: 30,
          },
          pace_s_per_km: 300,
        },
        {
          session_id: "session_2",
          date: "2026-02-25",
          activity: "cycling",
          duration_min: 30,
          trimp: 25.1,
          zones: null,
          pace_s_per_km: null,
        },
      ],
      total_trimp: 154.6,
      total_duration_min: 90,
      advice: [
        { fact_id: "session_1.pace", text: "A pace that you can hold.", value: 300, unit: "s/km" },
        { fact_id: "all.trimp", text: "Rest tomorrow.", value: 154.6, unit: "TRIMP" },
      ],
    });
  });

  it("expects a maximum by age where none is given, and says so", async () => {
    const user = await newUser(TOKENS);
    const { max_heart_rate_bpm: _max, ...athlete } = body.athlete;
    const answer = await provider.call("activity-analyzer", { user, body: { ...body, athlete } }, [
      { advice: [say("all.trimp", "Rest.")] },
    ]);
    expect(answer.body.data).toMatchObject({ max_heart_rate_bpm: 187, max_heart_rate_estimated: true });
  });

  it("sends no heart rate sample to the model, whatever their number", async () => {
    const user = await newUser(TOKENS);
    const samples = Array.from({ length: 1_000 }, (_, index) => 171 + index % 3);
    const sessions = [{ ...body.sessions[0], heart_rate_samples_bpm: samples }];
    await provider.call("activity-analyzer", { user, body: { ...body, sessions } }, [
      { advice: [say("all.trimp", "Rest.")] },
    ]);
    expect(provider.asked[0]).not.toContain("171,172");
  });

  it("leaves out advice with a number that was not computed", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("activity-analyzer", { user, body }, [{
      advice: [say("all.trimp", "A load of 500 is too much."), say("all.duration", "Well done.")],
    }]);
    expect(answer.body.data.advice).toMatchObject([{ text: "Well done.", value: 90, unit: "min" }]);
  });

  it("refuses advice about values that were not computed, and sessions without a heart rate, and charges nothing", async () => {
    const user = await newUser(TOKENS);
    const invented = await provider.call("activity-analyzer", { user, body }, [
      { advice: [say("session_3.trimp", "Great.")] },
    ]);
    expectRefusal(invented, 502, "provider_error");
    const { mean_heart_rate_bpm: _mean, ...session } = body.sessions[1]!;
    const without = await provider.call(
      "activity-analyzer",
      { user, body: { ...body, sessions: [session] } },
      [],
    );
    expectRefusal(without, 400, "invalid_request");
    await expectUntouched(user, TOKENS);
  });
});

describe("activity-progress-generator", () => {
  const run = { activity: "running", intensity: "moderate", duration_min: 60 };
  const body = {
    date: "2026-02-27",
    sessions: [
      { ...run, date: "2026-02-26", distance_km: 9.5 },
      { ...run, date: "2026-02-25" },
      { ...run, date: "2026-02-18", distance_km: 20 },
      { ...run, date: "2026-02-28" },
      { ...run, date: "2020-01-01" },
    ],
    goals: { sessions: 2, distance_km: 19 },
    mass_kg: 70,
    weeks: 2,
  };
  const insights = [{ fact_id: "goal.sessions", text: "Reached." }];
  const plan = (weekday: string, duration_min: number) => ({ ...run, weekday, duration_min, focus: "Easy." });

  it("computes totals, streaks and progress, sessions after today left out", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("activity-progress-generator", { user, body }, [
      { insights, plan: [plan("tuesday", 45)], weeks: [], streak: { current_days: 99 } },
    ]);
    expectCharged(answer);
    const week = { active_days: 1, sessions: 1, duration_min: 60, distance_km: 20, energy_kcal: 686 };
    expect(answer.body.data).toEqual({
      weeks: [
        { ...week, week: "2026-W08", monday: "2026-02-16" },
        {
          week: "2026-W09",
          monday: "2026-02-23",
          active_days: 2,
          sessions: 2,
          duration_min: 120,
          distance_km: 9.5,
          energy_kcal: 1372,
        },
      ],
      streak: { current_days: 2, longest_days: 2 },
      goals: [
        { goal: "sessions", target: 2, done: 2, percent: 100, streak_weeks: 1 },
        { goal: "distance_km", target: 19, done: 9.5, percent: 50, streak_weeks: 1 },
      ],
      next_week: {
        week: "2026-W10",
        most_duration_min: 150,
        duration_min: 45,
        sessions: [{ ...plan("tuesday", 45), date: "2026-03-03", energy_kcal: 515 }],
      },
      insights: [{ fact_id: "goal.sessions", text: "Reached.", value: 100, unit: "%" }],
    });
  });

  it("holds the plan to one session a day, a day of rest and a safe load", async () => {
    const user = await newUser(TOKENS);
    const days = ["sunday", "monday", "monday", "tuesday", "wednesday", "thursday", "friday"];
    const answer = await provider.call("activity-progress-generator", { user, body }, [
      { insights, plan: days.map((day) => plan(day, 240)) },
    ]);
    const { sessions, duration_min, most_duration_min } = answer.body.data.next_week;
    expect(duration_min).toBeLessThanOrEqual(most_duration_min);
    expect(sessions.map((one: { date: string; duration_min: number }) => [one.date, one.duration_min]))
      .toEqual([
        ["2026-03-02", 25],
        ["2026-03-03", 25],
        ["2026-03-04", 25],
        ["2026-03-05", 25],
        ["2026-03-06", 25],
        ["2026-03-08", 25],
      ]);
  });

  it("refuses a plan with an unknown activity or weekday, and charges nothing", async () => {
    const user = await newUser(TOKENS);
    for (
      const wrong of [
        { ...plan("monday", 30), activity: "quidditch" },
        plan("someday", 30),
        plan("monday", 600),
      ]
    ) {
      const answer = await provider.call("activity-progress-generator", { user, body }, [{
        insights,
        plan: [wrong],
      }]);
      expectRefusal(answer, 502, "provider_error");
    }
    const answer = await provider.call(
      "activity-progress-generator",
      { user, body: { ...body, goals: {} } },
      [],
    );
    expectRefusal(answer, 400, "invalid_request");
    await expectUntouched(user, TOKENS);
  });
});

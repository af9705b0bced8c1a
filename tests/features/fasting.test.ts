import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const { newUser, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();

const TOKENS = 1_000;
const fastsOf = (durations: number[]) =>
  durations.map((duration_h, index) => ({ date: `2026-02-${10 + index}`, duration_h }));

describe("fasting-insights-generator", () => {
  const body = { fasts: fastsOf([14, 16.5, 40]) };

  it("computes statistics and phases, and puts its own numbers beside the insights", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("fasting-insights-generator", { user, body }, [{
      insights: [{ fact_id: "switching.total", text: "Mostly from one long fast." }],
      total_h: 1_000,
      phases: [],
    }]);
    expectCharged(answer);
    expect(answer.body.data).toMatchObject({
      total_h: 70.5,
      median_h: 16.5,
      trend: { count: 3, mean: 23.5, min: 14, max: 40, change: 26, direction: "none" },
      phases: [
        { phase: "absorbing", from_h: 0, to_h: 4, fasts: 3, total_h: 12 },
        { phase: "glycogen", from_h: 4, to_h: 16, fasts: 3, total_h: 34 },
        { phase: "switching", from_h: 16, to_h: 36, fasts: 2, total_h: 20.5 },
        { phase: "ketosis", from_h: 36, to_h: null, fasts: 1, total_h: 4 },
      ],
      insights: [{ fact_id: "switching.total", text: "Mostly from one long fast.", value: 20.5, unit: "h" }],
    });
  });

  it("leaves out an insight with other hours than the computed ones", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("fasting-insights-generator", { user, body }, [{
      insights: [
        { fact_id: "mean", text: "Try 72 hours next." },
        { fact_id: "longest", text: "That was long." },
      ],
    }]);
    expect(answer.body.data.insights).toMatchObject([{ fact_id: "longest", value: 40 }]);
  });

  it("refuses an answer whose numbers were not computed, and a fast of over three days; charges nothing", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("fasting-insights-generator", { user, body }, [
      { insights: [{ fact_id: "mean", text: "You fast 20 hours on average." }] },
    ]);
    expectRefusal(answer, 502, "provider_error");
    const long = await provider.call(
      "fasting-insights-generator",
      { user, body: { fasts: fastsOf([73]) } },
      [],
    );
    expectRefusal(long, 400, "invalid_request");
    await expectUntouched(user, TOKENS);
  });
});

describe("fasting-progression-analyzer", () => {
  const body = { date: "2026-02-17", target_h: 16, fasts: fastsOf([12, 13, 16, 16, 17, 16, 18, 16, 3]) };
  const insights = [{ fact_id: "next_target", text: "A little longer from now on." }];

  it("computes adherence, streak, trend and the next target; what lies after today is left out", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("fasting-progression-analyzer", { user, body }, [
      { insights, next_target_h: 72, step: "raise" },
    ]);
    expectCharged(answer);
    expect(answer.body.data).toMatchObject({
      fasts: 8,
      adherence_percent: 75,
      streak: { current_days: 6, longest_days: 6 },
      trend: { count: 8, mean: 15.5, last_date: "2026-02-17" },
      next_target_h: 17,
      step: "raise",
      insights: [{ ...insights[0], value: 17, unit: "h" }],
    });
  });

  it("never lets the model set another target", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("fasting-progression-analyzer", { user, body }, [
      {
        insights: [{ fact_id: "next_target", text: "Go for 36 hours." }, {
          fact_id: "mean",
          text: "Steady.",
        }],
      },
    ]);
    expect(JSON.stringify(answer.body.data)).not.toContain("36 hours");
    expect(answer.body.data).toMatchObject({ next_target_h: 17, insights: [{ fact_id: "mean" }] });
  });

  it.each([[20, 20], [23, 23]])(
    "sets a target of at most %d h for a user who reaches %d h each day",
    async (target_h, next) => {
      const user = await newUser(TOKENS);
      const fasts = fastsOf(Array(8).fill(24));
      const answer = await provider.call(
        "fasting-progression-analyzer",
        { user, body: { ...body, fasts, target_h } },
        [{ insights }],
      );
      expect(answer.body.data).toMatchObject({ next_target_h: next, step: "keep" });
    },
  );

  it("answers without a trend when every fast is still to come", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call(
      "fasting-progression-analyzer",
      { user, body: { ...body, date: "2026-02-01" } },
      [{ insights }],
    );
    expect(answer.body.data).toMatchObject({
      fasts: 0,
      adherence_percent: null,
      trend: null,
      next_target_h: 16,
      step: "keep",
    });
  });

  it("refuses targets outside of 12 to 24 h, uncharged", async () => {
    const user = await newUser(TOKENS);
    for (const target_h of [11.9, 24.1]) {
      const answer = await provider.call(
        "fasting-progression-analyzer",
        { user, body: { ...body, target_h } },
        [],
      );
      expectRefusal(answer, 400, "invalid_request");
    }
    await expectUntouched(user, TOKENS);
  });
});

import { describe, expect, it } from "vitest";

import { mp3, wav } from "../support/recordings.ts";
import { openAccounts } from "../http/support/accounts.ts";
import { call, expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const TOKENS = 10_000;
const { newUser, accountOf, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();

describe("audio-transcribe", () => {
  const transcribe = (seconds: number, heard: object) => transcribeFile(wav(seconds), heard);
  const transcribeFile = async (file: Uint8Array, heard: object) => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("audio-transcribe", { user, body: { file } }, [heard]);
    return { user, answer, ...await accountOf(user) };
  };

  it("charges the seconds that the provider heard, rounded up, and the ledger says which", async () => {
    const { answer, charges } = await transcribe(60.5, { text: "soup", language: "english", duration: 60.5 });
    expect(expectCharged(answer).charged).toBe(1 + 7); // 61 s at 100 for 1,000 s
    expect(charges[0]!.metadata.usage).toMatchObject({ seconds: 61, characters: 0 });
    expect(answer.body.data).toEqual({ text: "soup", language: "en", segments: [], duration_s: 60.5 });
  });

  it("charges less where the provider hears less than the file says", async () => {
    const { answer } = await transcribe(500, { text: "soup", duration: 20 });
    expect(expectCharged(answer).charged).toBe(1 + 2);
  });

  it("charges the measured length if the provider reports none, or an impossible one", async () => {
    for (const duration of [undefined, null, 0, -5]) {
      const { answer, anomalies } = await transcribe(60, { text: "soup", duration });
      expect(expectCharged(answer).charged).toBe(1 + 6);
      expect(answer.body.data.duration_s).toBe(60);
      expect(anomalies).toEqual([]);
    }
  });

  it("gives no free transcript of a file that is longer than it states, and charges the hold", async () => {
    const file = mp3(400, { statedFrames: 80 });
    const { answer, charges, locks, anomalies } = await transcribeFile(file, {
      text: "soup",
      duration: 6_000,
    });
    expectRefusal(answer, 422, "answer_refused");
    expect(charges).toMatchObject([{
      charged: locks[0]!.amount,
      metadata: { usage: { seconds: 6_000 }, cost: 1 + 600 },
    }]);
    expect(anomalies).toMatchObject([{ anomaly_type: "shortfall" }]);
  });

  it.each([30, 77, 6_000])(
    "charges what it counted where a provider reports %d s for plain samples of 2.5 s",
    async (duration) => {
      const { answer, charges } = await transcribe(2.5, { text: "soup", duration });
      expect(expectCharged(answer).charged).toBe(1 + 1);
      expect(answer.body.data).toMatchObject({ text: "soup", duration_s: 2.5 });
      expect(charges[0]!.metadata.usage).toMatchObject({ seconds: 3 });
    },
  );

  it("does not hold the rest of a last window of 30 s against a file", async () => {
    const { answer } = await transcribeFile(mp3(80), { text: "soup", duration: 30 });
    expect(expectCharged(answer).charged).toBe(1 + 1);
    const { answer: two } = await transcribeFile(mp3(80), { text: "soup", duration: 60 });
    expectRefusal(two, 422, "answer_refused");
  });

  it("brings segments into the recording and in order, and leaves silent ones out", async () => {
    const { answer } = await transcribe(10, {
      text: "soup bread salad",
      duration: 10,
      segments: [
        { start: 7, end: 400, text: " salad" },
        { start: 3, end: 1, text: " bread " },
        { start: -2, end: 3.004, text: "soup" },
        { start: 9, end: 10, text: "  " },
      ],
    });
    expect(answer.body.data.segments).toEqual([
      { start_s: 0, end_s: 3, text: "soup" },
      { start_s: 3, end_s: 3, text: "bread" },
      { start_s: 7, end_s: 10, text: "salad" },
    ]);
  });

  it("answers silence with an empty text", async () => {
    const { answer } = await transcribe(5, { text: " ", duration: 5, segments: [] });
    expect(answer.body.data).toMatchObject({ text: "", segments: [] });
  });

  it("refuses a recording of more than a day before anything is held", async () => {
    const user = await newUser(TOKENS);
    const body = { file: wav(90_000, { rate: 1 }) };
    expectRefusal(await call("audio-transcribe", { user, body }), 400, "invalid_request");
    await expectUntouched(user, TOKENS);
  });
});

describe("activity-transcriber", () => {
  const run = { activity: "running", name: "morning run", duration_min: 30, intensity: "moderate" };

  it("computes the energy from the Compendium's MET, whatever the model says", async () => {
    const user = await newUser(TOKENS);
    const body = { description: "I ran for half an hour", weight_kg: 70 };
    const told = { activities: [{ ...run, energy_kcal: 1, met: 99 }] };
    const answer = await provider.call("activity-transcriber", { user, body }, [told]);
    expectCharged(answer);
    expect(provider.asked).toHaveLength(1);
    expect(answer.body.data).toEqual({
      transcript: null,
      activities: [{ ...run, met: 9.8, met_code: "12050", energy_kcal: 343 }],
      total_duration_min: 30,
      total_energy_kcal: 343,
    });
  });

  it("makes two model calls of a recording, and one charge", async () => {
    const user = await newUser(TOKENS);
    const body = { file: wav(20), weight_kg: "82.5", description: "and then a walk" };
    const answer = await provider.call("activity-transcriber", { user, body }, [
      { text: "I ran for half an hour", duration: 20 },
      { activities: [run, { ...run, activity: "walking" }] },
    ]);
    const { charged } = expectCharged(answer);
    expect(provider.asked).toHaveLength(2);
    expect(provider.asked[1]).toContain("I ran for half an hour\\nand then a walk");
    expect(answer.body.data.transcript).toBe("I ran for half an hour");
    expect(answer.body.data.activities).toHaveLength(2);
    const { charges } = await accountOf(user);
    expect(charges).toHaveLength(1);
    expect(charges[0]!.metadata.usage).toEqual({
      input_tokens: 100,
      output_tokens: 100,
      images: 0,
      seconds: 20,
      characters: 0,
    });
    expect(charged).toBe(2 + 3); // 20 s at 100, 100 tokens at 1 and 100 at 4 for 1,000 of each
  });

  it("refuses a model's unknown activity, and charges nothing", async () => {
    for (const wrong of [{ activity: "flying" }, { intensity: "extreme" }, { duration_min: 100_000 }]) {
      const user = await newUser(TOKENS);
      const body = { description: "I flew", weight_kg: 70 };
      const told = { activities: [{ ...run, ...wrong }] };
      expectRefusal(
        await provider.call("activity-transcriber", { user, body }, [told]),
        502,
        "provider_error",
      );
      await expectUntouched(user, TOKENS);
    }
  });

  it("reports that nothing was said or done", async () => {
    const user = await newUser(TOKENS);
    const silent = await provider.call("activity-transcriber", {
      user,
      body: { file: wav(3), weight_kg: 70 },
    }, [
      { text: "", duration: 3 },
    ]);
    expectRefusal(silent, 422, "answer_refused");
    expect((await accountOf(user)).charges).toMatchObject([{ charged: 2 + 1 }]);
    const idle = await provider.call("activity-transcriber", {
      user,
      body: { description: "I slept", weight_kg: 70 },
    }, [
      { activities: [] },
    ]);
    expectCharged(idle);
    expect(idle.body.data).toMatchObject({ activities: [], total_energy_kcal: 0 });
  });

  it.each([
    ["a recording of more than five minutes", { file: wav(301), weight_kg: 70 }],
    ["no words at all", { description: " ", weight_kg: 70 }],
    ["no weight", { description: "I ran" }],
    ["a weight that nobody has", { description: "I ran", weight_kg: 1 }],
    ["a weight that is none", { description: "I ran", weight_kg: null }],
  ])("refuses %s", async (_what, body) => {
    const user = await newUser(TOKENS);
    expectRefusal(await call("activity-transcriber", { user, body }), 400, "invalid_request");
    await expectUntouched(user, TOKENS);
  });
});

describe("generate-voice-preview", () => {
  it("stores its speech as a playable file, charged by characters", async () => {
    const user = await newUser(TOKENS);
    const text = "Bon appétit 🥖".repeat(5);
    const answer = await call("generate-voice-preview", { user, body: { text, voice: "sage", speed: 2 } });
    expect(expectCharged(answer).charged).toBe(1 + 1);
    const { audio, characters } = answer.body.data;
    expect(characters).toBe(65);
    expect(audio).toMatchObject({ media_type: "audio/wav", path: expect.stringContaining(`${user.id}/`) });
    const file = await fetch(audio.signed_url);
    expect(file.headers.get("Content-Type")).toMatch(/^audio\/wav/);
    expect(new TextDecoder("latin1").decode((await file.bytes()).subarray(0, 4))).toBe("RIFF");
    const { charges } = await accountOf(user);
    expect(charges[0]!.metadata.usage).toMatchObject({ characters: 65, seconds: 0 });
  });

  it.each([
    ["a text of more than 300 characters", { text: "a".repeat(301) }],
    ["a voice that is not on the list", { text: "a", voice: "my-boss" }],
    ["a speed out of the range", { text: "a", speed: 2.1 }],
  ])("refuses %s", async (_what, body) => {
    const user = await newUser(TOKENS);
    expectRefusal(await call("generate-voice-preview", { user, body }), 400, "invalid_request");
    await expectUntouched(user, TOKENS);
  });
});

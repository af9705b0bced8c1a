import { describe, expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { PIXEL_URL } from "../http/support/bodies.ts";
import { expectCharged, expectRefusal } from "../http/support/calls.ts";
import { openScriptedProvider } from "../http/support/scripted_provider.ts";

const { newUser, expectUntouched } = openAccounts();
const provider = await openScriptedProvider();
const TOKENS = 1_000;

/** The feature's response to a model's answer. */
async function dataOf(name: string, body: Record<string, unknown>, answer: unknown) {
  const response = await provider.call(name, { user: await newUser(TOKENS), body }, [answer]);
  expectCharged(response);
  return response.body.data;
}

/** Fails unless a model's answer is refused at no charge. */
async function expectUnusable(name: string, body: Record<string, unknown>, answer: unknown) {
  const user = await newUser(TOKENS);
  expectRefusal(await provider.call(name, { user, body }, [answer]), 502, "provider_error");
  await expectUntouched(user, TOKENS);
}

describe("fridge-scan-vision", () => {
  const photos = [PIXEL_URL, PIXEL_URL];
  const egg = {
    name: "egg",
    category: "egg",
    quantity: 4,
    unit: "piece",
    confidence: 0.9,
    days_left: 14,
    photo: 1,
  };
  const milk = { ...egg, name: "milk", category: "dairy", quantity: 1, unit: "pack", days_left: null };

  it("lists food on two photos once, with the larger count and not the sum", async () => {
    const { items } = await dataOf("fridge-scan-vision", { photos }, {
      items: [egg, milk, { ...egg, name: "Egg", quantity: 6, photo: 2, confidence: 0.6, days_left: 9 }],
    });
    const { photo: _photo, ...item } = egg;
    expect(items).toEqual([
      { ...item, quantity: 6, photos: [1, 2] },
      {
        name: "milk",
        category: "dairy",
        quantity: 1,
        unit: "pack",
        confidence: 0.9,
        days_left: null,
        photos: [1],
      },
    ]);
    expect(provider.asked[0]!.split("data:image/png;base64,")).toHaveLength(3);
  });

  it("says an empty fridge is empty", async () => {
    expect(await dataOf("fridge-scan-vision", { photos }, { items: [] })).toEqual({ items: [] });
  });

  it.each([
    ["a photo that was not sent", { photo: 3 }],
    ["a category of its own", { category: "snack" }],
    ["a unit of its own", { unit: "cups" }],
    ["nothing of something", { quantity: 0 }],
    ["more than all confidence", { confidence: 1.1 }],
  ])(
    "refuses an answer with %s",
    (_what, part) => expectUnusable("fridge-scan-vision", { photos }, { items: [{ ...egg, ...part }] }),
  );
});

describe("detect-equipment", () => {
  const body = { photo: PIXEL_URL };
  const bench = {
    name: "flat bench",
    category: "bench",
    count: 1,
    confidence: 0.9,
    box: { left: 0.1, top: 0.2, right: 0.5, bottom: 0.6 },
  };
  const at = (left: number, top: number, right: number, bottom: number) => ({
    ...bench,
    box: { left, top, right, bottom },
  });

  it("cuts a box at the picture's edges, turns it round, and drops one that is outside", async () => {
    const { equipment } = await dataOf("detect-equipment", body, {
      equipment: [
        at(-0.1, 0.8, 0.3, 1.2),
        at(0.9, 0.4, 0.6, 0.1),
        at(1.2, 0, 1.5, 1),
        at(0.5, 0.5, 0.5, 0.9),
      ],
    });
    expect(equipment.map(({ box }: typeof bench) => box)).toEqual([
      { left: 0, top: 0.8, right: 0.3, bottom: 1 },
      { left: 0.6, top: 0.1, right: 0.9, bottom: 0.4 },
    ]);
  });

  it("names each object once, as the sighting with the highest confidence does", async () => {
    const twice = { ...at(0.12, 0.2, 0.5, 0.6), name: "Flat Bench", confidence: 0.3 };
    const { equipment } = await dataOf("detect-equipment", body, {
      equipment: [twice, bench, at(0.6, 0.2, 0.9, 0.6)],
    });
    expect(equipment).toEqual([bench, at(0.6, 0.2, 0.9, 0.6)]);
  });

  it("refuses boxes in pixels, and a count of none", async () => {
    await expectUnusable("detect-equipment", body, { equipment: [at(10, 20, 300, 400)] });
    await expectUnusable("detect-equipment", body, { equipment: [{ ...bench, count: 0 }] });
  });
});

const range = (cm: number) => ({ low_cm: cm - 5, value_cm: cm, high_cm: cm + 5 });
const estimates = {
  neck: range(38),
  chest: range(100),
  waist: range(85),
  hip: range(98),
  thigh: range(57),
  calf: range(38),
  upper_arm: range(33),
};

describe("scan-estimate", () => {
  const body = { front: PIXEL_URL, side: PIXEL_URL, height_cm: 180, weight_kg: 80, sex: "male", age: 30 };
  const visibility = { front: "good", side: "partial" };

  it("computes all values derived from the measures, whatever the model says", async () => {
    const data = await dataOf("scan-estimate", body, {
      visibility,
      estimates,
      bmi_kg_per_m2: 12,
      plausible: false,
    });
    expect(data).toMatchObject({
      visibility,
      bmi_kg_per_m2: 24.7,
      body_fat_by_bmi_percent: 20.3,
      waist_to_height: 0.47,
      body_fat: { method: "us_navy_circumferences", value_percent: 16.1 },
      plausible: true,
      problems: [],
    });
    expect(data.measures.waist).toEqual({ low_cm: 80, value_cm: 85, high_cm: 90 });
  });

  it("orders a range, and widens one that is narrower than photos allow", async () => {
    const { measures } = await dataOf("scan-estimate", body, {
      visibility,
      estimates: {
        ...estimates,
        waist: { low_cm: 95, value_cm: 80, high_cm: 85 },
        hip: { low_cm: 100, value_cm: 100, high_cm: 100 },
      },
    });
    expect(measures.waist).toEqual({ low_cm: 80, value_cm: 85, high_cm: 95 });
    expect(measures.hip).toEqual({ low_cm: 98, value_cm: 100, high_cm: 102 });
  });

  it("reports contradictions", async () => {
    const { plausible, problems, body_fat } = await dataOf("scan-estimate", body, {
      visibility,
      estimates: { ...estimates, neck: { low_cm: 70, value_cm: 70, high_cm: 70 }, waist: range(65) },
    });
    expect({ plausible, problems, body_fat }).toEqual({
      plausible: false,
      problems: ["neck_not_below_waist", "body_fat_formula_without_result"],
      body_fat: null,
    });
  });

  it("gives no measures of body parts that cannot be seen", async () => {
    const data = await dataOf("scan-estimate", body, {
      visibility: { ...visibility, side: "none" },
      estimates,
    });
    expect(data).toMatchObject({ measures: null, waist_to_height: null, body_fat: null, plausible: null });
    expect(data.bmi_kg_per_m2).toBe(24.7);
  });

  it("refuses a measure that no adult has, and one that is missing", async () => {
    await expectUnusable("scan-estimate", body, {
      visibility,
      estimates: { ...estimates, waist: { low_cm: 80, value_cm: 85, high_cm: 900 } },
    });
    await expectUnusable("scan-estimate", body, { visibility, estimates: { ...estimates, hip: undefined } });
  });

  it("is for adults: a younger age is refused", async () => {
    const user = await newUser(TOKENS);
    const answer = await provider.call("scan-estimate", { user, body: { ...body, age: 17 } }, []);
    expectRefusal(answer, 400, "invalid_request");
    expect(provider.asked).toEqual([]);
  });
});

describe("scan-semantic", () => {
  const body = { photos: [PIXEL_URL] };
  const look = {
    build: { class: "medium", confidence: 0.7 },
    muscularity: { class: "not_visible", confidence: 0.9 },
  };

  it("names each posture once, never upright beside leaning; an invisible part has no confidence", async () => {
    const posture = [
      { class: "upright", confidence: 0.3 },
      { class: "leaning", confidence: 0.5 },
      { class: "forward_head", confidence: 0.8 },
      { class: "leaning", confidence: 0.6 },
    ];
    expect(await dataOf("scan-semantic", body, { ...look, posture })).toEqual({
      posture: [{ class: "forward_head", confidence: 0.8 }, { class: "leaning", confidence: 0.6 }],
      build: { class: "medium", confidence: 0.7 },
      muscularity: { class: "not_visible", confidence: 0 },
    });
  });

  it("refuses a class that is not in its list", async () => {
    await expectUnusable("scan-semantic", body, {
      ...look,
      posture: [{ class: "scoliosis", confidence: 1 }],
    });
    await expectUnusable("scan-semantic", body, {
      ...look,
      posture: [],
      build: { class: "obese", confidence: 1 },
    });
  });
});

describe("scan-refine-morphs", () => {
  const morphs = [
    { key: "waist", value: 0.2, min: -0.5, max: 0.5 },
    { key: "hips", value: 0, min: -1, max: 1 },
  ];
  const body = { morphs, measures: { waist: 80 } };

  it("keeps every value within its bounds, and every morph that the model did not mention", async () => {
    const data = await dataOf("scan-refine-morphs", body, {
      refined: [{ key: "waist", value: 90 }],
      confidence: 0.5,
    });
    expect(data).toEqual({
      confidence: 0.5,
      morphs: [
        { ...morphs[0], value: 0.5, previous: 0.2, change: 0.3, clamped: true },
        { ...morphs[1], previous: 0, change: 0, clamped: false },
      ],
    });
  });

  it("refuses a key that the model made up", () =>
    expectUnusable("scan-refine-morphs", body, { refined: [{ key: "nose", value: 0 }], confidence: 1 }));

  it.each([
    ["a value out of its bounds", { ...body, morphs: [{ ...morphs[0], value: 0.6 }] }],
    ["a key twice", { ...body, morphs: [morphs[0], morphs[0]] }],
    ["an unknown measure", { ...body, measures: { wingspan: 180 } }],
    ["nothing to go by", { morphs, measures: {} }],
  ])("refuses a body with %s", async (_what, refused) => {
    const user = await newUser(TOKENS);
    expectRefusal(
      await provider.call("scan-refine-morphs", { user, body: refused }, []),
      400,
      "invalid_request",
    );
    expect(provider.asked).toEqual([]);
  });
});

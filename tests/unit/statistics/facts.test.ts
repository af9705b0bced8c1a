import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { insightsOn, quoting } from "../../../supabase/functions/_app/statistics/facts.ts";

const facts = [
  { id: "weight.change", value: -1.234, unit: "kg" },
  { id: "sleep.mean", value: 7, unit: "h" },
  { id: "count", value: 1_234, unit: "values" },
];
const write = (fact_id: string, text: string) => ({ fact_id, text });

describe("insightsOn", () => {
  const schema = insightsOn(facts, 2);

  it("asks for the facts there are, and for as many texts as said", () => {
    expect(schema.safeParse([write("sleep.mean", "Fine.")]).success).toBe(true);
    for (
      const wrong of [
        [],
        [write("mood", "Fine.")],
        [write("sleep.mean", "")],
        Array(3).fill(write("count", "Many.")),
      ]
    ) {
      expect(schema.safeParse(wrong).success).toBe(false);
    }
  });
});

describe("quoting", () => {
  it("puts each fact's own number and unit beside its text, in the order of the texts", () => {
    expect(quoting(facts, [write("sleep.mean", "Enough sleep."), write("weight.change", "It went down.")]))
      .toEqual([
        { fact_id: "sleep.mean", text: "Enough sleep.", value: 7, unit: "h" },
        { fact_id: "weight.change", text: "It went down.", value: -1.234, unit: "kg" },
      ]);
  });

  it("leaves out a second text on the same fact", () => {
    expect(quoting(facts, [write("count", "Many."), write("count", "Really many.")])).toHaveLength(1);
  });

  it.each([
    ["weight.change", "You lost 1.2 kg.", true],
    ["weight.change", "Tu as perdu 1,23 kg.", true],
    ["weight.change", "About 1 kg less.", true],
    ["weight.change", "You lost 1.3 kg.", false],
    ["weight.change", "You lost 1.2 kg in 3 weeks.", false],
    ["weight.change", "You lost ١ kg.", false],
    ["weight.change", "You lost 1½ kg.", false],
    ["weight.change", "You lost 1.2.3 kg.", false],
    ["sleep.mean", "7 hours.", true],
    ["sleep.mean", "8 hours.", false],
    ["sleep.mean", "Sleep is fine.", true],
    ["count", "1234 values.", true],
    ["count", "1.234 values.", false],
  ])("takes of %s the text %j: %s", (id, text, isTaken) => {
    const rest = write(id === "count" ? "sleep.mean" : "count", "Well.");
    const kept = quoting(facts, [write(id, text), rest]).map((insight) => insight.text);
    expect(kept).toEqual(isTaken ? [text, "Well."] : ["Well."]);
  });

  it("takes a later text on a fact whose first one states another number", () => {
    expect(quoting(facts, [write("sleep.mean", "9 hours."), write("sleep.mean", "7 hours.")]))
      .toMatchObject([{ text: "7 hours." }]);
  });

  it("refuses an answer of which nothing is left", () => {
    expect(() => quoting(facts, [write("sleep.mean", "You slept 9 hours.")])).toThrow(
      expect.objectContaining({ code: "provider_error" }),
    );
  });

  it("never shows a number that was not computed", () => {
    const texts = fc.array(fc.record({
      fact_id: fc.constantFrom(...facts.map(({ id }) => id)),
      text: fc.stringMatching(/^[a-z0-9.,% ]{1,30}$/),
    }));
    fc.assert(fc.property(texts, (written) => {
      for (const insight of quoting(facts, [...written, write("count", "Plain.")])) {
        expect(facts).toContainEqual({ id: insight.fact_id, value: insight.value, unit: insight.unit });
        for (const [digits] of insight.text.matchAll(/\d+([.,]\d+)?/g)) {
          expect(Math.abs(Math.abs(insight.value) - Number(digits.replace(",", ".")))).toBeLessThanOrEqual(
            0.5,
          );
        }
      }
    }));
  });
});

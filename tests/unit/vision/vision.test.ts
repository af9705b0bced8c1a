import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Box, insidePicture, overlap } from "../../../supabase/functions/_app/vision/boxes.ts";
import { mergeSightings, sameName } from "../../../supabase/functions/_app/vision/sightings.ts";

const side = fc.double({ min: -1, max: 2, noNaN: true });
const drawn = fc.record({ left: side, top: side, right: side, bottom: side });
const box = (left: number, top: number, right: number, bottom: number) => ({ left, top, right, bottom });

describe("insidePicture", () => {
  it("gives what fits the schema, its sides in order, or nothing", () => {
    fc.assert(fc.property(drawn, (one) => {
      const inside = insidePicture(one);
      if (inside === undefined) return;
      expect(Box.parse(inside)).toEqual(inside);
      expect(inside.left).toBeLessThan(inside.right);
      expect(inside.top).toBeLessThan(inside.bottom);
    }));
  });

  it("cuts, turns and drops", () => {
    expect(insidePicture(box(-0.2, 0.1, 0.5, 1.4))).toEqual(box(0, 0.1, 0.5, 1));
    expect(insidePicture(box(0.5, 0.9, 0.1, 0.2))).toEqual(box(0.1, 0.2, 0.5, 0.9));
    expect(insidePicture(box(1.1, 0, 1.5, 1))).toBeUndefined();
    expect(insidePicture(box(0.2, 0.2, 0.2, 0.8))).toBeUndefined();
  });
});

describe("overlap", () => {
  it("is 1 for the same box, 0 for boxes apart, and the shared part of both between", () => {
    expect(overlap(box(0, 0, 0.5, 0.5), box(0, 0, 0.5, 0.5))).toBe(1);
    expect(overlap(box(0, 0, 0.5, 0.5), box(0.5, 0, 1, 1))).toBe(0);
    expect(overlap(box(0, 0, 0.5, 1), box(0, 0, 1, 1))).toBe(0.5);
  });
});

const seen = (name: string, photo: number, quantity = 1, unit = "piece", confidence = 0.5) => ({
  name,
  photo,
  quantity,
  unit,
  confidence,
});

describe("mergeSightings", () => {
  it("adds up what one photo shows, and takes the largest count over several", () => {
    const merged = mergeSightings([
      seen("Egg", 1, 2),
      seen("egg", 1, 3),
      seen(" EGG ", 2, 4, "piece", 0.9),
      seen("milk", 2, 1, "pack"),
    ]);
    expect(merged).toEqual([
      { name: " EGG ", quantity: 5, unit: "piece", confidence: 0.9, photos: [1, 2] },
      { name: "milk", quantity: 1, unit: "pack", confidence: 0.5, photos: [2] },
    ]);
  });

  it("keeps two units of one photo apart, and of two photos' the surer one", () => {
    expect(mergeSightings([seen("rice", 1, 1, "pack"), seen("rice", 1, 200, "g")])).toHaveLength(2);
    expect(mergeSightings([seen("rice", 1, 1, "pack", 0.4), seen("rice", 2, 500, "g", 0.8)]))
      .toMatchObject([{ unit: "g" }]);
    expect(mergeSightings([seen("rice", 1, 1, "pack"), seen("rice", 2, 500, "g")]))
      .toMatchObject([{ unit: "pack" }]);
  });

  it("has each name and unit once, forgets no name, and invents none", () => {
    const sighting = fc.record({
      name: fc.constantFrom("egg", "Egg", "EGG ", "milk", "ｍｉｌｋ"),
      photo: fc.integer({ min: 1, max: 6 }),
      quantity: fc.double({ min: 0.01, max: 10_000, noNaN: true }),
      unit: fc.constantFrom("piece", "g"),
      confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(fc.property(fc.array(sighting, { maxLength: 80 }), (sightings) => {
      const merged = mergeSightings(sightings);
      const names = (list: { name: string }[]) => new Set(list.map(({ name }) => sameName(name)));
      expect(names(merged)).toEqual(names(sightings));
      const keys = merged.map(({ name, unit }) => `${sameName(name)} ${unit}`);
      expect(new Set(keys).size).toBe(keys.length);
      for (const { quantity } of merged) expect(quantity).toBeGreaterThan(0);
    }));
  });
});

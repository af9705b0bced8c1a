import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { refine } from "../../../supabase/functions/_app/body/morphs.ts";

const number = fc.double({ min: -1_000, max: 1_000, noNaN: true });
const morph = fc.record({
  key: fc.constantFrom("a", "b", "c", "toString"),
  bounds: fc.tuple(number, number, number),
})
  .map(({ key, bounds }) => {
    const [min, value, max] = bounds.toSorted((one, other) => one - other) as [number, number, number];
    return { key, value, min, max };
  });
const proposal = fc.record({
  key: fc.constantFrom("a", "b", "c", "toString", "unknown"),
  value: fc.oneof(number, fc.double({ noNaN: true, noDefaultInfinity: true })),
});

describe("refine", () => {
  it("keeps every morph, in its order and inside its bounds, whatever is proposed", () => {
    const morphs = fc.uniqueArray(morph, { selector: ({ key }) => key });
    fc.assert(fc.property(morphs, fc.array(proposal), (given, proposals) => {
      const refined = refine(given, proposals);
      expect(refined.map(({ key }) => key)).toEqual(given.map(({ key }) => key));
      for (const { value, min, max } of refined) {
        expect(value).toBeGreaterThanOrEqual(min);
        expect(value).toBeLessThanOrEqual(max);
      }
    }));
  });

  it("tells what changed, and what had to be moved back", () => {
    const given = [
      { key: "a", value: 0.1, min: 0, max: 1 },
      { key: "b", value: 0, min: -1, max: 1 },
      { key: "c", value: 0.5, min: 0, max: 1 },
    ];
    const proposals = [{ key: "b", value: 7 }, { key: "a", value: 0.33333 }, { key: "b", value: 0.2 }];
    expect(refine(given, proposals)).toEqual([
      { key: "a", value: 0.3333, min: 0, max: 1, previous: 0.1, change: 0.2333, clamped: false },
      { key: "b", value: 1, min: -1, max: 1, previous: 0, change: 1, clamped: true },
      { key: "c", value: 0.5, min: 0, max: 1, previous: 0.5, change: 0, clamped: false },
    ]);
  });
});

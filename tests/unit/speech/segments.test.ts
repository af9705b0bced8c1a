import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { inOrder } from "../../../supabase/functions/_app/speech/segments.ts";

const seconds = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const segments = fc.array(
  fc.record({ start_s: seconds, end_s: seconds, text: fc.constantFrom("", "soup", "bread") }),
);

describe("inOrder", () => {
  it("leaves good segments as they are", () => {
    const good = [{ start_s: 0, end_s: 1.25, text: "soup" }, { start_s: 1.25, end_s: 3, text: "bread" }];
    expect(inOrder(good, 3)).toEqual(good);
  });

  it("keeps every text, inside the recording, forwards and in order", () => {
    fc.assert(fc.property(segments, fc.double({ min: 0.01, max: 1e5, noNaN: true }), (given, duration_s) => {
      const ordered = inOrder(given, duration_s);
      expect(ordered.map(({ text }) => text).toSorted())
        .toEqual(given.map(({ text }) => text).filter((text) => text !== "").toSorted());
      let last = 0;
      for (const { start_s, end_s } of ordered) {
        expect(start_s).toBeGreaterThanOrEqual(last);
        expect(end_s).toBeGreaterThanOrEqual(start_s);
        expect(end_s).toBeLessThanOrEqual(duration_s);
        last = start_s;
      }
    }));
  });
});

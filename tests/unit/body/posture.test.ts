import { describe, expect, it } from "vitest";

import { postures } from "../../../supabase/functions/_app/body/posture.ts";

const seen = (name: string, confidence: number) => ({ class: name, confidence });

describe("postures", () => {
  it("are each there once, the surest first", () => {
    expect(postures([seen("leaning", 0.2), seen("flat_back", 0.7), seen("leaning", 0.9)]))
      .toEqual([seen("leaning", 0.9), seen("flat_back", 0.7)]);
  });

  it("never are upright and not upright", () => {
    expect(postures([seen("leaning", 0.2), seen("upright", 0.7)])).toEqual([seen("upright", 0.7)]);
    expect(postures([seen("upright", 0.2), seen("leaning", 0.7)])).toEqual([seen("leaning", 0.7)]);
    expect(postures([])).toEqual([]);
  });
});

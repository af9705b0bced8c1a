import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Price } from "../../../supabase/functions/_shared/ledger/price.ts";
import {
  chargeOf,
  isUnused,
  responseCost,
  type Slice,
  Slices,
  talkCost,
  type TalkUsage,
} from "../../../supabase/functions/_shared/realtime/slices.ts";

const PRICE: Price = {
  per_1k_input_tokens: 4,
  per_1k_output_tokens: 16,
  per_1k_audio_input_tokens: 32,
  per_1k_audio_output_tokens: 64,
};
const BOUND = { input_tokens: 1_000, output_tokens: 500 };
/** 1,000 × 32 + 500 × 64 thousandths. */
const LEAST = 64;
const NOTHING: TalkUsage = {
  input_tokens: 0,
  output_tokens: 0,
  audio_input_tokens: 0,
  audio_output_tokens: 0,
};

const rate = fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: undefined });
const price: fc.Arbitrary<Price> = fc.record({
  per_1k_input_tokens: rate,
  per_1k_output_tokens: rate,
  per_1k_audio_input_tokens: rate,
  per_1k_audio_output_tokens: rate,
});
const bound = fc.record({
  input_tokens: fc.integer({ min: 1, max: 10_000 }),
  output_tokens: fc.integer({ min: 1, max: 10_000 }),
});
/** How a response within the bound divides into text and sound, in parts of it. */
const share = fc.record({
  input: fc.double({ min: 0, max: 1, noNaN: true }),
  inputSound: fc.double({ min: 0, max: 1, noNaN: true }),
  output: fc.double({ min: 0, max: 1, noNaN: true }),
  outputSound: fc.double({ min: 0, max: 1, noNaN: true }),
});

function within(
  { input_tokens, output_tokens }: typeof BOUND,
  { input, inputSound, output, outputSound }: { [name: string]: number },
): TalkUsage {
  const [given, made] = [Math.floor(input_tokens * input!), Math.floor(output_tokens * output!)];
  const [heard, spoken] = [Math.floor(given * inputSound!), Math.floor(made * outputSound!)];
  return {
    input_tokens: given - heard,
    audio_input_tokens: heard,
    output_tokens: made - spoken,
    audio_output_tokens: spoken,
  };
}

describe("the most that a response may cost", () => {
  it("is all of it at the dearer rate", () => {
    expect(responseCost(PRICE, BOUND)).toBe(LEAST);
    expect(responseCost({ per_1k_input_tokens: 10, per_1k_audio_output_tokens: 2 }, BOUND)).toBe(11);
  });

  it("is no less than any response within the bound", () => {
    fc.assert(fc.property(price, bound, share, (given, limit, part) => {
      expect(talkCost(given, within(limit, part))).toBeLessThanOrEqual(responseCost(given, limit));
    }));
  });
});

describe("slices", () => {
  it("of less than one response are refused", () => {
    expect(() => new Slices(PRICE, BOUND, LEAST - 1)).toThrow(TypeError);
    expect(() => new Slices(PRICE, BOUND, LEAST + 0.5)).toThrow(TypeError);
    expect(() => new Slices(PRICE, BOUND, LEAST)).not.toThrow();
  });

  it("are held in advance once half is used, and turned over once there is no room", () => {
    const slices = new Slices(PRICE, BOUND, 200);
    expect(slices).toMatchObject({ wantsHold: true, hasRoom: false, nextNumber: 1 });
    slices.add(200);
    expect(slices).toMatchObject({ wantsHold: false, hasRoom: true, nextNumber: 2 });
    slices.use({ ...NOTHING, input_tokens: 25_000 }); // 100 tokens: just half.
    expect(slices.wantsHold).toBe(false);
    slices.use({ ...NOTHING, input_tokens: 250 });
    expect(slices).toMatchObject({ wantsHold: true, hasRoom: true });
    slices.add(200);
    expect(slices.wantsHold).toBe(false);
    expect(slices.turnOver()).toBeUndefined();
    slices.use({ ...NOTHING, input_tokens: 9_000 });
    expect(slices.hasRoom).toBe(false);
    const finished = slices.turnOver()!;
    expect(finished).toMatchObject({ number: 1, held: 200, used: { input_tokens: 34_250 } });
    expect(chargeOf(PRICE, finished)).toBe(137);
    expect(slices.current).toMatchObject({ number: 2, used: NOTHING });
    expect(() => {
      slices.add(200);
      slices.add(200);
    }).toThrow("held already");
  });

  it("of which nobody knows the usage have no room any more, and no known cost", () => {
    const slices = new Slices(PRICE, BOUND, 200);
    slices.add(200);
    slices.use(undefined);
    slices.use({ ...NOTHING, input_tokens: 1 });
    expect(slices).toMatchObject({ hasRoom: false, wantsHold: true });
    const [slice] = slices.close();
    expect(chargeOf(PRICE, slice!)).toBeNull();
    expect(isUnused(PRICE, slice!)).toBe(false);
    expect(slices.close()).toEqual([]);
  });

  it("are never used beyond what they hold, count each usage once, and hold no more than two at once", () => {
    const steps = fc.array(fc.tuple(share, fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(price, bound, fc.integer({ min: 1, max: 5 }), steps, (given, limit, factor, run) => {
        const least = responseCost(given, limit);
        fc.pre(least > 0);
        const slices = new Slices(given, limit, least * factor);
        const finished: Slice[] = [];
        const used: TalkUsage[] = [];
        let open = 0;
        for (const [part, isPaid] of run) {
          if (slices.wantsHold && isPaid) {
            slices.add(least * factor);
            open += 1;
          }
          const done = slices.turnOver();
          if (done) {
            finished.push(done);
            open -= 1;
          }
          expect(open).toBeLessThanOrEqual(2);
          if (!slices.hasRoom) continue;
          const usage = within(limit, part);
          slices.use(usage);
          used.push(usage);
        }
        finished.push(...slices.close());
        for (const slice of finished) {
          expect(chargeOf(given, slice)).toBeLessThanOrEqual(slice.held);
          expect(isUnused(given, slice)).toBe(chargeOf(given, slice) === 0);
        }
        for (const name of Object.keys(NOTHING) as (keyof TalkUsage)[]) {
          const counted = finished.reduce((sum, slice) => sum + slice.used[name], 0);
          expect(counted).toBe(used.reduce((sum, usage) => sum + usage[name], 0));
        }
        expect(finished.map(({ number }) => number)).toEqual(finished.map((_slice, index) => index + 1));
      }),
    );
  });
});

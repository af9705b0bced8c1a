import * as fc from "fast-check";
import { Picture } from "../../../supabase/functions/_shared/media/inputs.ts";
import { describe, expect, it } from "vitest";

import {
  checkPrice,
  cost,
  DEFAULT_LIMITS,
  type Price,
  usageBound,
} from "../../../supabase/functions/_shared/ledger/price.ts";

const count = fc.integer({ min: 0, max: 10_000_000 });
const rate = fc.option(fc.integer({ min: 0, max: 10_000 }), { nil: undefined });
const price = fc.record({
  per_call: rate,
  per_1k_input_tokens: rate,
  per_1k_output_tokens: rate,
  per_image: rate,
  per_1k_seconds: rate,
  per_1k_characters: rate,
  per_1k_audio_input_tokens: rate,
  per_1k_audio_output_tokens: rate,
});
const usage = fc.record({
  input_tokens: count,
  output_tokens: count,
  images: fc.integer({ min: 0, max: 100 }),
  seconds: fc.integer({ min: 0, max: 100_000 }),
  characters: fc.integer({ min: 0, max: 100_000 }),
  audio_input_tokens: fc.option(count, { nil: undefined }),
  audio_output_tokens: fc.option(count, { nil: undefined }),
});
const NO_SOUND = { seconds: 0, characters: 0 };
const NO_LIMITS = { prompt_tokens: 0, output_tokens: 0, images: 0, ...NO_SOUND, calls: 1 };

describe("cost", () => {
  it.each<[Price, number, number, number, number]>([
    [{ per_call: 3 }, 5_000, 5_000, 2, 3],
    [{ per_image: 20 }, 5_000, 5_000, 3, 60],
    [{ per_1k_input_tokens: 1 }, 1, 0, 0, 1],
    [{ per_1k_input_tokens: 1 }, 1_000, 0, 0, 1],
    [{ per_1k_input_tokens: 1 }, 1_001, 0, 0, 2],
    [{ per_1k_input_tokens: 1, per_1k_output_tokens: 4 }, 600, 100, 0, 1],
    [{ per_call: 2, per_1k_input_tokens: 1, per_1k_output_tokens: 4, per_image: 5 }, 1_001, 333, 2, 15],
  ])("of %j for %i in, %i out and %i images is %i", (given, input_tokens, output_tokens, images, tokens) => {
    expect(cost(given, { input_tokens, output_tokens, images, ...NO_SOUND })).toBe(tokens);
  });

  it.each<[Price, number, number, number]>([
    [{ per_1k_seconds: 100 }, 60, 0, 6],
    [{ per_1k_seconds: 100 }, 61, 0, 7],
    [{ per_1k_characters: 15 }, 0, 300, 5],
    [{ per_call: 1, per_1k_seconds: 100, per_1k_characters: 15 }, 1, 20, 2],
  ])("of %j for %i seconds and %i characters is %i", (given, seconds, characters, tokens) => {
    expect(cost(given, { input_tokens: 0, output_tokens: 0, images: 0, seconds, characters })).toBe(tokens);
  });

  it("of sound counts apart from text", () => {
    const given = { per_1k_input_tokens: 4, per_1k_audio_input_tokens: 32, per_1k_audio_output_tokens: 64 };
    const used = { input_tokens: 250, output_tokens: 9, audio_input_tokens: 1_000, audio_output_tokens: 500 };
    expect(cost(given, { ...used, images: 0, ...NO_SOUND })).toBe(1 + 32 + 32);
  });

  it("is exact arithmetic, rounded up once (mistake 13)", () => {
    fc.assert(fc.property(price, usage, (given, used) => {
      const perThousand = BigInt(used.input_tokens) * BigInt(given.per_1k_input_tokens ?? 0) +
        BigInt(used.output_tokens) * BigInt(given.per_1k_output_tokens ?? 0) +
        BigInt(used.seconds) * BigInt(given.per_1k_seconds ?? 0) +
        BigInt(used.characters) * BigInt(given.per_1k_characters ?? 0) +
        BigInt(used.audio_input_tokens ?? 0) * BigInt(given.per_1k_audio_input_tokens ?? 0) +
        BigInt(used.audio_output_tokens ?? 0) * BigInt(given.per_1k_audio_output_tokens ?? 0);
      const exact = BigInt(given.per_call ?? 0) + BigInt(used.images) * BigInt(given.per_image ?? 0) +
        (perThousand + 999n) / 1000n;
      expect(BigInt(cost(given, used))).toBe(exact);
    }));
  });

  it("never falls when more is used", () => {
    fc.assert(fc.property(price, usage, usage, (given, used, more) => {
      const sum = {
        input_tokens: used.input_tokens + more.input_tokens,
        output_tokens: used.output_tokens + more.output_tokens,
        images: used.images + more.images,
        seconds: used.seconds + more.seconds,
        characters: used.characters + more.characters,
        audio_input_tokens: (used.audio_input_tokens ?? 0) + (more.audio_input_tokens ?? 0),
        audio_output_tokens: (used.audio_output_tokens ?? 0) + (more.audio_output_tokens ?? 0),
      };
      expect(cost(given, sum)).toBeGreaterThanOrEqual(cost(given, used));
    }));
  });
});

describe("usageBound", () => {
  it("counts the prompt, the input's bytes, photos, and every call", () => {
    const limits = { prompt_tokens: 100, output_tokens: 50, images: 3, seconds: 90, characters: 7, calls: 2 };
    expect(usageBound({ text: "soup" }, limits)).toEqual({ // {"text":"soup"} has 15 bytes
      input_tokens: 2 * (100 + 15),
      output_tokens: 2 * 50,
      images: 3,
      seconds: 90,
      characters: 7,
    });
    expect(usageBound({ photo: new Picture("data:image/png;base64,iVBORw0KGgo=") }, NO_LIMITS).input_tokens)
      .toBe(
        12 + 2_500,
      );
  });

  it("is at least one token for each byte of any text, as rare scripts and signs may cost", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const bytes = new TextEncoder().encode(text).length;
      expect(usageBound({ text }, NO_LIMITS).input_tokens).toBeGreaterThanOrEqual(bytes);
    }));
  });

  it("takes a long text for what it is, however it begins: only a picture is counted as one", () => {
    const text = "soup ".repeat(10_000);
    for (const start of ["data:", "data:,", "data:text/plain,", "data:image/", "data:image/png;base64,"]) {
      expect({
        start,
        isEnough: usageBound({ text: start + text }, NO_LIMITS).input_tokens >= text.length,
      })
        .toEqual({ start, isEnough: true });
    }
  });

  it("grows with the input and never falls", () => {
    fc.assert(fc.property(fc.array(fc.string()), fc.string(), (texts, more) => {
      const [before, after] = [texts, [...texts, more]].map((input) =>
        usageBound(input, DEFAULT_LIMITS).input_tokens
      );
      expect(after).toBeGreaterThanOrEqual(before!);
    }));
  });

  it("bounds what JSON leaves out, and an input that is nothing", () => {
    expect(usageBound(undefined, NO_LIMITS)).toEqual({
      input_tokens: 0,
      output_tokens: 0,
      images: 0,
      ...NO_SOUND,
    });
    expect(usageBound({ a: undefined }, NO_LIMITS).input_tokens).toBe(2);
  });
});

describe("checkPrice", () => {
  it("takes whole rates with one above 0", () => {
    expect(() => checkPrice("soup", { per_call: 1 })).not.toThrow();
    expect(() => checkPrice("soup", { per_call: 0, per_image: 20 })).not.toThrow();
  });

  it.each<[Price, RegExp]>([
    [{}, /every rate is 0/],
    [{ per_call: 0 }, /every rate is 0/],
    [{ per_call: 0.5 }, /per_call must be a whole number: it is 0.5/],
    [{ per_call: 1, per_image: -1 }, /per_image must be a whole number: it is -1/],
    [{ per_call: NaN }, /NaN/],
    [{ per_call: Infinity }, /Infinity/],
    [{ per_call: 2 ** 53 }, /per_call/],
    [{ per_call: "1" as unknown as number }, /per_call/],
  ])("refuses %j when the feature is declared (mistakes 12, 13)", (given, message) => {
    expect(() => checkPrice("soup", given)).toThrow(message);
    expect(() => checkPrice("soup", given)).toThrow(TypeError);
  });
});

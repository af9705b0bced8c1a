import { z } from "zod";

import type { Models } from "../../supabase/functions/_shared/models/models.ts";
import { charactersIn, type PricedUsage } from "../../supabase/functions/_shared/ledger/price.ts";
import { bodiesOf } from "../../tests/http/support/bodies.ts";
import type { Declared } from "./declared.ts";
import { PHOTO_TOKENS } from "./provider_prices.ts";
import { DEFAULT_CALL, TYPICAL_CALLS, type TypicalCall } from "./typical_calls.ts";

/** Characters per token, about the same for English prose and JSON. */
export const CHARACTERS_PER_TOKEN = 4;
/** The reasoning tokens of a model at its default effort, billed as output. */
export const REASONING_TOKENS = 500;
/** For a slow speaker, including spaces. */
const SPOKEN_CHARACTERS_PER_SECOND = 13;

const NOTHING: PricedUsage = { input_tokens: 0, output_tokens: 0, images: 0, seconds: 0, characters: 0 };

/** Ends a run at its first model call. */
class Asked extends Error {}

/**
 * The usage of a typical call. The prompt is what the feature really sends: the feature runs up to its first call of
 * a text model, whose prompt is measured and not answered. The table of typical calls has the length of the answer
 * and the number of calls.
 */
export async function typicalUsage(feature: Declared): Promise<{ call: TypicalCall; usage: PricedUsage }> {
  const call = TYPICAL_CALLS[feature.name] ?? DEFAULT_CALL;
  if (call.usage) return { call, usage: { ...NOTHING, ...call.usage } };
  const { sample } = await bodiesOf(feature.name);
  const input = feature.input!.parse({ ...sample, ...call.body });
  const usage: PricedUsage = { ...NOTHING };
  try {
    await feature.run?.({ input, models: measuringModels(call, usage), files: {}, show: () => {} });
  } catch (error) {
    if (!(error instanceof Asked)) throw error;
  }
  if (Object.values(usage).every((amount) => amount === 0)) {
    throw new Error(`${feature.name} calls no model, so its cost is unknown`);
  }
  return { call, usage };
}

function measuringModels(
  call: TypicalCall,
  usage: PricedUsage,
): Pick<Models, "object" | "text" | "image" | "transcribe" | "speech"> {
  const ask = (
    { system, user, images = [], schema }: Parameters<Models["text"]>[0] & { schema?: z.ZodType },
  ): never => {
    const calls = call.calls ?? 1;
    const format = schema ? JSON.stringify(z.toJSONSchema(schema, { unrepresentable: "any" })) : "";
    const characters = system.length + user.length + format.length;
    usage.input_tokens = calls *
      (Math.ceil(characters / CHARACTERS_PER_TOKEN) + images.length * PHOTO_TOKENS);
    usage.output_tokens = calls * (call.output_tokens + REASONING_TOKENS);
    throw new Asked();
  };
  return {
    object: ask,
    text: ask,
    image: ({ count }) => {
      usage.images = count;
      throw new Asked();
    },
    transcribe: () => {
      const seconds = call.seconds ?? 60;
      usage.seconds = seconds;
      const text = "word ".repeat(seconds * SPOKEN_CHARACTERS_PER_SECOND / 5);
      return Promise.resolve({ text, language: "en", segments: [], duration_s: seconds });
    },
    speech: ({ text }) => {
      usage.characters = charactersIn(text);
      throw new Asked();
    },
  };
}

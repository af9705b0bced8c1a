import { Picture } from "../media/inputs.ts";

/**
 * The price of one sold token. Feature prices are based on it, and docs/pricing.md compares it with the provider's
 * bill.
 */
export const TOKEN_VALUE_USD = 0.0025;

/** What a feature costs, in whole tokens. At least one rate is above 0. */
export interface Price {
  per_call?: number;
  per_1k_input_tokens?: number;
  per_1k_output_tokens?: number;
  per_image?: number;
  /** A second of sound or a character of speech costs much less than one token, so these are priced per 1,000. */
  per_1k_seconds?: number;
  per_1k_characters?: number;
  /** Sound in a conversation, which the model counts apart from its text. */
  per_1k_audio_input_tokens?: number;
  per_1k_audio_output_tokens?: number;
}

/** What a request used, or may use at most. */
export interface PricedUsage {
  input_tokens: number;
  output_tokens: number;
  images: number;
  /** Of transcribed recordings; each started second counts. */
  seconds: number;
  /** Of spoken texts, in Unicode code points. */
  characters: number;
  /** Of conversations; `input_tokens` and `output_tokens` then count only text. */
  audio_input_tokens?: number;
  audio_output_tokens?: number;
}

/** Limits for the models' input and output in one request. */
export interface UsageLimits {
  /** Tokens of the instructions and the answer's schema, in addition to the caller's input. */
  prompt_tokens: number;
  output_tokens: number;
  images: number;
  seconds: number;
  characters: number;
  /** How many model calls one request makes. */
  calls: number;
}

export const DEFAULT_LIMITS: UsageLimits = {
  prompt_tokens: 1_500,
  output_tokens: 2_000,
  images: 0,
  seconds: 0,
  characters: 0,
  calls: 1,
};

/** The least that a request with a recording costs. */
export const SHORTEST_RECORDING: PricedUsage = {
  input_tokens: 0,
  output_tokens: 0,
  images: 0,
  seconds: 1,
  characters: 0,
};

/**
 * A photo's input tokens: at most 1,536 patches, times 1.62. https://platform.openai.com/docs/guides/images-vision
 */
export const TOKENS_PER_PHOTO = 2_500;

/** What each rate counts, per 1 or per 1,000. */
const RATES: Record<keyof Price, { per: 1 | 1_000; quantity(usage: PricedUsage): number }> = {
  per_call: { per: 1, quantity: () => 1 },
  per_1k_input_tokens: { per: 1_000, quantity: (usage) => usage.input_tokens },
  per_1k_output_tokens: { per: 1_000, quantity: (usage) => usage.output_tokens },
  per_image: { per: 1, quantity: (usage) => usage.images },
  per_1k_seconds: { per: 1_000, quantity: (usage) => usage.seconds },
  per_1k_characters: { per: 1_000, quantity: (usage) => usage.characters },
  per_1k_audio_input_tokens: { per: 1_000, quantity: (usage) => usage.audio_input_tokens ?? 0 },
  per_1k_audio_output_tokens: { per: 1_000, quantity: (usage) => usage.audio_output_tokens ?? 0 },
};

/** One rate of a price, and what a usage costs at it. */
export interface PriceLine {
  rate: keyof Price;
  rate_tokens: number;
  quantity: number;
  /** May be a fraction. */
  tokens: number;
}

/** How a cost is computed, rate by rate. */
export function priceLines(price: Price, usage: PricedUsage): PriceLine[] {
  return (Object.keys(RATES) as (keyof Price)[]).filter((rate) => price[rate]).map((rate) => {
    const [rate_tokens, quantity] = [price[rate]!, RATES[rate].quantity(usage)];
    return { rate, rate_tokens, quantity, tokens: quantity * rate_tokens / RATES[rate].per };
  });
}

/** The cost of a usage. Fractions of a token are summed first and rounded up once. */
export function cost(price: Price, usage: PricedUsage): number {
  let whole = 0;
  let thousandths = 0;
  for (const rate of Object.keys(RATES) as (keyof Price)[]) {
    const tokens = (price[rate] ?? 0) * RATES[rate].quantity(usage);
    if (RATES[rate].per === 1) whole += tokens;
    else thousandths += tokens;
  }
  return whole + Math.ceil(thousandths / 1_000);
}

/** A text's length for pricing, the same in every script. */
export function charactersIn(text: string): number {
  return [...text].length;
}

/** A text's length in UTF-8. */
export function bytesIn(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * The most that a request may use, from the size of its input and the limits of the answer. It counts one token per
 * byte: no tokeniser makes more, and with rare scripts or many symbols it makes as many.
 */
export function usageBound(input: unknown, limits: UsageLimits): PricedUsage {
  const { bytes, photos } = inputSize(input);
  const callTokens = limits.prompt_tokens + bytes + photos * TOKENS_PER_PHOTO;
  return {
    input_tokens: limits.calls * callTokens,
    output_tokens: limits.calls * limits.output_tokens,
    images: limits.images,
    seconds: limits.seconds,
    characters: limits.characters,
  };
}

function inputSize(value: unknown): { bytes: number; photos: number } {
  let photos = 0;
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key, part) {
    if (!(this[key] instanceof Picture)) return part;
    photos += 1;
    return "";
  });
  return { bytes: bytesIn(text ?? ""), photos };
}

/** Throws for a price that cannot be charged, when the feature is declared. */
export function checkPrice(name: string, price: Price): void {
  const rates = Object.entries(price);
  const wrong = rates.find(([_rate, tokens]) => !Number.isSafeInteger(tokens) || tokens < 0);
  if (wrong) {
    throw new TypeError(`Cannot price ${name} as ${wrong[0]} must be a whole number: it is ${wrong[1]}`);
  }
  if (!rates.some(([_rate, tokens]) => tokens > 0)) {
    throw new TypeError(`Cannot price ${name} as every rate is 0`);
  }
}

import type { Price, PriceLine } from "../../supabase/functions/_shared/ledger/price.ts";

const UNITS: Record<keyof Price, string> = {
  per_call: "a call",
  per_1k_input_tokens: "1,000 input tokens",
  per_1k_output_tokens: "1,000 output tokens",
  per_1k_audio_input_tokens: "1,000 tokens of sound heard",
  per_1k_audio_output_tokens: "1,000 tokens of sound spoken",
  per_image: "an image",
  per_1k_seconds: "1,000 seconds of audio",
  per_1k_characters: "1,000 characters",
};

/** `2 a call + 1 per 1,000 input tokens`, in Tessera tokens. */
export function describePrice(price: Price): string {
  const rates = (Object.entries(price) as [keyof Price, number][]).filter(([, tokens]) => tokens > 0);
  return rates.map(([rate, tokens]) => `${tokens} per ${(UNITS[rate] ?? rate).replace(/^an? /, "")}`).join(
    " + ",
  );
}

/** `1,234 × 4 per 1,000 output tokens = 4.936`. */
export function describeLine({ rate, rate_tokens, quantity, tokens }: PriceLine): string {
  const unit = (UNITS[rate] ?? rate).replace(/^an? /, "");
  return `${quantity.toLocaleString("en")} × ${rate_tokens} per ${unit} = ${Number(tokens.toFixed(3))}`;
}

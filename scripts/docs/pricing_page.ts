import { cost, type PricedUsage, TOKEN_VALUE_USD } from "../../supabase/functions/_shared/ledger/price.ts";
import { table } from "./api_page.ts";
import type { Declared } from "./declared.ts";
import { describePrice } from "./price_words.ts";
import {
  PHOTO_SOURCE,
  PHOTO_TOKENS,
  PRICES_AS_OF,
  PROVIDER_PRICES,
  type ProviderPrice,
} from "./provider_prices.ts";
import { CHARACTERS_PER_TOKEN, REASONING_TOKENS, typicalUsage } from "./typical_usage.ts";

/** The cost of a typical call, for the user and at the provider. */
export interface TypicalCost {
  name: string;
  what: string;
  usage: PricedUsage;
  tokens: number;
  user_usd: number;
  provider_usd: number;
}

export async function typicalCost(feature: Declared): Promise<TypicalCost> {
  const { call, usage } = await typicalUsage(feature);
  const tokens = cost(feature.price!, usage);
  return {
    name: feature.name,
    what: call.what,
    usage,
    tokens,
    user_usd: tokens * TOKEN_VALUE_USD,
    provider_usd: providerCost(feature, usage),
  };
}

function providerCost({ kind }: Declared, usage: PricedUsage): number {
  const { text, realtime, image, transcribe, speech } = PROVIDER_PRICES;
  const words = kind === "conversation" ? realtime : text;
  return usage.input_tokens * words.input_token + usage.output_tokens * words.output_token +
    (usage.audio_input_tokens ?? 0) * realtime.audio_input_token +
    (usage.audio_output_tokens ?? 0) * realtime.audio_output_token +
    usage.images * image.image + usage.seconds * transcribe.second + usage.characters * speech.character;
}

/** The page of prices, as Markdown. */
export async function pricingPage(functions: Declared[]): Promise<string> {
  const features = functions.filter(({ kind }) => kind !== "plain");
  const costs = await Promise.all(features.map(typicalCost));
  return `# Pricing

Written by \`deno task docs\` from the features' declared prices. One Tessera token is worth **${
    usd(TOKEN_VALUE_USD)
  }**
(\`TOKEN_VALUE_USD\` in \`supabase/functions/_shared/ledger/price.ts\`). A call is charged for what it used, summed up and
rounded up once to a whole token; a provider's failure costs nothing. While the call
runs, its maximum cost is held.

## What a typical call costs

${
    table(
      ["feature", "a typical call", "uses", "tokens", "user pays", "provider bills", "ratio"],
      costs.map(({ name, what, usage, tokens, user_usd, provider_usd }) => [
        `[${name}](api.md#${name})`,
        what,
        uses(usage),
        String(tokens),
        usd(user_usd),
        usd(provider_usd),
        (user_usd / provider_usd).toFixed(1),
      ]),
    )
  }

The ratio is the user's price divided by the provider's bill; the part above 1 pays for everything else.

## Prices

In Tessera tokens.

${
    table(
      ["feature", "price"],
      functions.flatMap(({ name, price }) => price ? [[name, describePrice(price)]] : []),
    )
  }

## What a failure costs

| what failed                                                                | costs                                       | code                                 |
| -------------------------------------------------------------------------- | ------------------------------------------- | ------------------------------------ |
| no model was called: input, balance, limits, a picture                      | nothing                                     | 400 to 429                           |
| the provider: unreachable, overloaded, broken off, unreadable, silent       | nothing, whatever was shown                 | \`provider_error\`, \`provider_timeout\` |
| the model wrote an answer that does not fit the request                     | nothing; what it used, once a part was shown | \`provider_error\`; \`answer_refused\`  |
| the model still writes when the time is up                                  | nothing; what it used, once a part was shown | \`provider_timeout\`; \`answer_refused\` |
| the answer breaks the caller's own rules: allergies, diet, time, targets    | what was used                               | \`answer_refused\`                     |
| the model refuses what it is asked, or writes beyond the answer's limit     | what was used                               | \`answer_refused\`                     |
| a recording without speech (\`activity-transcriber\`)             | what was used                               | \`answer_refused\`                     |
| a recording that is longer than its file states                               | what was used                               | \`answer_refused\`                     |
| our server                                                                  | nothing                                     | \`internal\`, \`service_unavailable\`  |

A caller can cause the failures with \`answer_refused\` as often as it likes, and the provider bills each time. "What was
used" is its price, at most the hold. Such a failure is stored under the request's \`Idempotency-Key\` like an answer: a
retry gets the same failure and costs nothing more. The usage of a free failure is recorded with the request. The 21st
failure within an hour for which a provider was paid is recorded as the anomaly \`paid_failures\`.

## How this was estimated

- **Input tokens**: the prompt that the feature really sends for the example in the [reference](api.md), or for the call
  in the table: its instructions, the caller's words and the schema of the answer, at ${CHARACTERS_PER_TOKEN} characters a
  token. A photo counts ${count(PHOTO_TOKENS)} tokens, for 1024 x 1024 pixels ([guide](${PHOTO_SOURCE})).
- **Output tokens**: the assumed length of a typical answer (\`scripts/docs/typical_calls.ts\`), plus
  ${REASONING_TOKENS} per call, because the default model reasons before it answers and bills that as output.
- Discounts for cached input, retries and uncharged failures are left out; the provider may bill the latter.
- These are estimates for comparison. The ledger has the real usage of each charge.

## What the provider bills

The default models' list prices as of ${PRICES_AS_OF}. Look them up before you rely on them. For other models or
providers, change \`scripts/docs/provider_prices.ts\`.

${table(["model", "price", "source", "note"], Object.values(PROVIDER_PRICES).map(providerRow))}
`;
}

function providerRow(price: ProviderPrice): string[] {
  const rates = [
    [price.input_token, 1_000_000, "1,000,000 input tokens"],
    [price.output_token, 1_000_000, "1,000,000 output tokens"],
    [price.audio_input_token, 1_000_000, "1,000,000 tokens heard"],
    [price.audio_output_token, 1_000_000, "1,000,000 tokens spoken"],
    [price.image, 1, "image"],
    [price.second, 60, "minute"],
    [price.character, 1_000_000, "1,000,000 characters"],
  ] as const;
  const told = rates.flatMap(([rate, times, unit]) =>
    rate === undefined ? [] : [`${usd(rate * times)} per ${unit}`]
  );
  return [price.model, told.join(", "), `<${price.source}>`, price.note ?? ""];
}

const UNITS: [keyof PricedUsage, string][] = [
  ["input_tokens", "in"],
  ["output_tokens", "out"],
  ["audio_input_tokens", "heard"],
  ["audio_output_tokens", "spoken"],
  ["images", "image"],
  ["seconds", "s"],
  ["characters", "characters"],
];

function uses(usage: PricedUsage): string {
  return UNITS.filter(([key]) => (usage[key] ?? 0) > 0).map(([key, unit]) => `${count(usage[key]!)} ${unit}`)
    .join(
      ", ",
    );
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Only the significant digits: $0.05, $0.018, $0.0023. */
function usd(value: number): string {
  const digits = value >= 0.01 ? 3 : 4;
  return `$${value.toFixed(digits).replace(/(\.\d\d)0+$/, "$1")}`;
}

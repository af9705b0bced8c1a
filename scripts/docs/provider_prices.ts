/** What the provider bills, in USD. From the vendor's pages, as of the date below. Prices are kept only here. */
export interface ProviderPrice {
  /** The default of `settings.ts` for this kind of call. */
  model: string;
  source: string;
  note?: string;
  input_token?: number;
  output_token?: number;
  image?: number;
  second?: number;
  character?: number;
  audio_input_token?: number;
  audio_output_token?: number;
}

export const PRICES_AS_OF = "2026-11-21";

const MILLION = 1_000_000;
const MODELS_PAGE = "https://developers.openai.com/api/docs/models";

export const PROVIDER_PRICES = {
  text: {
    model: "gpt-5.4-mini",
    source: `${MODELS_PAGE}/gpt-5.4-mini`,
    note: "text and vision",
    input_token: 0.75 / MILLION,
    output_token: 4.5 / MILLION,
  },
  image: {
    model: "gpt-image-2",
    source: `${MODELS_PAGE}/gpt-image-2`,
    note: "1024x1024 at medium quality, as requested; billed in tokens, about this per picture",
    image: 0.053,
  },
  transcribe: { model: "whisper-1", source: `${MODELS_PAGE}/whisper-1`, second: 0.006 / 60 },
  realtime: {
    model: "gpt-realtime",
    source: `${MODELS_PAGE}/gpt-realtime`,
    note: "earlier sound is cheaper from the vendor's cache, which is not counted here",
    input_token: 4 / MILLION,
    output_token: 16 / MILLION,
    audio_input_token: 32 / MILLION,
    audio_output_token: 64 / MILLION,
  },
  speech: { model: "tts-1", source: `${MODELS_PAGE}/tts-1`, character: 15 / MILLION },
} satisfies Record<string, ProviderPrice>;

/** A photo of 1024 x 1024: its patches of 32 x 32, times what the vendor's guide says for this model. */
export const PHOTO_TOKENS = Math.ceil(32 * 32 * 1.62);
export const PHOTO_SOURCE = "https://developers.openai.com/api/docs/guides/images-vision";

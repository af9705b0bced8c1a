/** The usage of one call as the provider counted it; null if it reported none or an impossible count. */
export type Usage = { input_tokens: number; output_tokens: number } | null;

/** What a run has used so far in all its calls, including those with unusable answers. */
export interface RunUsage {
  input_tokens: number;
  output_tokens: number;
  images: number;
  seconds: number;
  characters: number;
  /** Requests that the provider may charge for, without those that it refused or never got. */
  calls: number;
  /** False as soon as one call's tokens are unknown, so that the sums above are too low. Does not cover images. */
  known: boolean;
  /** The model that answered last, null before the first answer. */
  model: string | null;
}

/** Adds up the usage of one run's calls. */
export class UsageMeter {
  readonly #total: RunUsage = {
    input_tokens: 0,
    output_tokens: 0,
    images: 0,
    seconds: 0,
    characters: 0,
    calls: 0,
    known: true,
    model: null,
  };

  /** Adds one charged call; unknown usage never counts as zero. */
  count(
    usage: Usage,
    model: string | null,
    pieces: Partial<Pick<RunUsage, "images" | "seconds" | "characters">> = {},
  ): void {
    const total = this.#total;
    total.calls++;
    total.images += pieces.images ?? 0;
    total.seconds += pieces.seconds ?? 0;
    total.characters += pieces.characters ?? 0;
    total.model = model ?? total.model;
    if (usage === null) total.known = false;
    total.input_tokens += usage?.input_tokens ?? 0;
    total.output_tokens += usage?.output_tokens ?? 0;
  }

  read(): RunUsage {
    return { ...this.#total };
  }
}

/**
 * Reads the provider's report. No request or answer has 0 tokens, so 0 counts as unknown, like a fraction or a
 * negative number; the SDK also fills in 0 where only one of the two counts is reported.
 */
export function readUsage(
  { inputTokens, outputTokens }: { inputTokens?: number; outputTokens?: number },
): Usage {
  if (!isCount(inputTokens) || !isCount(outputTokens)) return null;
  return { input_tokens: inputTokens, output_tokens: outputTokens };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** The reported token counts of a chat's answer. */
export interface ChatUsage {
  inputTokens?: number;
  outputTokens?: number;
  reasoningTokens?: number;
}

/**
 * The `usage` of a chat's answer. Some servers count reasoning only in `total_tokens` and not in `completion_tokens`,
 * and bill it: the billed output is the total minus the prompt.
 */
export function readChatUsage(usage: unknown): ChatUsage {
  const { prompt_tokens, completion_tokens, total_tokens, completion_tokens_details } =
    (usage ?? {}) as Record<string, unknown>;
  const reasoning = (completion_tokens_details as Record<string, unknown> | null | undefined)
    ?.reasoning_tokens;
  const reasoningTokens = isCount(reasoning) ? reasoning : undefined;
  const inputTokens = typeof prompt_tokens === "number" ? prompt_tokens : undefined;
  const written = typeof completion_tokens === "number" ? completion_tokens : undefined;
  return { inputTokens, outputTokens: billedOutput(), reasoningTokens };

  function billedOutput(): number | undefined {
    // An answer may be only reasoning; a missing or invalid count stays unknown, whatever the total is.
    if (!isCount(inputTokens) || !Number.isSafeInteger(written) || written! < 0) return written;
    if (isCount(total_tokens)) return Math.max(written!, total_tokens - inputTokens);
    return reasoningTokens !== undefined && reasoningTokens > written! ? written! + reasoningTokens : written;
  }
}

const BYTES_PER_TOKEN = 4;

/** Estimates the tokens of a text, for an answer that was stopped before its provider counted them. */
export function tokensIn(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / BYTES_PER_TOKEN);
}

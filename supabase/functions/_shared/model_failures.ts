import { AppError } from "./errors.ts";

type Sdk = typeof import("ai");

/** Why a provider gave nothing of use, each with the words that are safe to show. */
const FAILURES = {
  misconfigured: "The AI provider does not accept this server's request",
  rejected: "The AI provider rejected the request",
  rate_limited: "The AI provider is handling too many requests",
  unavailable: "The AI provider is not available",
  unreachable: "The AI provider cannot be reached",
  cut: "The AI provider's answer broke off",
  garbage: "The AI provider's answer cannot be read",
  nonsense: "The AI model's answer is not what was asked for",
  wrong_shape: "The AI model's answer is not what was asked for",
  refused: "The AI model refused to answer",
  empty: "The AI model gave an empty answer",
  truncated: "The AI model's answer was too long and was cut off",
  timeout: "The AI provider took too long",
} as const;

export type FailureReason = keyof typeof FAILURES;

interface FailureFacts {
  model: string;
  /** Not given where an answer arrived whole and is itself at fault. */
  tries?: number;
  status?: number;
  vendorCode?: string;
  detail?: string;
}

/** The cause of an `AppError`, for the log alone: no key, no prompt, of an answer only its fields' names. */
export class ModelFailure extends Error {
  override readonly name = "ModelFailure";

  constructor(
    readonly reason: FailureReason,
    readonly facts: FailureFacts,
  ) {
    super(`${reason} ${JSON.stringify(facts)}`);
  }
}

/** The longest part of a provider's own words that is kept for the log. */
export const MOST_DETAIL_CHARACTERS = 300;
/** A provider's words that repeat this much of a prompt are not kept. */
const QUOTE_CHARACTERS = 16;

/** How far one try came, which the SDK's errors do not say. */
export interface Progress {
  isSent: boolean;
  isUnreachable: boolean;
  /** The provider began a good answer, so it may charge for it. */
  isCharged: boolean;
}

/** Why a try failed; undefined when the provider had no part in it. */
export function reasonOf(
  error: unknown,
  { isCharged, isUnreachable }: Progress,
  sdk: Sdk,
): FailureReason | undefined {
  if (isCharged) {
    if (sdk.NoImageGeneratedError.isInstance(error)) return "empty";
    const cause = sdk.APICallError.isInstance(error) ? error.cause : error;
    const isUnreadable = [sdk.JSONParseError, sdk.TypeValidationError, sdk.InvalidResponseDataError]
      .some((kind) => kind.isInstance(cause));
    if (isUnreadable) return "garbage";
    return sdk.APICallError.isInstance(error) ? "cut" : undefined;
  }
  if (isUnreachable) return "unreachable";
  const status = sdk.APICallError.isInstance(error) ? error.statusCode : undefined;
  if (status === undefined) return undefined;
  if (status === 429) return "rate_limited";
  if (status === 408 || status >= 500) return "unavailable";
  return [401, 403, 404].includes(status) ? "misconfigured" : "rejected";
}

/** What the log may know of a provider's refusal: its words too, unless they repeat the key or the prompt. */
export function vendorFacts(error: unknown, sdk: Sdk, apiKey: string, prompt: string) {
  if (!sdk.APICallError.isInstance(error)) return {};
  const vendor = (error.data as { error?: { code?: unknown } } | undefined)?.error;
  const detail = vendor === undefined || error.message.includes(apiKey) || quotes(error.message, prompt)
    ? undefined
    : error.message.slice(0, MOST_DETAIL_CHARACTERS);
  return {
    status: error.statusCode,
    ...typeof vendor?.code === "string" && { vendorCode: vendor.code },
    ...detail !== undefined && { detail },
  };
}

/** True when the message repeats a stretch of the prompt. */
function quotes(message: string, prompt: string): boolean {
  const width = Math.min(QUOTE_CHARACTERS, prompt.length);
  for (let at = 0; width > 0 && at + width <= message.length; at++) {
    if (prompt.includes(message.slice(at, at + width))) return true;
  }
  return false;
}

export function failure(reason: FailureReason, facts: FailureFacts): AppError {
  const code = reason === "timeout" ? "provider_timeout" : "provider_error";
  return new AppError(code, FAILURES[reason], { cause: new ModelFailure(reason, facts) });
}

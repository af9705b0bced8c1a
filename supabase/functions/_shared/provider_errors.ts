import {
  APICallError,
  InvalidResponseDataError,
  JSONParseError,
  TypeValidationError,
} from "@ai-sdk/provider";
import { createJsonErrorResponseHandler } from "@ai-sdk/provider-utils";
import { z } from "zod";

import { type FailureReason, MOST_DETAIL_CHARACTERS } from "./model_failures.ts";
import type { Progress } from "./provider_connection.ts";

/** A provider's words that repeat this much of a prompt are not kept. */
const QUOTE_CHARACTERS = 16;

/** Why an answer that began well has no end; the cause says how. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
}

/** Why a try failed; undefined when the provider had no part in it. */
export function reasonOf(
  error: unknown,
  { isCharged, isUnreachable }: Progress,
): FailureReason | undefined {
  if (isCharged) {
    const isOfAnswer = APICallError.isInstance(error) || error instanceof BrokenOff;
    const cause = isOfAnswer ? error.cause : error;
    const isUnreadable = [JSONParseError, TypeValidationError, InvalidResponseDataError]
      .some((kind) => kind.isInstance(cause));
    if (isUnreadable) return "garbage";
    return isOfAnswer ? "cut" : undefined;
  }
  if (isUnreachable) return "unreachable";
  const status = APICallError.isInstance(error) ? error.statusCode : undefined;
  if (status === undefined) return undefined;
  if (status === 429) return "rate_limited";
  if (status === 408 || status >= 500) return "unavailable";
  return [401, 403, 404].includes(status) ? "misconfigured" : "rejected";
}

/** A refusal as the SDK's error, also when its reason did not arrive. */
export async function refusalOf(response: Response, url: string, requestBodyValues: unknown): Promise<Error> {
  try {
    return (await failedResponseHandler({ response, url, requestBodyValues })).value;
  } catch (cause) {
    const { status: statusCode, statusText: message } = response;
    return new APICallError({ message, cause, statusCode, url, requestBodyValues });
  }
}

/** Reads a refusal in the form that OpenAI has given it. */
export const failedResponseHandler = createJsonErrorResponseHandler({
  errorSchema: z.object({ error: z.object({ message: z.string(), code: z.any().optional() }) }),
  errorToMessage: ({ error }) => error.message,
});

/** What a provider that refused says of when to come again. */
export function retryAfterOf(error: unknown): string | undefined {
  return APICallError.isInstance(error) ? error.responseHeaders?.["retry-after"] : undefined;
}

/** What the log may know of a provider's refusal: its words too, unless they repeat the key or the prompt. */
export function vendorFacts(error: unknown, apiKey: string, prompt: string) {
  if (!APICallError.isInstance(error)) return {};
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

import {
  APICallError,
  InvalidResponseDataError,
  JSONParseError,
  TypeValidationError,
} from "@ai-sdk/provider";
import { createJsonErrorResponseHandler } from "@ai-sdk/provider-utils";
import { z } from "zod";

import { type FailureReason, MAX_DETAIL_CHARACTERS } from "./failures.ts";
import { withoutSecrets } from "../platform/log.ts";
import type { Progress } from "./connection.ts";
import { type Refusal, refusalIn, wordsIn } from "./refusals.ts";

const MAX_CAUSES = 5;

/** A provider's message that repeats this many characters of a prompt is not logged. */
const QUOTE_CHARACTERS = 16;

/** An answer that started well broke off; the cause says why. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
}

/** The provider cannot use this recording; the cause is its refusal. */
export class UnusableRecording extends Error {
  override readonly name = "UnusableRecording";
}

/** Why a try failed; undefined when the provider did not cause it. */
export function reasonOf(
  error: unknown,
  { isCharged, isUnreachable }: Progress,
): FailureReason | undefined {
  if (error instanceof UnusableRecording) return "unusable_recording";
  if (isCharged) {
    const isOfAnswer = APICallError.isInstance(error) || error instanceof BrokenOff;
    const cause = isOfAnswer ? error.cause : error;
    const isUnreadable = [JSONParseError, TypeValidationError, InvalidResponseDataError]
      .some((kind) => kind.isInstance(cause));
    if (isUnreadable) return "garbage";
    if (!isOfAnswer) return undefined;
    return APICallError.isInstance(cause) && refusalOfError(cause).isOfContent ? "refused" : "cut";
  }
  if (isUnreachable) return "unreachable";
  const status = APICallError.isInstance(error) ? error.statusCode : undefined;
  if (status === undefined) return undefined;
  const { isOfFunds, isOfContent, isOfAnswer } = refusalOfError(error);
  if (isOfFunds) return "out_of_funds";
  if (isOfContent) return "refused";
  if (isOfAnswer) return "nonsense";
  if (status === 402 || status === 429) return "rate_limited";
  if (status === 408 || status >= 500) return "unavailable";
  return [401, 403, 404].includes(status) ? "misconfigured" : "rejected";
}

/** The provider's refusal; empty if the error did not come from the provider. */
export function refusalOfError(error: unknown): Refusal {
  const given = error instanceof BrokenOff || error instanceof UnusableRecording ? error.cause : error;
  if (!APICallError.isInstance(given)) return refusalIn({});
  return refusalIn({
    status: given.statusCode,
    body: given.data ?? plainText(given.responseBody),
    isTimed: given.responseHeaders?.["retry-after"] !== undefined,
  });
}

/** Reads a text; the HTML page of a proxy says nothing. */
function plainText(body: string | undefined): string | undefined {
  return body === undefined || /^\s*</.test(body) ? undefined : body;
}

/** A refusal as the SDK's error, even when its body did not arrive. */
export async function refusedWith(
  response: Response,
  url: string,
  requestBodyValues: unknown,
): Promise<Error> {
  try {
    return (await failedResponseHandler({ response, url, requestBodyValues })).value;
  } catch (cause) {
    const { status: statusCode, statusText: message } = response;
    return new APICallError({ message, cause, statusCode, url, requestBodyValues });
  }
}

/** An error instead of an answer, after status 200. */
export function errorInAnswer(data: unknown, url: string): BrokenOff {
  const cause = new APICallError({
    message: wordsIn(data).message,
    data,
    url,
    requestBodyValues: undefined,
  });
  return new BrokenOff("The provider gave an error in place of the answer", { cause });
}

/** Reads a refusal in any form. */
export const errorStructure = {
  errorSchema: z.unknown(),
  errorToMessage: (body: unknown) => wordsIn(body).message,
};

export const failedResponseHandler = createJsonErrorResponseHandler(errorStructure);

/** When a refusal says to try again. */
export function retryAfterOf(error: unknown): string | undefined {
  return APICallError.isInstance(error) ? error.responseHeaders?.["retry-after"] : undefined;
}

/**
 * A provider's refusal for the log, including its message unless that repeats the key or the prompt. If the provider
 * did not answer at all, the network's error.
 */
export function vendorFacts(error: unknown, apiKey: string, prompt: string) {
  const { status, message: words, code } = refusalOfError(error);
  const message = words === "" && status === undefined ? networkWords(error) : words;
  const isQuoting = message.includes(apiKey) || quotes(message, prompt);
  return {
    ...status !== undefined && { status },
    ...code !== undefined && { vendorCode: code },
    ...message !== "" && !isQuoting && { detail: message.slice(0, MAX_DETAIL_CHARACTERS) },
  };
}

/** The last messages in the chain of causes: name, address and reason, without a stack. */
function networkWords(error: unknown): string {
  const messages: string[] = [];
  for (let one = error; one instanceof Error && messages.length < MAX_CAUSES; one = one.cause) {
    messages.push(withoutSecrets(one.message));
  }
  return messages.slice(-2).join(": ");
}

/** True if the message repeats a part of the prompt. */
function quotes(message: string, prompt: string): boolean {
  const width = Math.min(QUOTE_CHARACTERS, prompt.length);
  for (let at = 0; width > 0 && at + width <= message.length; at++) {
    if (prompt.includes(message.slice(at, at + width))) return true;
  }
  return false;
}

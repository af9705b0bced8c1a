import type { z } from "zod";

import { jsonIn, withoutThoughts } from "./answer_text.ts";
import type { openCalls } from "./calls.ts";
import type { ChatAnswer, Prompt } from "./chat_model.ts";
import { failure } from "./failures.ts";
import { faultOf } from "./finish_reasons.ts";
import type { ModelsConfig } from "./provider.ts";
import { readUsage, tokensIn, type UsageMeter } from "./usage.ts";
import { TOKENS_PER_PHOTO } from "../ledger/price.ts";

/**
 * Turns an unfinished answer into a draft of the feature's output: a feature that checks or computes shows only what
 * it has checked. Without this function, everything that fits the output is shown.
 */
export type Draft = (written: unknown) => unknown;

/** Reads the complete parts of an unfinished answer; undefined before the first is complete. */
export type ReadDraft = () => Promise<unknown>;

/** A language model's answer: complete, and counted. */
export interface Written {
  text: string;
  /** The model that answered, as the provider reports it. */
  model: string;
  /** The model that was asked for. */
  asked: string;
}

/**
 * Opens the language models of one run: the returned function asks one, streams its answer if `onDraft` is given, and
 * counts its usage before the answer is checked.
 */
export function openLanguageModels(
  { calls, meter, config, headers, maxOutputTokens, onDraft }: {
    calls: Pick<ReturnType<typeof openCalls>, "call" | "noteWriting">;
    meter: UsageMeter;
    config: ModelsConfig;
    headers: Record<string, string> | undefined;
    maxOutputTokens: number | undefined;
    onDraft: ((read: ReadDraft) => void) | undefined;
  },
) {
  return async function ask(
    prompt: Prompt & { onText?: (text: string) => void },
    schema?: z.ZodType,
    draft: Draft = (written) => written,
  ): Promise<Written> {
    const kind = prompt.images?.length ? "vision" : "text";
    const words = prompt.system + prompt.user;
    const { reasoningEffort } = config;
    let soFar = "";
    const answer = await calls.call<ChatAnswer>({
      model: config[`${kind}Model`],
      prompt: words,
      run: ({ sdk, provider, abortSignal, dialect, onSend }) => {
        const request = {
          ...prompt,
          schema,
          maxOutputTokens,
          reasoningEffort,
          dialect,
          onSend,
          abortSignal,
          headers,
        };
        if (onDraft === undefined) return sdk.ask(provider[kind], provider.connection, request);
        return sdk.askForStream(provider[kind], provider.connection, {
          ...request,
          onText(delta) {
            calls.noteWriting();
            soFar += delta;
            if (schema === undefined) prompt.onText?.(withoutThoughts(soFar));
            else onDraft(async () => draft(await readJsonSoFar(jsonIn(soFar))));
          },
        });
      },
      usedByNow: () => ({
        input_tokens: tokensIn(words) + (prompt.images?.length ?? 0) * TOKENS_PER_PHOTO,
        output_tokens: tokensIn(soFar),
      }),
      faultOf: ({ ending, text }) => faultOf(ending, withoutThoughts(text)),
    });
    const { model } = answer;
    meter.count(readUsage(answer.usage), model);
    const text = withoutThoughts(answer.text);
    const fault = faultOf(answer.ending, text);
    if (fault === undefined) return { text, model, asked: config[`${kind}Model`] };
    const { reasoningTokens } = answer.usage;
    const isOverLimit = fault === "truncated" || fault === "only_reasoning";
    throw failure(fault, {
      model,
      ...isOverLimit && reasoningTokens !== undefined && {
        detail: `${reasoningTokens} of ${answer.usage.outputTokens} tokens went on reasoning`,
      },
    });
  };
}

/** The complete parts of the value: a number at the end of the text may get more digits. */
async function readJsonSoFar(text: string): Promise<unknown> {
  const { parsePartialJson } = await import("ai");
  return (await parsePartialJson(text.replace(/[-+.\deE]+$/, ""))).value;
}

import { parseJsonEventStream } from "@ai-sdk/provider-utils";
import { z } from "zod";

import { BrokenOff, errorInAnswer } from "./provider_errors.ts";

/** A streamed answer of a chat. */
export interface StreamedAnswer {
  text: string;
  finishReason: string;
  isRefusal: boolean;
  /** As reported last; undefined if never reported. */
  usage: unknown;
  model: string | undefined;
}

/**
 * The fields of a chunk that are read. Any may be missing: servers differ in what the first and the last chunk have.
 */
interface Chunk {
  model?: string | null;
  choices?: { delta?: Delta | null; finish_reason?: string | null }[] | null;
  usage?: unknown;
  x_groq?: { usage?: unknown } | null;
  error?: unknown;
  /** `error` if the whole chunk is an error. */
  object?: string;
}

interface Delta {
  content?: string | { type?: string; text?: unknown }[] | null;
  refusal?: unknown;
}

/**
 * Reads the events of a chat's answer, and passes on each piece of text as it arrives. Own code, because the SDK
 * takes a chunk without `choices` for the end of the answer: https://github.com/vercel/ai/issues/7417. Throws
 * BrokenOff for a stream that ends without saying why it ended, for an error in it and for what is no JSON.
 */
export async function readChatStream(
  response: Response,
  onText: (delta: string) => void,
): Promise<StreamedAnswer> {
  if (response.body === null) throw new BrokenOff("The answer has no body");
  const chunks = parseJsonEventStream({ stream: response.body, schema: z.unknown() }).getReader();
  const answer = {
    text: "",
    isRefusal: false,
    usage: undefined as unknown,
    model: undefined as string | undefined,
  };
  let finishReason: string | undefined;
  const tell = (piece: string) => {
    if (piece === "") return;
    answer.text += piece;
    onText(piece);
  };
  try {
    for (;;) {
      const { value: parsed } = await chunks.read();
      if (parsed === undefined) break;
      if (!parsed.success) throw parsed.error;
      const chunk = parsed.value as Chunk | null;
      const error = chunk?.object === "error" ? chunk : chunk?.error;
      if (error) throw errorInAnswer(error, response.url);
      answer.model ??= chunk?.model || undefined;
      answer.usage = chunk?.usage ?? chunk?.x_groq?.usage ?? answer.usage;
      const choice = chunk?.choices?.[0];
      finishReason = choice?.finish_reason ?? finishReason;
      tell(textOf(choice?.delta?.content));
      if (typeof choice?.delta?.refusal === "string" && choice.delta.refusal !== "") {
        answer.isRefusal = true;
        tell(choice.delta.refusal);
      }
    }
  } catch (cause) {
    throw cause instanceof BrokenOff ? cause : new BrokenOff("The answer broke off", { cause });
  } finally {
    chunks.cancel().catch(() => {});
  }
  if (finishReason === undefined) throw new BrokenOff("The stream ended before the answer");
  return { ...answer, finishReason };
}

/** Content in parts includes the model's reasoning, which is left out. */
function textOf(content: Delta["content"]): string {
  if (typeof content === "string") return content;
  return (content ?? []).map(({ type, text }) => type === "text" && typeof text === "string" ? text : "")
    .join("");
}

import { Buffer } from "node:buffer";
import { type Answer, garbageAnswer, jsonAnswer, OpenAiError } from "./answer.ts";
import { demoPng } from "./png.ts";
import type { Switches } from "./switches.ts";

const MAX_IMAGES = 4;
const SIDE_PIXELS = { min: 16, max: 4_096, usual: 1_024 };
const CREATED_SECONDS = 1_767_225_600;

/** Answers `POST /v1/images/generations`; usage is only reported if the model's name states it. */
export function answerImages(body: Record<string, unknown>, switches: Switches): Answer {
  if (typeof body.prompt !== "string" || body.prompt === "") {
    throw new OpenAiError(400, "Cannot draw as prompt must be a text that is not empty");
  }
  const count = readCount(body.n);
  const [width, height] = readSize(body.size);
  if (switches.content === "garbage") return garbageAnswer();
  if (switches.content === "refuse") {
    throw new OpenAiError(400, "The demo model was told to refuse", "content_policy_violation");
  }
  if (switches.content === "wrong-shape") return jsonAnswer({ created: CREATED_SECONDS, pictures: [] });

  const data = Array.from({ length: switches.content === "empty" ? 0 : count }, (_, index) => ({
    b64_json: Buffer.from(imageBytes(`${index} ${body.prompt}`, width, height, switches)).toString("base64"),
  }));
  return jsonAnswer({ created: CREATED_SECONDS, data, ...usageOf(switches) });
}

function imageBytes(seedText: string, width: number, height: number, { content }: Switches): Uint8Array {
  if (content === "nonsense") return new TextEncoder().encode("demo nonsense that is not an image");
  return demoPng(seedText, width, height);
}

function readCount(count: unknown): number {
  if (count === undefined || count === null) return 1;
  if (Number.isInteger(count) && Number(count) >= 1 && Number(count) <= MAX_IMAGES) return Number(count);
  throw new OpenAiError(400, `Cannot draw as n must be from 1 to ${MAX_IMAGES}: current value is ${count}`);
}

function readSize(size: unknown): [number, number] {
  if (size === undefined || size === null || size === "auto") return [SIDE_PIXELS.usual, SIDE_PIXELS.usual];
  const [, width, height] = /^(\d{1,4})x(\d{1,4})$/.exec(String(size)) ?? [];
  const sides = [Number(width), Number(height)] as [number, number];
  if (sides.every((side) => side >= SIDE_PIXELS.min && side <= SIDE_PIXELS.max)) return sides;
  const { min, max } = SIDE_PIXELS;
  throw new OpenAiError(400, `Cannot draw as size must be WIDTHxHEIGHT, each side from ${min} to ${max}`);
}

function usageOf({ usage }: Switches): object {
  if (typeof usage === "string") return {};
  const { input, output } = usage;
  return { usage: { input_tokens: input, output_tokens: output, total_tokens: input + output } };
}

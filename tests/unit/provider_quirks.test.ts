import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { shortList } from "../../supabase/functions/_shared/models/answer_bounds.ts";
import { Recording, SpokenLanguage } from "../../supabase/functions/_shared/media/audio.ts";
import type { AppError } from "../../supabase/functions/_shared/platform/errors.ts";
import type { ModelFailure } from "../../supabase/functions/_shared/models/failures.ts";
import { createModels, type ReadDraft } from "../../supabase/functions/_shared/models/models.ts";
import type { ModelsConfig } from "../../supabase/functions/_shared/models/provider.ts";
import { wav } from "../support/recordings.ts";

type Body = Record<string, unknown>;
type Script = (body: Body, request: Request) => Response | Promise<Response>;

/** A server whose answers a test writes; it keeps what it was asked. */
let script: Script;
let asked: Body[] = [];
const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
  const isForm = request.headers.get("content-type")?.startsWith("multipart/");
  const body = isForm ? Object.fromEntries(await request.formData()) : await request.json();
  asked.push(body);
  return await script(body, request);
});
afterAll(() => server.shutdown());

let names = 0;

/** Models of a name that nobody has asked before, so that nothing is known of them. */
function open(
  { answer, config, onDraft, maxOutputTokens = 500 }: {
    answer: Script;
    config?: Partial<ModelsConfig>;
    onDraft?: (read: ReadDraft) => void;
    maxOutputTokens?: number;
  },
) {
  script = answer;
  asked = [];
  const model = config?.textModel ?? `model-${++names}`;
  return createModels({
    onDraft,
    maxOutputTokens,
    config: {
      baseUrl: `http://127.0.0.1:${server.addr.port}/v1`,
      apiKey: "a-key-that-nobody-may-see",
      textModel: model,
      visionModel: model,
      imageModel: model,
      transcribeModel: model,
      speechModel: model,
      timeoutMs: 5_000,
      retryDelayMs: 1,
      ...config,
    },
  });
}

const Meal = z.object({ name: z.string().min(1).max(200), energy_kcal: z.int().min(1) });
const MEAL = { name: "Lentil soup", energy_kcal: 320 };
const PROMPT = { system: "You are a dietitian.", user: "The diary says: lentils." };
const OBJECT = { schema: Meal, ...PROMPT };
const VOICE = { recording: Recording.of(wav(2.5)) };
const DRAWING = { prompt: "a soup", size: "64x64", count: 1 } as const;

function whole(content: unknown, rest: { finish_reason?: string | null; usage?: unknown } = {}): Response {
  const { finish_reason = "stop", usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } } =
    rest;
  return Response.json({
    model: "m",
    choices: [{ message: { role: "assistant", content }, finish_reason }],
    usage,
  });
}

function refused(error: unknown, status = 400, headers?: HeadersInit): Response {
  return Response.json(error, { status, headers });
}

function events(chunks: unknown[]): Response {
  const text = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
  return new Response(text + "data: [DONE]\n\n", { headers: { "content-type": "text/event-stream" } });
}

const piece = (content: string, finish_reason: string | null = null) => ({
  model: "m",
  choices: [{ index: 0, delta: { content }, finish_reason }],
});
const USAGE = { usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } };

async function failureOf(work: Promise<unknown>): Promise<AppError & { cause: ModelFailure }> {
  return await work.then(() => expect.fail("no failure"), (thrown) => thrown);
}

describe("what a refusal teaches", () => {
  const wants = (field: string, other: string): Script => (body) =>
    other in body && body[other] !== undefined
      ? refused({
        error: { message: `Unsupported parameter: '${other}'. Use '${field}' instead.`, param: other },
      })
      : whole("Yes");

  it.each([["max_completion_tokens", "max_tokens"], ["max_tokens", "max_completion_tokens"]])(
    "the limit goes as %s from then on, and only the answer is paid for",
    async (field, other) => {
      const textModel = `limit-${field}`;
      const config = { textModel, ...field === "max_tokens" && { baseUrl: azure() } };
      const models = open({ answer: wants(field, other), config });
      expect(await models.text(PROMPT)).toBe("Yes");
      expect(asked.map((body) => [body[other], body[field]])).toEqual([[500, undefined], [undefined, 500]]);
      expect(models.usage()).toMatchObject({ calls: 1, known: true, output_tokens: 5 });
      await open({ answer: wants(field, other), config }).text(PROMPT);
      expect(asked).toHaveLength(1);
    },
  );

  const azure = () => `http://127.0.0.1:${server.addr.port}/v1?api-version=2024-10-21`;

  it("an object is asked for by json_object, then by the prompt alone, with the schema in words", async () => {
    const forms: unknown[] = [];
    const models = open({
      answer(body) {
        forms.push((body.response_format as Body | undefined)?.type);
        return body.response_format === undefined
          ? whole(JSON.stringify(MEAL))
          : refused({ error: { message: "This response_format type is unavailable now" } });
      },
    });
    expect(await models.object(OBJECT)).toEqual(MEAL);
    expect(forms).toEqual(["json_schema", "json_object", undefined]);
    expect(JSON.stringify(asked[0]!.messages)).not.toContain("JSON schema");
    for (const { messages } of asked.slice(1)) {
      const [{ content }] = messages as [{ content: string }];
      expect(JSON.parse(content.split("\n").at(-1)!)).toMatchObject({ required: ["name", "energy_kcal"] });
    }
  });

  it("a form that the operator has set stays, and the server's words say what is wrong", async () => {
    const models = open({
      config: { structuredOutput: "json_schema" },
      answer: () => refused({ error: { message: "response_format is not supported" } }),
    });
    const { cause } = await failureOf(models.object(OBJECT));
    expect([cause.reason, cause.facts.detail]).toEqual(["rejected", "response_format is not supported"]);
    expect(asked).toHaveLength(1);
  });

  it("bounds that a server refuses are told in words, and kept to all the same", async () => {
    const models = open({
      answer: (body) =>
        /"maxLength":200/.test(JSON.stringify(body.response_format))
          ? refused({
            error: { message: "In context=('properties', 'name'), 'maxLength' is not permitted." },
          })
          : whole(JSON.stringify({ ...MEAL, energy_kcal: 0 })),
    });
    expect((await failureOf(models.object(OBJECT))).cause.reason).toBe("wrong_shape");
    const { schema } = (asked[1]!.response_format as { json_schema: { schema: Body } }).json_schema;
    expect(schema).toMatchObject({
      additionalProperties: false,
      properties: {
        name: { type: "string", description: 'Bounds: {"minLength":1,"maxLength":200}' },
        energy_kcal: { type: "integer", description: 'Bounds: {"minimum":1}' },
      },
    });
    expect(JSON.stringify(asked[0])).not.toContain("9007199254740991");
  });

  it("nothing is learnt from a refusal that stays: a prompt may have written it", async () => {
    const textModel = "poisoned";
    const words = "max_tokens, stream_options and response_format are not supported";
    const first = open({ config: { textModel }, answer: () => refused({ error: { message: words } }) });
    expect((await failureOf(first.object(OBJECT))).cause.reason).toBe("rejected");
    expect(asked.length).toBeLessThanOrEqual(7);
    expect(first.usage().calls).toBe(0);
    await open({ config: { textModel }, answer: () => whole(JSON.stringify(MEAL)) }).object(OBJECT);
    expect(asked[0]).toMatchObject({ max_tokens: 500, response_format: { type: "json_schema" } });
  });

  it("a value that is too large is no name that is unknown", async () => {
    const models = open({
      answer: () =>
        refused({ error: { message: "max_tokens is too large: 500. This model supports at most 64" } }),
    });
    expect((await failureOf(models.text(PROMPT))).cause.reason).toBe("rejected");
    expect(asked).toHaveLength(1);
  });

  it("a server that ignores the schema gets it in the prompt from the next request on", async () => {
    const textModel = "ignorant";
    const answer: Script = (body) =>
      whole(/JSON schema/.test(JSON.stringify(body.messages)) ? JSON.stringify(MEAL) : "A nice lentil soup!");
    const first = open({ config: { textModel }, answer });
    expect((await failureOf(first.object(OBJECT))).cause.reason).toBe("nonsense");
    expect(first.usage().calls).toBe(1);
    expect(await open({ config: { textModel }, answer }).object(OBJECT)).toEqual(MEAL);
  });

  it.each([
    ["of another type", { energy_kcal: "much" }, true],
    ["out of bounds", { energy_kcal: 0 }, false],
  ])("a value %s tells whether a server ignores the schema", async (what, value, isIgnored) => {
    const config = { textModel: `bounds-${what}` };
    const answer: Script = () => whole(JSON.stringify({ ...MEAL, ...value }));
    for (const hasSchema of [false, isIgnored]) {
      const models = open({ config, answer });
      expect((await failureOf(models.object(OBJECT))).cause.reason).toBe("wrong_shape");
      expect(/JSON schema/.test(JSON.stringify(asked.at(-1)!.messages))).toBe(hasSchema);
    }
  });

  it("a stream is asked for without stream_options where they are refused, its usage unknown", async () => {
    const models = open({
      onDraft: () => {},
      answer: (body) =>
        body.stream_options === undefined
          ? events([piece(JSON.stringify(MEAL)), piece("", "stop")])
          : refused({
            detail: [{ type: "extra_forbidden", loc: ["body", "stream_options"], msg: "Extra inputs" }],
          }, 422),
    });
    expect(await models.object(OBJECT)).toEqual(MEAL);
    expect(models.usage()).toMatchObject({ calls: 1, known: false });
  });

  it("reasoning_effort is sent where it is set, and left out where it is refused", async () => {
    const models = open({
      config: { reasoningEffort: "low" },
      answer: (body) =>
        body.reasoning_effort === undefined
          ? whole("Yes")
          : refused({ error: "Unrecognized: reasoning_effort" }),
    });
    await models.text(PROMPT);
    expect(asked.map((body) => body.reasoning_effort)).toEqual(["low", undefined]);
  });
});

describe("an answer in a form of its own", () => {
  const wrapped = [
    ["in a Markdown fence", `\`\`\`json\n${JSON.stringify(MEAL)}\n\`\`\``],
    ["after thoughts", `<think>\nA {meal}. Perhaps {"name": 1}?\n</think>\n\n${JSON.stringify(MEAL)}`],
    ["after thoughts whose beginning is in the prompt", `Is it {soup}?\n</think>\n${JSON.stringify(MEAL)}`],
    ["among words", `Here it is:\n\n\`\`\`\n${JSON.stringify(MEAL)}\n\`\`\`\n\nI hope that helps!`],
    ["after thoughts in a fence", `[THINK]soup?[/THINK]\`\`\`json\n${JSON.stringify(MEAL)}\n\`\`\``],
  ];

  it.each(wrapped)("is read %s", async (_how, content) => {
    expect(await open({ answer: () => whole(content) }).object(OBJECT)).toEqual(MEAL);
  });

  it.each(wrapped)("is read %s from a stream, and none of the rest is shown", async (_how, content) => {
    const reads: Promise<unknown>[] = [];
    const pieces = content!.match(/[^]{1,5}/g)!.map((text) => piece(text));
    const models = open({
      onDraft: (read) => void reads.push(read()),
      answer: () => events([...pieces, piece("", "stop"), { choices: [], ...USAGE }]),
    });
    expect(await models.object(OBJECT)).toEqual(MEAL);
    const drafts = await Promise.all(reads);
    expect(drafts).toContainEqual(expect.objectContaining({ name: "Lentil soup" }));
  });

  it("thoughts are no part of a text, whole or while it grows", async () => {
    const content = "<think>soup?</think>\nA soup.";
    expect(await open({ answer: () => whole(content) }).text(PROMPT)).toBe("\nA soup.");
    const told: string[] = [];
    const pieces = content.match(/[^]{1,3}/g)!.map((text) => piece(text));
    const models = open({ onDraft: () => {}, answer: () => events([...pieces, piece("", "stop")]) });
    await models.text({ ...PROMPT, onText: (text) => told.push(text) });
    expect(told.join("")).not.toMatch(/think|soup\?/);
    expect(told.at(-1)).toBe("\nA soup.");
  });

  it("the last piece of a stream may have usage and nothing else", async () => {
    const models = open({
      onDraft: () => {},
      answer: () => events([piece(JSON.stringify(MEAL), "stop"), USAGE]),
    });
    expect(await models.object(OBJECT)).toEqual(MEAL);
    expect(models.usage()).toMatchObject({ input_tokens: 10, output_tokens: 5, known: true });
  });

  it("a server that does not stream is read as one that does", async () => {
    const models = open({ onDraft: () => {}, answer: () => whole(JSON.stringify(MEAL)) });
    expect(await models.object(OBJECT)).toEqual(MEAL);
    expect(models.usage()).toMatchObject({ output_tokens: 5, known: true });
  });

  it.each([
    ["error in a stream", { error: { message: "Overloaded", code: 502 } }],
    ["error of vLLM in a stream", { object: "error", message: "Overloaded", code: 502 }],
  ])("an %s is an answer that broke off, in the server's words", async (_what, chunk) => {
    const models = open({ onDraft: () => {}, answer: () => events([piece("{"), chunk]) });
    const { cause } = await failureOf(models.object(OBJECT));
    expect([cause.reason, cause.facts.detail]).toEqual(["cut", "Overloaded"]);
  });

  it("an error with status 200 is an answer that broke off, in the server's words", async () => {
    const models = open({
      answer: () => Response.json({ error: { message: "Provider returned error", code: 502 } }),
    });
    const { cause } = await failureOf(models.object(OBJECT));
    expect([cause.reason, cause.facts.detail]).toEqual(["cut", "Provider returned error"]);
    expect(models.usage()).toMatchObject({ calls: 1, known: false });
  });
});

describe("bounds of an answer", () => {
  const Advice = z.object({
    summary: z.string().min(1).max(120),
    advice: shortList(z.string().max(100), { min: 1, max: 3 }),
  });
  const ask = (value: unknown) =>
    open({ answer: () => whole(JSON.stringify(value)) }).object({ schema: Advice, ...PROMPT });

  it("that are soft are cut to: a text after a sentence or a word, a short list after its last entry", async () => {
    const { summary, advice } = await ask({
      summary: `${"Eat more lentils today. ".repeat(4)}And then there is ${"much ".repeat(10)}`,
      advice: ["word ".repeat(40), "b", "c", "d"],
    });
    expect(summary).toBe("Eat more lentils today. ".repeat(4).trim());
    expect(advice).toEqual([expect.stringMatching(/^(word )+word…$/), "b", "c"]);
    expect(advice[0]!.length).toBeLessThanOrEqual(100);
  });

  it("that are not stay: names, numbers, what is too short, and lists of which sums are made", async () => {
    const Dishes = z.object({
      dishes: z.array(z.object({ name: z.string().max(20), mass_g: z.int().max(9) })).max(1),
    });
    const dish = { name: "soup", mass_g: 1 };
    for (
      const dishes of [[dish, dish], [{ ...dish, name: "a name that is much too long" }], [{
        ...dish,
        mass_g: 10,
      }]]
    ) {
      const models = open({ answer: () => whole(JSON.stringify({ dishes })) });
      expect((await failureOf(models.object({ schema: Dishes, ...PROMPT }))).cause.reason).toBe(
        "wrong_shape",
      );
    }
    expect((await failureOf(ask({ summary: "", advice: ["a", "b", "c", "d"] }))).cause.reason).toBe(
      "wrong_shape",
    );
  });
});

describe("how an answer ended", () => {
  it.each([
    ["stop", "ok"],
    ["eos_token", "ok"],
    ["STOP", "ok"],
    [null, "ok"],
    ["length", "truncated"],
    ["MAX_TOKENS", "truncated"],
    ["model_length", "truncated"],
    ["content_filter", "refused"],
    ["SAFETY", "refused"],
    ["error", "cut"],
    ["abort", "cut"],
    ["insufficient_system_resource", "cut"],
  ])("finish_reason %s is %s", async (finish_reason, outcome) => {
    const models = open({ answer: () => whole("Half of it", { finish_reason }) });
    const found = await models.text(PROMPT).then(() => "ok", (error) => error.cause.reason);
    expect(found).toBe(outcome);
    if (finish_reason === null) return; // a stream without one was cut
    const streamed = open({
      onDraft: () => {},
      answer: () => events([piece("Half"), piece("", finish_reason)]),
    });
    expect(await streamed.text(PROMPT).then(() => "ok", (error) => error.cause.reason)).toBe(outcome);
  });

  it.each(["", "<think>And what if"])(
    "a limit that reasoning has eaten has a reason of its own (%j)",
    async (content) => {
      const usage = {
        prompt_tokens: 10,
        completion_tokens: 500,
        total_tokens: 510,
        completion_tokens_details: { reasoning_tokens: 500 },
      };
      const { cause } = await failureOf(
        open({ answer: () => whole(content, { finish_reason: "length", usage }) }).object(OBJECT),
      );
      expect([cause.reason, cause.facts.detail]).toEqual([
        "only_reasoning",
        "500 of 500 tokens went on reasoning",
      ]);
    },
  );
});

describe("usage", () => {
  it.each([
    ["counts the answer", { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 }, 5],
    [
      "has the reasoning in the total alone",
      { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 },
      603,
    ],
    ["has nothing but reasoning", { prompt_tokens: 21, completion_tokens: 0, total_tokens: 81 }, 60],
    [
      "has no total, and reasoning beside the answer",
      { prompt_tokens: 20, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 40 } },
      45,
    ],
    ["has a total that is too low", { prompt_tokens: 20, completion_tokens: 5, total_tokens: 0 }, 5],
  ])("that %s is what is billed", async (_what, usage, output_tokens) => {
    const models = open({ answer: () => whole("Yes", { usage }) });
    await models.text(PROMPT);
    expect(models.usage()).toMatchObject({ known: true, output_tokens });
    const streamed = open({
      onDraft: () => {},
      answer: () => events([piece("Yes", "stop"), { choices: [], usage }]),
    });
    await streamed.text(PROMPT);
    expect(streamed.usage()).toMatchObject({ known: true, output_tokens });
  });
});

describe("a refusal", () => {
  it.each([
    [
      "429 insufficient_quota",
      { error: { message: "You exceeded your quota", code: "insufficient_quota" } },
      429,
    ],
    ["402", { error: { code: 402, message: "Insufficient credits" } }, 402],
    ["400 of Anthropic", { error: { message: "Your credit balance is too low to access the API" } }, 400],
    ["402 in plain words", "Insufficient Balance", 402],
  ])("for want of money is told apart and not tried again (%s)", async (_what, body, status) => {
    const { code, cause } = await failureOf(
      open({ answer: () => refused(body, status as number) }).text(PROMPT),
    );
    expect([code, cause.reason, asked.length]).toEqual(["provider_error", "out_of_funds", 1]);
  });

  it("with a time to come again is a limit, whatever its status", async () => {
    const answer = () => refused({ error: { message: "In-flight budget" } }, 402, { "Retry-After": "9999" });
    expect((await failureOf(open({ answer }).text(PROMPT))).cause.reason).toBe("rate_limited");
  });

  it.each([
    [
      "of a picture",
      { error: { message: "Rejected by the safety system", code: "moderation_blocked" } },
      400,
    ],
    [
      "of Azure",
      { error: { message: "The response was filtered", param: "prompt", code: "content_filter" } },
      400,
    ],
    ["of OpenRouter", { error: { code: 403, message: "Your chosen model requires moderation" } }, 403],
  ])("%s for what the caller wrote is a refusal to answer", async (_what, body, status) => {
    const models = open({ answer: () => refused(body, status as number) });
    const failures = await Promise.all([failureOf(models.text(PROMPT)), failureOf(models.image(DRAWING))]);
    expect(failures.map(({ cause }) => cause.reason)).toEqual(["refused", "refused"]);
  });

  it("of JSON that the model itself got wrong is its nonsense, and no lesson", async () => {
    const error = {
      message: "Failed to generate JSON. See 'failed_generation'",
      code: "json_validate_failed",
    };
    const answer = () => refused({ error: { ...error, failed_generation: "The diary says: lentils." } });
    const { cause } = await failureOf(open({ answer }).object(OBJECT));
    expect([cause.reason, asked.length]).toEqual(["nonsense", 1]);
  });

  it.each([
    ["Ollama", { error: "model 'llama9' not found" }, "model 'llama9' not found"],
    [
      "vLLM",
      { object: "error", message: "The model does not exist.", code: 404 },
      "The model does not exist.",
    ],
    ["FastAPI", { detail: "Not Found" }, "Not Found"],
    [
      "Pydantic",
      { detail: [{ loc: ["body", "n"], msg: "Extra inputs", input: "SECRET" }] },
      "n: Extra inputs",
    ],
    [
      "Gemini",
      [{ error: { code: 404, message: "models/x is not found", status: "NOT_FOUND" } }],
      "models/x is not found",
    ],
    [
      "Mistral's proxy",
      { object: "error", message: '{"detail":[{"loc":["body","n"],"msg":"Extra inputs"}]}', code: "1000" },
      "n: Extra inputs",
    ],
    ["plain text", "no such model", "no such model"],
  ])("in the form of %s is told to the operator in its words", async (_whose, body, detail) => {
    const answer = () => typeof body === "string" ? new Response(body, { status: 404 }) : refused(body, 404);
    for (
      const work of [
        (one: ReturnType<typeof open>) => one.text(PROMPT),
        (one: ReturnType<typeof open>) => one.image(DRAWING),
      ]
    ) {
      const { cause } = await failureOf(work(open({ answer })));
      expect(cause.facts).toMatchObject({ status: 404, detail });
    }
  });

  it("keeps back the key and the prompt in every form, and the page of a proxy", async () => {
    for (
      const body of [
        { detail: "Bad key a-key-that-nobody-may-see" },
        { error: `Cannot handle: ${PROMPT.user}` },
        [{ error: { message: `Cannot handle: ${PROMPT.user}` } }],
      ]
    ) {
      const { cause } = await failureOf(open({ answer: () => refused(body) }).text(PROMPT));
      expect(cause.facts).not.toHaveProperty("detail");
    }
    const page = () => new Response("<html>nginx</html>", { status: 404 });
    expect((await failureOf(open({ answer: page }).text(PROMPT))).cause.facts).not.toHaveProperty("detail");
  });
});

describe("a transcription", () => {
  it.each(["openai/gpt-4o-transcribe", "gpt-transcribe", "gpt-4o-mini-transcribe"])(
    "is asked of %s as json at once",
    async (transcribeModel) => {
      await open({ config: { transcribeModel }, answer: () => Response.json({ text: "Hello" }) }).transcribe(
        VOICE,
      );
      expect(asked.map(({ response_format }) => response_format)).toEqual(["json"]);
    },
  );

  it("is asked of a deployment with any name as json once verbose_json was refused", async () => {
    const config = { transcribeModel: "my-deployment" };
    const answer: Script = ({ response_format }) =>
      response_format === "verbose_json"
        ? refused({
          error: { message: "response_format 'verbose_json' is not compatible", param: "response_format" },
        })
        : Response.json({ text: "Hello" });
    const models = open({ config, answer });
    expect(await models.transcribe(VOICE)).toMatchObject({ text: "Hello", duration_s: 2.5 });
    expect(models.usage()).toMatchObject({ calls: 1, seconds: 3 });
    await open({ config, answer }).transcribe(VOICE);
    expect(asked.map(({ response_format }) => response_format)).toEqual(["json"]);
  });

  it("keeps its text whatever is wrong with what is beside it", async () => {
    const segments = [
      { start: "0.0", end: "1.5", text: " Hello " },
      { start: 1, end: null, text: "x" },
      null,
      "y",
    ];
    const answer = () => Response.json({ text: "Hello", segments, duration: "N/A", language: 7 });
    expect(await open({ answer }).transcribe(VOICE)).toEqual({
      text: "Hello",
      language: null,
      segments: [{ start_s: 0, end_s: 1.5, text: "Hello" }],
      duration_s: 2.5,
    });
  });

  it.each([
    ["too short", { error: { message: "Audio file is too short", code: "audio_too_short" } }, 400],
    ["no sound", { error: { message: "Invalid file format. Supported formats: ['flac']" } }, 400],
    ["too large", { error: { message: "Maximum content size limit exceeded" } }, 413],
  ])("of a recording that is %s is the caller's to mend", async (_what, body, status) => {
    const models = open({ answer: () => refused(body, status as number) });
    const { code, details, cause } = await failureOf(models.transcribe(VOICE));
    expect([code, cause.reason]).toEqual(["invalid_request", "unusable_recording"]);
    expect(details).toMatchObject([{ path: "file", message: expect.stringMatching(/recording/) }]);
    expect(models.usage().calls).toBe(0);
  });

  it("goes without the hint of a language that the server does not know, this time alone", async () => {
    const config = { transcribeModel: "monoglot" };
    const answer: Script = ({ language }) =>
      language === "no"
        ? refused({ error: { message: "Invalid language 'no'", param: "language" } })
        : Response.json({ text: "Hei" });
    await open({ config, answer }).transcribe({ ...VOICE, language: "no" });
    expect(asked.map(({ language }) => language)).toEqual(["no", undefined]);
    await open({ config, answer }).transcribe({ ...VOICE, language: "en" });
    expect(asked.map(({ language }) => language)).toEqual(["en"]);
  });

  it("takes a language by the names that phones give it", () => {
    const hints = ["en", "nb", "nb-NO", "iw", "in", "fil", "pt-BR"].map((tag) => SpokenLanguage.parse(tag));
    expect(hints).toEqual(["en", "no", "no", "he", "id", "tl", "pt"]);
    expect(SpokenLanguage.safeParse("xx").error?.issues[0]?.message).toMatch(/language/);
  });
});

describe("an address", () => {
  it("with a query keeps it behind every route, and its key goes as Azure wants it", async () => {
    const seen: [string, string | null, string | null][] = [];
    const answer: Script = (_body, request) => {
      const { pathname, search } = new URL(request.url);
      seen.push([pathname + search, request.headers.get("api-key"), request.headers.get("authorization")]);
      return refused({}, 404);
    };
    const baseUrl = `http://127.0.0.1:${server.addr.port}/openai/deployments/mine/?api-version=2024-10-21`;
    const models = open({ answer, config: { baseUrl } });
    await failureOf(models.text(PROMPT));
    await failureOf(models.image(DRAWING));
    await failureOf(models.transcribe(VOICE));
    await failureOf(models.speech({ text: "a", voice: "nova", speed: 1 }));
    const rest = ["a-key-that-nobody-may-see", null];
    const at = (path: string) => [`/openai/deployments/mine/${path}?api-version=2024-10-21`, ...rest];
    expect(seen).toEqual(
      ["chat/completions", "images/generations", "audio/transcriptions", "audio/speech"].map(at),
    );
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type DemoModel, startDemoModel } from "../../scripts/local/demo_model.ts";
import { Recording } from "../../supabase/functions/_shared/media/audio.ts";
import { firstDialect } from "../../supabase/functions/_shared/models/dialect.ts";
import { AppError } from "../../supabase/functions/_shared/platform/errors.ts";
import { type FailureReason, ModelFailure } from "../../supabase/functions/_shared/models/failures.ts";
import { createModels, type Models } from "../../supabase/functions/_shared/models/models.ts";
import type { ModelsConfig } from "../../supabase/functions/_shared/models/provider.ts";
import { collectGarbage } from "../support/garbage.ts";
import { m4a, mp3, wav } from "../support/recordings.ts";

let demo: DemoModel;
beforeAll(() => {
  demo = startDemoModel({ port: 0 });
});
afterAll(() => demo.stop());

const API_KEY = "demo-key-that-nobody-may-see";
const SECRET_PROMPT = "The diary says: lentils, and a secret.";
const Meal = z.object({ name: z.string(), energy_kcal: z.int().min(1), steps: z.array(z.string()).min(1) });
/** A PNG of one pixel. */
const PIXEL_BASE64 =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let labels = 0;
/** A name that no other test uses, so that the server's list of calls shows this one's alone. */
function labelled(model: string): string {
  return `${model}+${++labels}`;
}

interface Options {
  text?: string;
  vision?: string;
  image?: string;
  transcribe?: string;
  speech?: string;
  signal?: AbortSignal;
  requestId?: string;
  maxOutputTokens?: number;
  config?: Partial<ModelsConfig>;
}

function open(
  { text, vision, image, transcribe, speech, signal, requestId, maxOutputTokens, config }: Options = {},
): Models {
  return createModels({
    signal,
    requestId,
    maxOutputTokens,
    config: {
      baseUrl: `${demo.url}/v1`,
      apiKey: API_KEY,
      textModel: text ?? "demo-text",
      visionModel: vision ?? "demo-vision",
      imageModel: image ?? "demo-image",
      transcribeModel: transcribe ?? "demo-transcribe",
      speechModel: speech ?? "demo-speech",
      timeoutMs: 5_000,
      retryDelayMs: 1,
      ...config,
    },
  });
}

const PROMPT = { system: "You are a dietitian.", user: SECRET_PROMPT };
const VOICE = { recording: Recording.of(wav(2.5)) };
const WORDS = { text: SECRET_PROMPT, voice: "nova", speed: 1 };
const DRAWING = { prompt: SECRET_PROMPT, size: "64x64", count: 1 } as const;

function askObject(models: Models) {
  return models.object({ schema: Meal, ...PROMPT });
}

function callsOf(model: string): number {
  return demo.requests.filter((call) => call.model === model).length;
}

/** Awaits a failure, checks that it is an AppError that gives nothing away, and returns it. */
async function failureOf(work: Promise<unknown>): Promise<AppError & { cause: ModelFailure }> {
  const error = await work.then(() => undefined, (thrown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  expect(error.cause).toBeInstanceOf(ModelFailure);
  const logged = Deno.inspect(error, { depth: 20 });
  expect(logged).not.toContain(API_KEY);
  expect(logged).not.toContain("secret");
  expect(error.message).not.toMatch(/demo|127\.0\.0\.1|http/);
  return error;
}

describe("an object", () => {
  it("fits the schema and comes with its cost and the model's name", async () => {
    const models = open();
    const value = await askObject(models);
    expect(Meal.parse(value)).toEqual(value);
    expect(models.usage()).toMatchObject({
      input_tokens: Math.ceil((PROMPT.system + PROMPT.user).length / 4),
      output_tokens: expect.any(Number),
      model: "demo-text",
    });
  });

  it("is read through the schema, so that defaults and transforms apply", async () => {
    const schema = z.object({ name: z.string().transform((name) => name.length) });
    const value = await open().object({ schema, ...PROMPT });
    expect(value.name).toBeGreaterThan(0);
  });

  it("is asked for with a strict schema", async () => {
    const bodies: { response_format: unknown }[] = [];
    const recorder = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      bodies.push(await request.json());
      return new Response(null, { status: 400 });
    });
    await failureOf(askObject(open({ config: { baseUrl: `http://127.0.0.1:${recorder.addr.port}/v1` } })));
    expect(bodies[0]!.response_format).toMatchObject({
      type: "json_schema",
      json_schema: {
        strict: true,
        schema: { additionalProperties: false, required: ["name", "energy_kcal", "steps"] },
      },
    });
    await recorder.shutdown();
  });
});

describe("a text", () => {
  it("comes with its cost and the model's name", async () => {
    const models = open();
    expect(await models.text(PROMPT)).toMatch(/demo/);
    expect(models.usage()).toMatchObject({ known: true, model: "demo-text" });
  });
});

describe("the limit of an answer", () => {
  it("is sent under the name that the provider knows it by", async () => {
    const fieldAt = (baseUrl: string) => firstDialect({ baseUrl, model: "a-model" }).limitField;
    for (
      const address of [
        "https://api.openai.com/v1",
        "https://mine.openai.azure.com/openai/v1",
        "https://mine.cognitiveservices.azure.com/openai/v1",
        "https://mine.services.ai.azure.com/openai/v1",
        "https://gateway.example/openai/deployments/mine?api-version=2024-10-21",
      ]
    ) expect(fieldAt(address), address).toBe("max_completion_tokens");
    expect(fieldAt("http://localhost:11434/v1")).toBe("max_tokens");
    const models = open({ maxOutputTokens: 1_000 });
    await models.text(PROMPT);
    expect(models.usage().output_tokens).toBeLessThan(1_000);
    expect((await failureOf(open({ maxOutputTokens: 3 }).text(PROMPT))).cause.reason).toBe("truncated");
  });
});

describe("images in a prompt", () => {
  const bytes = Uint8Array.from(atob(PIXEL_BASE64), (character) => character.charCodeAt(0));

  it("go to the vision model, as bytes, as a data URL and as an address that only the provider opens", async () => {
    for (
      const image of [
        { bytes, mediaType: "image/png" },
        `data:image/png;base64,${PIXEL_BASE64}`,
        "https://images.invalid/meal.jpg",
      ]
    ) {
      const models = open();
      await models.text({ ...PROMPT, images: [image, image] });
      expect(models.usage().model).toBe("demo-vision");
      expect(models.usage().input_tokens).toBeGreaterThan(2 * 765);
    }
  });

  it("are never fetched from an address inside our network", async () => {
    for (const image of [`${demo.url}/health`, "file:///etc/passwd", "data:text/html;base64,AAAA"]) {
      await expect(open().text({ ...PROMPT, images: [image] })).rejects.toThrow(TypeError);
    }
  });

  it("leave the text model for prompts without any", async () => {
    const models = open();
    await models.text({ ...PROMPT, images: [] });
    expect(models.usage().model).toBe("demo-text");
  });
});

describe("drawn images", () => {
  it("are files with their bytes and media type, as many as asked for, made in one request", async () => {
    const image = labelled("demo-image-usage-10-20");
    const models = open({ image });
    const files = await models.image({ ...DRAWING, count: 3 });
    expect(files).toHaveLength(3);
    expect(files[0]!.mediaType).toBe("image/png");
    expect([...files[0]!.bytes.subarray(1, 4)]).toEqual([..."PNG"].map((letter) => letter.charCodeAt(0)));
    expect(callsOf(image)).toBe(1);
    expect(models.usage()).toEqual({
      input_tokens: 10,
      output_tokens: 20,
      images: 3,
      seconds: 0,
      characters: 0,
      calls: 1,
      known: true,
      model: image,
    });
  });

  it("are counted where the provider reports no tokens", async () => {
    const models = open();
    await models.image(DRAWING);
    expect(models.usage()).toMatchObject({ images: 1, input_tokens: 0, known: false });
  });

  it("are refused for a number that one request cannot make", async () => {
    for (const count of [0, 11, 1.5]) {
      await expect(open().image({ ...DRAWING, count })).rejects.toThrow(RangeError);
    }
  });
});

describe("a recording that is written down", () => {
  it("comes with its language, its parts and its length, and is counted by begun seconds", async () => {
    const models = open();
    const transcript = await models.transcribe(VOICE);
    expect(transcript).toMatchObject({
      text: expect.stringMatching(/demo/),
      language: "en",
      duration_s: 2.5,
    });
    expect(transcript.segments.map(({ text }) => text).join(" ")).toBe(transcript.text);
    expect(transcript.segments.at(-1)!.end_s).toBe(2.5);
    expect(models.usage()).toMatchObject({ seconds: 3, characters: 0, calls: 1, known: true });
    expect((await open().transcribe(VOICE)).text).toBe(transcript.text);
  });

  it("is counted as measured where the provider does not say how long it is", async () => {
    const models = open({ transcribe: "demo-no-usage" });
    expect(await models.transcribe(VOICE)).toMatchObject({ segments: [], language: null, duration_s: 2.5 });
    expect(models.usage()).toMatchObject({ seconds: 3, known: true });
  });

  it("is of unknown cost where nobody says how long it is", async () => {
    const recording = Recording.of(m4a(0, { fragmented: true }));
    const models = open({ transcribe: "demo-no-usage" });
    expect((await models.transcribe({ recording })).duration_s).toBeNull();
    expect(models.usage()).toMatchObject({ seconds: recording.content.max_duration_s, known: false });
  });

  it("is counted as the provider heard it, where that is less than the file says", async () => {
    const models = open({ transcribe: "demo-usage-1-1" });
    await models.transcribe(VOICE);
    expect(models.usage()).toMatchObject({ seconds: 1, known: true });
  });

  it("gives nothing, and is counted as the provider heard it, where it is longer than the file says", async () => {
    const models = open({ transcribe: "demo-usage-9-1" });
    const recording = Recording.of(mp3(100, { statedFrames: 50 }));
    const error = await models.transcribe({ recording }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "answer_refused", message: expect.stringMatching(/longer/) });
    expect(models.usage()).toMatchObject({ seconds: 9, calls: 1 });
  });

  it("is counted by its samples where they are plain, whatever the provider says", async () => {
    const models = open({ transcribe: "demo-usage-9-1" });
    expect((await models.transcribe(VOICE)).duration_s).toBe(2.5);
    expect(models.usage()).toMatchObject({ seconds: 3, known: true });
  });

  it("may be silent", async () => {
    expect(await open({ transcribe: "demo-empty" }).transcribe(VOICE)).toMatchObject({
      text: "",
      segments: [],
    });
  });

  it("is sent as its kind, with the language, to a model that tells the length and to one that does not", async () => {
    const forms: Record<string, unknown>[] = [];
    const recorder = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      const form = await request.formData();
      const { name, type, size } = form.get("file") as File;
      forms.push({ ...Object.fromEntries(form), file: { name, type, size } });
      return Response.json({ text: " Bonjour ", language: "French", duration: "1.5" });
    });
    const config = { baseUrl: `http://127.0.0.1:${recorder.addr.port}/v1` };
    for (const transcribe of ["whisper-1", "gpt-4o-mini-transcribe"]) {
      expect(await open({ transcribe, config }).transcribe({ ...VOICE, language: "fr" }))
        .toEqual({ text: "Bonjour", language: "fr", segments: [], duration_s: 1.5 });
    }
    const file = { name: "recording.wav", type: "audio/wav", size: VOICE.recording.content.bytes.length };
    expect(forms).toEqual([
      { model: "whisper-1", language: "fr", response_format: "verbose_json", file },
      { model: "gpt-4o-mini-transcribe", language: "fr", response_format: "json", file },
    ]);
    await recorder.shutdown();
  });
});

describe("a text that is spoken", () => {
  it("is sound that plays, counted by characters", async () => {
    const models = open();
    const { bytes, mediaType } = await models.speech({ text: "Soup 🥖 é", voice: "nova", speed: 1 });
    expect(mediaType).toBe("audio/wav");
    expect(Recording.of(new Uint8Array(bytes)).content.duration_s).toBeCloseTo(0.6, 0);
    expect(models.usage()).toMatchObject({
      characters: 8,
      seconds: 0,
      calls: 1,
      known: true,
      model: "demo-speech",
    });
  });

  it("takes longer where it is spoken slowly", async () => {
    const [slow, fast] = await Promise.all([0.5, 2].map((speed) => open().speech({ ...WORDS, speed })));
    expect(slow!.bytes.length).toBeGreaterThan(3 * fast!.bytes.length);
  });
});

describe("the usage of a run", () => {
  it("is the sum over its calls, of every kind, with the model that answered last", async () => {
    const models = open({ text: "demo-text-usage-100-10", image: "demo-image-usage-7-3" });
    expect(models.usage()).toEqual({
      input_tokens: 0,
      output_tokens: 0,
      images: 0,
      seconds: 0,
      characters: 0,
      calls: 0,
      known: true,
      model: null,
    });
    await Promise.all([askObject(models), models.text(PROMPT)]);
    await models.image({ ...DRAWING, count: 2 });
    expect(models.usage()).toEqual({
      input_tokens: 207,
      output_tokens: 23,
      images: 2,
      seconds: 0,
      characters: 0,
      calls: 3,
      known: true,
      model: "demo-image-usage-7-3",
    });
  });

  it("is unknown, never 0, where the provider reports none, zeros, or half of it", async () => {
    for (
      const text of [
        "demo-text-no-usage",
        "demo-text-usage-0-0",
        "demo-text-usage-5-0",
        "demo-text-usage-0-5",
      ]
    ) {
      const models = open({ text });
      await askObject(models);
      expect(models.usage()).toMatchObject({ calls: 1, known: false });
    }
  });

  it("is unknown where the provider reports half of it, a fraction, a negative or an empty object", async () => {
    let usage: unknown;
    const odd = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () =>
      Response.json({
        model: "odd",
        choices: [{ message: { role: "assistant", content: "Yes" }, finish_reason: "stop" }],
        usage,
      }));
    const config = { baseUrl: `http://127.0.0.1:${odd.addr.port}/v1` };
    for (
      usage of [
        { prompt_tokens: 5 },
        { completion_tokens: 5 },
        {},
        null,
        { prompt_tokens: 1.5, completion_tokens: 2 },
        { prompt_tokens: -5, completion_tokens: 2 },
        { prompt_tokens: 2 ** 60, completion_tokens: 2 },
      ]
    ) {
      const models = open({ config });
      await models.text(PROMPT);
      expect(models.usage().known, JSON.stringify(usage)).toBe(false);
    }
    usage = { prompt_tokens: "5", completion_tokens: 2 };
    const models = open({ config });
    expect((await failureOf(models.text(PROMPT))).cause.reason).toBe("garbage");
    expect(models.usage().known).toBe(false);
    await odd.shutdown();
  });

  it("keeps what an answer of no use has cost", async () => {
    for (const content of ["nonsense", "wrong-shape", "refuse", "empty", "truncated"]) {
      const models = open({ text: `demo-${content}-usage-40-4` });
      await failureOf(askObject(models));
      expect(models.usage()).toMatchObject({ input_tokens: 40, output_tokens: 4, calls: 1, known: true });
    }
  });

  it("is unknown once an answer broke off or cannot be read, and has nothing of what the provider refused", async () => {
    for (const text of ["demo-cut", "demo-garbage"]) {
      const models = open({ text });
      await failureOf(askObject(models));
      expect(models.usage()).toMatchObject({ calls: 1, known: false });
    }
    for (const text of ["demo-fail-401", "demo-fail-429", "demo-fail-500"]) {
      const models = open({ text });
      await failureOf(askObject(models));
      expect(models.usage()).toMatchObject({ calls: 0, known: true });
    }
  });
});

describe("a failure of the provider", () => {
  const reasons: [string, FailureReason, number][] = [
    ["demo-fail-400", "rejected", 1],
    ["demo-fail-401", "misconfigured", 1],
    ["demo-fail-403", "misconfigured", 1],
    ["demo-fail-404", "misconfigured", 1],
    ["demo-fail-422", "rejected", 1],
    ["demo-fail-408", "unavailable", 2],
    ["demo-fail-429", "rate_limited", 2],
    ["demo-fail-500", "unavailable", 2],
    ["demo-fail-503", "unavailable", 2],
    ["demo-cut", "cut", 1],
    ["demo-cut-after-0", "cut", 1],
    ["demo-garbage", "garbage", 1],
    ["demo-empty", "empty", 1],
  ];
  const objectReasons: [string, FailureReason, number][] = [
    ["demo-nonsense", "nonsense", 1],
    ["demo-wrong-shape", "wrong_shape", 1],
    ["demo-refuse", "refused", 1],
    ["demo-truncated", "truncated", 1],
  ];
  const imageReasons: [string, FailureReason, number][] = [
    ["demo-nonsense", "nonsense", 1],
    ["demo-wrong-shape", "garbage", 1],
    ["demo-refuse", "refused", 1],
  ];

  it.each([...reasons, ...objectReasons])(
    "with %s ends an object as %s after %i tries",
    async (name, reason, tries) => {
      const text = labelled(name);
      const { code, cause } = await failureOf(askObject(open({ text })));
      expect([code, cause.reason, callsOf(text)]).toEqual(["provider_error", reason, tries]);
      expect(cause.facts.model).toBe(text);
    },
  );

  const isAbout = (name: string) => ([one]: [string, FailureReason, number]) => one === name;
  it.each([
    ...reasons.filter((one) => !isAbout("demo-empty")(one)),
    ["demo-wrong-shape", "garbage", 1] as const,
    ["demo-refuse", "refused", 1] as const,
  ])("with %s ends a transcription as %s after %i tries", async (name, reason, tries) => {
    const transcribe = labelled(name);
    const models = open({ transcribe });
    const { code, cause } = await failureOf(models.transcribe(VOICE));
    expect([code, cause.reason, callsOf(transcribe)]).toEqual(["provider_error", reason, tries]);
  });

  it.each([
    ...reasons.filter((one) => !isAbout("demo-garbage")(one)),
    ["demo-garbage", "nonsense", 1] as const,
    ...imageReasons.filter((one) => !isAbout("demo-wrong-shape")(one)),
    ["demo-wrong-shape", "nonsense", 1] as const,
  ])("with %s ends speech as %s after %i tries", async (name, reason, tries) => {
    const speech = labelled(name);
    const { code, cause } = await failureOf(open({ speech }).speech(WORDS));
    expect([code, cause.reason, callsOf(speech)]).toEqual(["provider_error", reason, tries]);
  });

  it.each([...reasons, ...imageReasons])(
    "with %s ends an image as %s after %i tries",
    async (name, reason, tries) => {
      const image = labelled(name);
      const { code, cause } = await failureOf(open({ image }).image(DRAWING));
      expect([code, cause.reason, callsOf(image)]).toEqual(["provider_error", reason, tries]);
    },
  );

  it("ends a text that was refused", async () => {
    expect((await failureOf(open({ text: "demo-refuse" }).text(PROMPT))).cause.reason).toBe("refused");
  });

  it("that cannot be reached ends as provider_error after the tries", async () => {
    const closed = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const baseUrl = `http://127.0.0.1:${closed.addr.port}/v1`;
    closed.close();
    for (
      const [address, words] of [[baseUrl, /refused/], ["http://provider.invalid/v1", /dns|lookup/]] as const
    ) {
      const models = open({ config: { baseUrl: address } });
      const { code, cause } = await failureOf(models.text(PROMPT));
      expect([code, cause.reason, cause.facts.tries]).toEqual(["provider_error", "unreachable", 2]);
      expect(cause.facts.detail, "what the network said, for the log").toMatch(words);
      expect(models.usage()).toMatchObject({ calls: 0, known: true });
    }
  });

  it("keeps the provider's own words for the log, unless they repeat the key or the prompt", async () => {
    const { cause } = await failureOf(askObject(open({ text: "demo-fail-401" })));
    expect(cause.facts).toMatchObject({
      status: 401,
      vendorCode: "invalid_api_key",
      detail: expect.any(String),
    });

    let message = "";
    const echo = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      () => Response.json({ error: { message, code: "bad" } }, { status: 400 }),
    );
    for (message of [`Bad key ${API_KEY}`, `Cannot handle: ${SECRET_PROMPT}`]) {
      const models = open({ config: { baseUrl: `http://127.0.0.1:${echo.addr.port}/v1` } });
      expect((await failureOf(models.text(PROMPT))).cause.facts).not.toHaveProperty("detail");
    }
    await echo.shutdown();
  });

  it("is told apart from a bug of ours, which is thrown as it is", async () => {
    const error = await open().object({ schema: z.object({ when: z.date() }), ...PROMPT }).catch((thrown) =>
      thrown
    );
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(AppError);
  });
});

describe("a retry", () => {
  it("lets a call succeed that failed once, and counts one charged call", async () => {
    const text = "demo-text-flaky-503-1-once";
    const models = open({ text });
    await askObject(models);
    expect(callsOf(text)).toBe(2);
    expect(models.usage()).toMatchObject({ calls: 1, known: true });
  });

  it("comes as often as the configuration says", async () => {
    const text = "demo-text-flaky-429-3-thrice";
    await failureOf(askObject(open({ text, config: { maxRetries: 0 } })));
    expect(callsOf(text)).toBe(1);
    await askObject(open({ text, config: { maxRetries: 2 } }));
    expect(callsOf(text)).toBe(4);
  });

  it("waits as long as Retry-After asks for", async () => {
    const models = open({ text: "demo-text-retry-after-1-flaky-429-1-patience" });
    const startedAtMs = performance.now();
    await models.text(PROMPT);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(990);
  });

  it("is left out where Retry-After asks for more than the bound or than the time that is left", async () => {
    const config: Partial<ModelsConfig>[] = [{ maxRetryAfterMs: 1_000 }, {
      timeoutMs: 1_500,
      maxRetryAfterMs: 60_000,
    }];
    for (const bound of config) {
      const text = labelled("demo-fail-429-retry-after-2");
      const startedAtMs = performance.now();
      const { code } = await failureOf(open({ text, config: bound }).text(PROMPT));
      expect([code, callsOf(text)]).toEqual(["provider_error", 1]);
      expect(performance.now() - startedAtMs).toBeLessThan(900);
    }
  });
});

describe("the deadline", () => {
  it("ends a call that hangs as provider_timeout, without another try, and leaves its cost unknown", async () => {
    const text = labelled("demo-hang");
    const models = open({ text, config: { timeoutMs: 80 } });
    const startedAtMs = performance.now();
    const { code, cause } = await failureOf(askObject(models));
    expect([code, cause.reason, callsOf(text)]).toEqual(["provider_timeout", "timeout", 1]);
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    expect(models.usage()).toMatchObject({ calls: 1, known: false });
  });

  it.each([200, 500])(
    "ends an answer (%i) that falls silent in the middle, after garbage was collected too",
    async (status) => {
      const beginning = new TextEncoder().encode("{");
      const silent = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        () => new Response(new ReadableStream({ start: (body) => body.enqueue(beginning) }), { status }),
      );
      const models = open({ config: { baseUrl: `http://127.0.0.1:${silent.addr.port}/v1`, timeoutMs: 300 } });
      const calls = [
        models.text(PROMPT),
        models.image(DRAWING),
        models.transcribe(VOICE),
        models.speech(WORDS),
      ];
      const failures = Promise.all(calls.map(failureOf));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await collectGarbage();
      expect((await failures).map(({ code }) => code)).toEqual(calls.map(() => "provider_timeout"));
      expect(models.usage()).toMatchObject({ calls: 4, known: false });
      await silent.shutdown();
    },
  );

  it("is one for the whole run, over all its calls", async () => {
    const models = open({ text: "demo-text-slow-120", config: { timeoutMs: 200 } });
    await models.text(PROMPT);
    expect((await failureOf(models.text(PROMPT))).code).toBe("provider_timeout");
    expect((await failureOf(models.image(DRAWING))).code).toBe("provider_timeout");
    expect(models.usage().calls).toBe(2);
  });

  it("ends the wait before a retry", async () => {
    const text = labelled("demo-fail-500");
    const models = open({ text, config: { timeoutMs: 150, maxRetries: 50, retryDelayMs: 20 } });
    const startedAtMs = performance.now();
    await failureOf(models.text(PROMPT));
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    expect(callsOf(text)).toBeLessThan(10);
  });
});

describe("the caller's signal", () => {
  it("ends a running call with its own reason and without another try", async () => {
    const text = labelled("demo-hang");
    const controller = new AbortController();
    const reason = new Error("the client left");
    setTimeout(() => controller.abort(reason), 50);
    await expect(open({ text, signal: controller.signal }).text(PROMPT)).rejects.toBe(reason);
    expect(callsOf(text)).toBe(1);
  });

  it("ends the wait before a retry", async () => {
    const text = labelled("demo-fail-429-retry-after-3");
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    await expect(open({ text, signal: controller.signal }).text(PROMPT)).rejects.toThrow(/abort/i);
    expect(callsOf(text)).toBe(1);
  });

  it("keeps a call from being made when it has aborted before", async () => {
    const text = labelled("demo-text");
    await expect(open({ text, signal: AbortSignal.abort() }).text(PROMPT)).rejects.toThrow(/abort/i);
    expect(callsOf(text)).toBe(0);
  });
});

describe("a request id", () => {
  it("is sent to the provider, so that its log and ours can be compared", async () => {
    await open({ requestId: "request-42" }).text(PROMPT);
    expect(demo.requests.filter((call) => call.request_id === "request-42")).toHaveLength(1);
  });
});

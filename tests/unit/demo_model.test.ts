import * as fc from "fast-check";
import { Buffer } from "node:buffer";
import { inflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type DemoModel, startDemoModel } from "../../scripts/local/demo_model.ts";
import { createRandom } from "../../scripts/local/demo_model/random.ts";
import type { Schema } from "../../scripts/local/demo_model/schema.ts";
import { schemaValue } from "../../scripts/local/demo_model/schema_value.ts";
import { Recording } from "../../supabase/functions/_shared/media/audio.ts";
import { wav } from "../support/recordings.ts";

let demo: DemoModel;
beforeAll(() => {
  demo = startDemoModel({ port: 0 });
});
afterAll(() => demo.stop());

const KEY = { authorization: "Bearer any" };
const HELLO = [{ role: "user", content: "Hello" }];

function post(path: string, body: unknown, headers: Record<string, string> = KEY): Promise<Response> {
  return fetch(`${demo.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

function chat(model: string, rest: Record<string, unknown> = {}): Promise<Response> {
  return post("/v1/chat/completions", { model, messages: HELLO, ...rest });
}

async function chatBody(model: string, rest: Record<string, unknown> = {}) {
  const response = await chat(model, rest);
  expect(response.status).toBe(200);
  return await response.json();
}

function jsonSchema(schema: z.ZodType) {
  return {
    response_format: { type: "json_schema", json_schema: { name: "answer", schema: z.toJSONSchema(schema) } },
  };
}

const Meal = z.object({
  dishes: z.array(z.object({ name: z.string(), mass_g: z.number().positive(), energy_kcal: z.int().min(1) }))
    .min(1),
  confidence: z.number().min(0).max(1),
  advice: z.string().nullable(),
});

describe("the chat route", () => {
  it("answers prose that says it is a demo, under a model name that does too", async () => {
    const body = await chatBody("demo-text");
    expect(body.model).toBe("demo-text");
    expect(body.object).toBe("chat.completion");
    expect(body.choices[0].message.content).toMatch(/demo/);
    expect(body.choices[0].finish_reason).toBe("stop");
  });

  it("answers JSON that fits the schema, with plausible values", async () => {
    const body = await chatBody("demo-text", jsonSchema(Meal));
    const meal = Meal.parse(JSON.parse(body.choices[0].message.content));
    expect(meal.dishes[0]!.name).toMatch(/^[A-Z]/);
    expect(meal.dishes[0]!.energy_kcal).toBeGreaterThanOrEqual(80);
  });

  it("answers an object for json_object", async () => {
    const body = await chatBody("demo-text", { response_format: { type: "json_object" } });
    expect(JSON.parse(body.choices[0].message.content)).toHaveProperty("answer");
  });

  it("gives the same answer for the same request and another for another", async () => {
    const [one, same, other] = await Promise.all([
      chat("demo-text", jsonSchema(Meal)).then((response) => response.text()),
      chat("demo-text", jsonSchema(Meal)).then((response) => response.text()),
      chat("demo-text", { ...jsonSchema(Meal), messages: [{ role: "user", content: "Other" }] })
        .then((response) => response.text()),
    ]);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });

  it("counts 1 token for 4 characters and 765 for an image", async () => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
    const messages = [
      { role: "system", content: "12345" },
      { role: "user", content: [{ type: "text", text: "1234" }, image, image] },
    ];
    const { usage, choices } = await chatBody("demo-vision", { messages });
    const output = Math.ceil(choices[0].message.content.length / 4);
    expect(usage).toEqual({
      prompt_tokens: 3 + 2 * 765,
      completion_tokens: output,
      total_tokens: 3 + 2 * 765 + output,
    });
  });

  it("ends with length at the caller's token limit", async () => {
    const { usage, choices } = await chatBody("demo-text", { max_tokens: 5 });
    expect(usage.completion_tokens).toBe(5);
    expect(choices[0].finish_reason).toBe("length");
    expect(choices[0].message.content).toHaveLength(20);
  });

  it("streams the same text as events, with the usage where it was asked for, and ends with [DONE]", async () => {
    const whole = await chatBody("demo-text");
    const response = await chat("demo-text", { stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const lines = (await response.text()).trim().split("\n\n").map((line) => line.replace(/^data: /, ""));
    expect(lines.pop()).toBe("[DONE]");
    const events = lines.map((line) => JSON.parse(line));
    expect(events.map((event) => event.choices[0]?.delta.content ?? "").join(""))
      .toBe(whole.choices[0].message.content);
    expect(events.at(-2).choices[0].finish_reason).toBe("stop");
    expect(events.at(-1)).toMatchObject({ choices: [], usage: whole.usage, model: "demo-text" });

    const without = await (await chat("demo-text", { stream: true })).text();
    expect(without).not.toContain("usage");
  });

  it("refuses what is not a chat with 400 in OpenAI's error shape", async () => {
    const bad: unknown[] = [
      "{ broken",
      "[]",
      { model: "demo-text" },
      { model: "demo-text", messages: [] },
      { model: "demo-text", messages: [{ role: "user", content: [{ type: "video" }] }] },
      {
        model: "demo-text",
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }],
      },
      { model: "demo-text", messages: HELLO, response_format: { type: "json_schema" } },
      {
        model: "demo-text",
        messages: HELLO,
        ...{ response_format: { type: "json_schema", json_schema: { schema: { $ref: "#/none" } } } },
      },
    ];
    for (const body of bad) {
      const response = await post("/v1/chat/completions", body);
      expect(response.status).toBe(400);
      expect((await response.json()).error).toMatchObject({
        message: expect.any(String),
        type: "invalid_request_error",
      });
    }
  });

  it("answers 401 without a bearer key, 404 for an unknown route or model and 405 for a wrong method", async () => {
    expect((await post("/v1/chat/completions", {}, {})).status).toBe(401);
    expect((await post("/v1/audio/speech", {})).status).toBe(404);
    expect((await fetch(`${demo.url}/v1/chat/completions`, { headers: KEY })).status).toBe(405);
    for (const model of ["gpt-5", "demon", "demo-txt", "demo-fail-200", "demo-slow", ""]) {
      const response = await chat(model);
      expect(response.status).toBe(404);
      expect((await response.json()).error.code).toBe("model_not_found");
    }
  });
});

describe("the other routes", () => {
  it("say that the server is up and which models it has", async () => {
    const health = await fetch(`${demo.url}/health`);
    expect(health.status).toBe(200);
    await health.body?.cancel();
    const models = await (await fetch(`${demo.url}/v1/models`, { headers: KEY })).json();
    expect(models.data.map(({ id }: { id: string }) => id)).toContain("demo-text");
  });

  it("list the calls by model, by request id and by a fingerprint of what was asked", async () => {
    const headers = { ...KEY, "x-client-request-id": "request-1" };
    for (const model of ["demo-text+calls", "demo-fail-500+calls"]) {
      const response = await post("/v1/chat/completions", { model, messages: HELLO }, headers);
      await response.body?.cancel();
    }
    const byModel = await (await fetch(`${demo.url}/demo/calls?model=demo-text%2Bcalls`)).json();
    expect(byModel).toEqual([{
      at: expect.any(String),
      path: "/v1/chat/completions",
      model: "demo-text+calls",
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      request_id: "request-1",
    }]);
    const byRequest = await (await fetch(`${demo.url}/demo/calls?request_id=request-1`)).json();
    expect(byRequest).toHaveLength(2);
    expect(byRequest[1].fingerprint).toBe(byModel[0].fingerprint);
    expect(demo.requests.length).toBeGreaterThanOrEqual(2);
  });
});

describe("the images route", () => {
  const draw = (model: string, rest: object = {}) =>
    post("/v1/images/generations", { model, prompt: "A bowl", size: "64x48", ...rest });

  it("draws real PNG files of the asked size and number, the same for the same prompt", async () => {
    const response = await draw("demo-image", { n: 2 });
    const text = await response.text();
    const { data, usage } = JSON.parse(text);
    expect(usage).toBeUndefined();
    expect(data).toHaveLength(2);
    expect(data[0].b64_json).not.toBe(data[1].b64_json);
    for (const { b64_json } of data) {
      const png = Buffer.from(b64_json, "base64");
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([64, 48]);
      const pixels = inflateSync(png.subarray(png.indexOf("IDAT") + 4, png.indexOf("IEND") - 8));
      expect(pixels).toHaveLength((64 + 1) * 48);
    }
    expect(await (await draw("demo-image", { n: 2 })).text()).toBe(text);
  });

  it("reports the usage that the model's name gives", async () => {
    const { usage } = await (await draw("demo-image-usage-12-345")).json();
    expect(usage).toEqual({ input_tokens: 12, output_tokens: 345, total_tokens: 357 });
  });

  it("refuses a missing prompt, an impossible size and a number outside 1 to 4", async () => {
    for (const bad of [{ prompt: "" }, { size: "4x4" }, { size: "big" }, { n: 0 }, { n: 5 }, { n: 1.5 }]) {
      const response = await draw("demo-image", bad);
      expect(response.status).toBe(400);
      await response.body?.cancel();
    }
  });

  it("fails in the ways that the switches name", async () => {
    expect((await draw("demo-image-refuse")).status).toBe(400);
    expect((await (await draw("demo-image-empty")).json()).data).toEqual([]);
    expect(await (await draw("demo-image-wrong-shape")).json()).not.toHaveProperty("data");
    const { data } = await (await draw("demo-image-nonsense")).json();
    expect(Buffer.from(data[0].b64_json, "base64").toString()).toContain("nonsense");
  });
});

describe("the transcription route", () => {
  function hear(model: string, bytes = wav(4), rest: Record<string, string> = {}): Promise<Response> {
    const form = new FormData();
    for (const [name, value] of Object.entries({ model, response_format: "verbose_json", ...rest })) {
      form.append(name, value);
    }
    form.append("file", new Blob([bytes]), "voice.wav");
    return fetch(`${demo.url}/v1/audio/transcriptions`, { method: "POST", headers: KEY, body: form });
  }

  it("writes prose for a file, the same for the same bytes, in parts that fill its length", async () => {
    const text = await (await hear("demo-transcribe")).text();
    const { duration, language, segments, ...body } = JSON.parse(text);
    expect({ duration, language }).toEqual({ duration: 4, language: "english" });
    expect(segments.map((one: { text: string }) => one.text).join("").trim()).toBe(body.text);
    expect([segments[0].start, segments.at(-1).end]).toEqual([0, 4]);
    expect(await (await hear("demo-transcribe")).text()).toBe(text);
    expect(await (await hear("demo-transcribe", wav(4.1))).text()).not.toBe(text);
  });

  it("tells the text alone where no more is asked for, or to be told", async () => {
    for (const answer of [hear("demo", wav(4), { response_format: "json" }), hear("demo-no-usage")]) {
      expect(Object.keys(await (await answer).json())).toEqual(["text"]);
    }
  });

  it("refuses what is no recording, no file and no form", async () => {
    const answers = [
      hear("demo", new Uint8Array(50)),
      post("/v1/audio/transcriptions", { model: "demo" }),
      post("/v1/audio/transcriptions", "no form", {
        ...KEY,
        "content-type": "multipart/form-data; boundary=x",
      }),
    ];
    for (const answer of answers) {
      const { status, body } = await answer;
      expect(status).toBe(400);
      await body?.cancel();
    }
  });

  it("fails in the ways that the switches name", async () => {
    expect((await hear("demo-refuse")).status).toBe(400);
    expect(await (await hear("demo-empty")).json()).toMatchObject({ text: "", segments: [] });
    expect(await (await hear("demo-wrong-shape")).json()).not.toHaveProperty("text");
    expect((await (await hear("demo-usage-70-1")).json()).duration).toBe(70);
    const { segments } = await (await hear("demo-nonsense")).json();
    expect(segments.every(({ start, end }: { start: number; end: number }) => end < start)).toBe(true);
  });

  it("lists its calls with a fingerprint of the file", async () => {
    for (const seconds of [1, 1, 2]) await hear("demo+voices", wav(seconds));
    const [first, same, other] = demo.requests.filter(({ model }) => model === "demo+voices");
    expect(same!.fingerprint).toBe(first!.fingerprint);
    expect(other!.fingerprint).not.toBe(first!.fingerprint);
  });
});

describe("the speech route", () => {
  const speak = (model: string, rest: object = {}) =>
    post("/v1/audio/speech", { model, input: "Good morning to you", voice: "nova", ...rest });

  it("answers a WAV that plays, the same for the same text, another for another voice", async () => {
    const bytes = await (await speak("demo-speech")).bytes();
    const { duration_s } = Recording.of(bytes).content;
    expect(duration_s).toBeCloseTo(19 / 15, 1);
    const loudest = new Int16Array(bytes.buffer, 44).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
    expect(loudest).toBeGreaterThan(5_000);
    expect(await (await speak("demo-speech")).bytes()).toEqual(bytes);
    expect(await (await speak("demo-speech", { voice: "onyx" })).bytes()).not.toEqual(bytes);
  });

  it("refuses no text, another voice and an impossible speed", async () => {
    for (
      const bad of [{ input: "" }, { input: "x".repeat(4_097) }, { voice: "nobody" }, { speed: 5 }, {
        speed: "1",
      }]
    ) {
      const response = await speak("demo-speech", bad);
      expect(response.status).toBe(400);
      await response.body?.cancel();
    }
  });

  it("fails in the ways that the switches name", async () => {
    expect((await speak("demo-refuse")).status).toBe(400);
    expect(await (await speak("demo-empty")).bytes()).toHaveLength(0);
    expect(await (await speak("demo-nonsense")).text()).toContain("nonsense");
    expect(await (await speak("demo-wrong-shape")).json()).toBeTypeOf("object");
  });
});

describe("the switches in a model's name", () => {
  it("fail with any status and can ask for patience", async () => {
    for (const status of [400, 401, 403, 429, 500, 503]) {
      const response = await chat(`demo-fail-${status}-retry-after-7`);
      expect(response.status).toBe(status);
      expect(response.headers.get("retry-after")).toBe("7");
      expect((await response.json()).error.message).toContain(String(status));
    }
  });

  it("fail the first N calls with a key and then work", async () => {
    const statuses = [];
    for (let call = 0; call < 4; call++) statuses.push((await chat("demo-text-flaky-503-2-some-key")).status);
    expect(statuses).toEqual([503, 503, 200, 200]);
    expect((await chat("demo-text-flaky-503-1-other-key")).status).toBe(503);
  });

  it("wait", async () => {
    const startedAtMs = performance.now();
    await chatBody("demo-slow-60");
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(58);
  });

  it("hang until the server stops, and no longer", async () => {
    const ownDemo = startDemoModel({ port: 0 });
    const ask = (signal?: AbortSignal) =>
      fetch(`${ownDemo.url}/v1/chat/completions`, {
        method: "POST",
        headers: KEY,
        body: JSON.stringify({ model: "demo-hang", messages: HELLO }),
        signal,
      });
    await expect(ask(AbortSignal.timeout(50))).rejects.toThrow(/time/i);
    const hanging = ask();
    while (ownDemo.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await ownDemo.stop();
    expect((await hanging).status).toBe(503);
    await expect(fetch(`${ownDemo.url}/health`)).rejects.toThrow();
  });

  it("break the connection in the middle, or after N bytes, of a body and of a stream", async () => {
    for (const rest of [{}, { stream: true }]) {
      for (const model of ["demo-cut", "demo-cut-after-0", "demo-cut-after-40"]) {
        const response = await chat(model, rest);
        expect(response.status).toBe(200);
        await expect(response.text()).rejects.toThrow();
      }
    }
    const received = await receivedBytes(await chat("demo-cut-after-40"));
    expect(received).toBe(40);
  });

  it("report a given usage or none", async () => {
    expect((await chatBody("demo-text-usage-7-9")).usage).toMatchObject({
      prompt_tokens: 7,
      completion_tokens: 9,
    });
    expect(await chatBody("demo-text-no-usage")).not.toHaveProperty("usage");
  });

  it("answer nonsense, a wrong shape, garbage, a refusal, nothing, or half", async () => {
    const content = async (model: string) => (await chatBody(model, jsonSchema(Meal))).choices[0];
    const nonsense = (await content("demo-nonsense")).message.content;
    expect(() => JSON.parse(nonsense)).toThrow();
    const wrongShape = JSON.parse((await content("demo-wrong-shape")).message.content);
    expect(Meal.safeParse(wrongShape).success).toBe(false);
    expect(await (await chat("demo-garbage")).text()).toMatch(/^<html>/);
    expect(await content("demo-refuse")).toMatchObject({
      finish_reason: "content_filter",
      message: { content: null, refusal: expect.any(String) },
    });
    expect((await content("demo-empty")).message.content).toBe("");
    const whole = (await content("demo-text")).message.content;
    const half = await content("demo-truncated");
    expect(half.finish_reason).toBe("length");
    expect(whole.startsWith(half.message.content)).toBe(true);
    expect(half.message.content.length).toBeLessThan(whole.length);
  });

  it("can be combined", async () => {
    const body = await chatBody("demo-vision-slow-5-usage-1-2-empty+label");
    expect(body).toMatchObject({
      model: "demo-vision-slow-5-usage-1-2-empty+label",
      usage: { total_tokens: 3 },
    });
    expect(body.choices[0].message.content).toBe("");
  });
});

describe("values made for a schema", () => {
  it("fit any zod schema, and are the same for the same seed", () => {
    fc.assert(
      fc.property(anySchema(3), fc.string(), (schema, seed) => {
        for (const target of ["draft-7", "draft-2020-12"] as const) {
          const asked = z.toJSONSchema(schema, { target, io: "input" }) as Schema;
          const value = schemaValue(asked, createRandom(seed));
          expect(schema.safeParse(value).error, JSON.stringify({ asked, value })).toBeUndefined();
          expect(schemaValue(asked, createRandom(seed))).toEqual(value);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("fit every string format that zod knows", () => {
    const schema = z.object({
      email: z.email(),
      url: z.url(),
      httpUrl: z.httpUrl(),
      uuid: z.uuid(),
      uuidv7: z.uuidv7(),
      dateTime: z.iso.datetime(),
      date: z.iso.date(),
      time: z.iso.time(),
      duration: z.iso.duration(),
      ipv4: z.ipv4(),
      ipv6: z.ipv6(),
      cidrv4: z.cidrv4(),
      cidrv6: z.cidrv6(),
      base64: z.base64(),
      base64url: z.base64url(),
      cuid2: z.cuid2(),
      ulid: z.ulid(),
      nanoid: z.nanoid(),
      emoji: z.emoji(),
      e164: z.e164(),
      jwt: z.jwt(),
      hostname: z.hostname(),
      hex: z.hex(),
      lowercase: z.string().lowercase(),
      uppercase: z.string().uppercase(),
      template: z.templateLiteral(["a-", z.int(), "/", z.enum(["x", "y"])]),
    });
    const asked = z.toJSONSchema(schema) as Schema;
    for (let seed = 0; seed < 50; seed++) {
      expect(schema.safeParse(schemaValue(asked, createRandom(String(seed)))).error).toBeUndefined();
    }
  });

  it("end where a schema is recursive", () => {
    const Tree = z.object({
      name: z.string(),
      get children() {
        return z.array(Tree).min(0);
      },
      get parent() {
        return z.union([Tree, z.null()]);
      },
    });
    const asked = z.toJSONSchema(Tree) as Schema;
    for (let seed = 0; seed < 20; seed++) Tree.parse(schemaValue(asked, createRandom(String(seed))));
  });

  it("follow references, merged parts, OpenAPI's nullable and fixed places in lists", () => {
    const asked: Schema = {
      type: "object",
      $defs: { Grams: { type: "integer", minimum: 5, maximum: 6 } },
      properties: {
        weight: { $ref: "#/$defs/Grams", maximum: 5 },
        both: {
          allOf: [
            { type: "object", properties: { a: { const: 1 } }, required: ["a"] },
            { type: "object", properties: { b: { enum: ["x"] } }, required: ["b"] },
          ],
        },
        gone: { type: "string", nullable: true },
        place: { type: "array", prefixItems: [{ const: "first" }], items: false },
        set: { type: "array", uniqueItems: true, items: { enum: [1, 2, 3] }, minItems: 3, maxItems: 3 },
      },
      required: ["weight", "both", "gone", "place", "set"],
    };
    const value = schemaValue(asked, createRandom("seed")) as Record<string, unknown>;
    expect(value).toMatchObject({ weight: 5, both: { a: 1, b: "x" }, place: ["first"] });
    expect(new Set(value.set as number[])).toEqual(new Set([1, 2, 3]));
  });

  it("are refused where nothing can fit", () => {
    const impossible: Schema[] = [
      { type: "integer", minimum: 2, maximum: 1 },
      { type: "string", pattern: "^a$", minLength: 2 },
      { $ref: "#" },
      { type: "tuple" },
      { enum: [] },
    ];
    for (const asked of impossible) expect(() => schemaValue(asked, createRandom("seed"))).toThrow();
  });
});

async function receivedBytes(response: Response): Promise<number> {
  let total = 0;
  try {
    for await (const chunk of response.body!) total += chunk.length;
  } catch {
    return total;
  }
  throw new Error("the connection was not cut");
}

/** Random zod schemas of the kinds that features use for their outputs. */
function anySchema(depth: number): fc.Arbitrary<z.ZodType> {
  const names = fc.constantFrom(
    "name",
    "dishes",
    "energy_kcal",
    "mass_g",
    "steps",
    "note",
    "x",
    "confidence",
  );
  const leaf: fc.Arbitrary<z.ZodType> = fc.oneof(
    fc.constantFrom(
      z.string(),
      z.boolean(),
      z.null(),
      z.int(),
      z.number(),
      z.literal("only"),
      z.literal([1, "two"]),
    ),
    fc.constantFrom(z.email(), z.uuid(), z.iso.date(), z.iso.datetime(), z.url()),
    fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }).map((values) =>
      z.enum(values)
    ),
    range(0, 60).map(([min, max]) => z.string().min(min).max(max)),
    range(-500, 500).map(([min, max]) => z.int().min(min).max(max)),
    range(-500, 500).map(([min, max]) => z.number().gt(min - 0.5).lt(max + 0.5)),
    range(-50, 50).map(([min, max]) => z.number().min(min * 3).max(max * 3).multipleOf(0.25)),
    fc.constantFrom(
      /^[a-z]{2}-\d{3,}$/,
      /^(?:low|high)(?:er)?$/,
      /^#[0-9a-f]{6}$/i,
      /\bdemo\b/,
      /^\S+@\w+\.com$/,
    )
      .map((pattern) => z.string().regex(pattern)),
    fc.constantFrom(z.string().startsWith("de").endsWith("mo"), z.string().includes("mid").min(8)),
  );
  if (depth === 0) return leaf;
  const inner = anySchema(depth - 1);
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    { weight: 3, arbitrary: fc.dictionary(names, inner, { maxKeys: 5 }).map((shape) => z.object(shape)) },
    {
      weight: 1,
      arbitrary: fc.dictionary(names, inner, { maxKeys: 3 }).map((shape) => z.strictObject(shape)),
    },
    {
      weight: 1,
      arbitrary: fc.dictionary(names, inner, { maxKeys: 3 }).map((shape) => z.object(shape).partial()),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(inner, range(0, 6)).map(([item, [min, max]]) => z.array(item).min(min).max(max)),
    },
    { weight: 1, arbitrary: fc.array(inner, { minLength: 1, maxLength: 3 }).map((all) => z.union(all)) },
    { weight: 1, arbitrary: inner.map((schema) => schema.nullable()) },
    { weight: 1, arbitrary: inner.map((schema) => z.record(z.string(), schema)) },
    { weight: 1, arbitrary: inner.map((schema) => z.record(z.enum(["am", "pm"]), schema)) },
    { weight: 1, arbitrary: fc.tuple(inner, inner).map(([one, other]) => z.tuple([one, other])) },
    {
      weight: 1,
      arbitrary: fc.tuple(inner, inner).map(([one, other]) =>
        z.discriminatedUnion("kind", [
          z.object({ kind: z.literal("one"), value: one }),
          z.object({ kind: z.literal("other"), value: other }),
        ])
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(inner, inner).map(([one, other]) => z.object({ one }).and(z.object({ other }))),
    },
  );
}

function range(min: number, max: number): fc.Arbitrary<[number, number]> {
  return fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }))
    .map(([one, other]) => [Math.min(one, other), Math.max(one, other)]);
}

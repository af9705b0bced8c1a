/**
 * The demo model server: speaks OpenAI's HTTP API on 127.0.0.1 and makes its answers up, so that the whole stack
 * runs, and can be tested, without a provider. The same request always gets the same answer, without delay.
 *
 *     deno run -A scripts/local/demo_model.ts --port 54399
 *
 * | route                         | answers                                                                   |
 * |-------------------------------|---------------------------------------------------------------------------|
 * | GET  /health                  | 200 when it is up                                                         |
 * | GET  /demo/calls              | the last 1,000 calls; `?model=` `?request_id=` … keep those that fit       |
 * | GET  /v1/models               | the names to start from                                                   |
 * | POST /v1/chat/completions     | text, or JSON that fits `response_format`; `stream: true` as events       |
 * | POST /v1/images/generations   | PNG files of the asked size as `b64_json`                                 |
 * | POST /v1/audio/transcriptions | multipart: prose by the file's bytes; `verbose_json` with its length      |
 * | POST /v1/audio/speech         | a tone for each word, as WAV whatever format is asked for                 |
 * | GET  /v1/realtime?model=      | a WebSocket that talks: see demo_model/realtime.ts                         |
 *
 * `/v1/*` wants a bearer key, any key. Usage is counted as 1 token for 4 characters, rounded up, and 765 for an
 * image in a message; `max_tokens` cuts the answer there. Images report no usage unless the name says so, recordings
 * their length, sound never any.
 *
 * `/dialects/<name>/…` is the same in the dialect of another server, with its refusals, its errors and the ends of its
 * streams: `AI_BASE_URL=http://127.0.0.1:54399/dialects/mistral/v1`. They are in demo_model/dialects/.
 *
 * What happens is chosen by the model's name: `demo`, then any switches, joined by `-`, in any order. A name with
 * another word in it does not exist (404). What follows a `+` is a label without effect (`demo-text+my-test`).
 *
 * | switch                        | effect                                                                    |
 * |-------------------------------|---------------------------------------------------------------------------|
 * | text, vision, … speech        | none: names for the kinds                                                 |
 * | slow-MS                       | waits that many milliseconds first                                        |
 * | fail-STATUS                   | always fails with that status, 400 to 599                                 |
 * | flaky-STATUS-N-KEY            | the first N calls with this KEY fail; comes last, KEY is all that follows |
 * | retry-after-S                 | adds `Retry-After: S` to the failure                                      |
 * | hang                          | accepts the request and never answers, until the server stops             |
 * | cut, cut-after-N              | breaks the connection in the middle, or after N bytes, of the body        |
 * | usage-IN-OUT, no-usage        | reports this usage, or none; a recording of IN seconds, or of no length   |
 * | nonsense                      | 200 with a text that is not JSON, bytes that are no image or sound, or    |
 * |                               | segments out of order and of the recording                                |
 * | wrong-shape                   | 200 with JSON that does not fit the schema, or in place of sound          |
 * | garbage                       | 200 with HTML in place of the API's JSON                                  |
 * | refuse                        | ends with `content_filter`; others: 400 `content_policy_violation`        |
 * | empty                         | an empty text, or no images, or no sound                                  |
 * | truncated                     | half of the text, ended with `length`, or of the sound                    |
 *
 * @module
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { type Answer, errorAnswer, jsonAnswer, OpenAiError, toResponse } from "./demo_model/answer.ts";
import { type Call, CallLog, requestIdOf } from "./demo_model/calls.ts";
import { answerSpeech, answerTranscription } from "./demo_model/audio.ts";
import { answerChat } from "./demo_model/chat.ts";
import type { Route, ServerDialect } from "./demo_model/dialects/dialect.ts";
import { DIALECTS } from "./demo_model/dialects/table.ts";
import { answerImages } from "./demo_model/images.ts";
import { fingerprintOf } from "./demo_model/random.ts";
import { RealtimeConversation } from "./demo_model/realtime.ts";
import { readSwitches, type Switches } from "./demo_model/switches.ts";

export interface DemoModel {
  /** The server's address; `AI_BASE_URL` is this with `/v1` behind it. */
  url: string;
  port: number;
  /** The calls so far, in the form of `GET /demo/calls`. */
  requests: readonly Call[];
  /** Ends every open request, also those that hang, and frees the port. */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const MODELS = ["demo-text", "demo-vision", "demo-image", "demo-transcribe", "demo-speech", "demo-realtime"];

/** The handler of a kind of model; a new kind is one module and one line here. */
const KINDS: Record<string, { route: Route; answer: Answerer }> = {
  "/chat/completions": { route: "chat", answer: answerChat },
  "/images/generations": { route: "images", answer: answerImages },
  "/audio/transcriptions": { route: "transcriptions", answer: answerTranscription },
  "/audio/speech": { route: "speech", answer: answerSpeech },
};

type Answerer = (body: Record<string, unknown>, switches: Switches, dialect?: ServerDialect) => Answer;

/** Starts the server; port 0 means any free port. */
export function startDemoModel({ port }: { port: number }): DemoModel {
  const log = new CallLog();
  const failuresByKey = new Map<string, number>();
  const stopping = new AbortController();
  const sockets = new Set<WebSocket>();

  async function handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const dialect = dialectAt(url.pathname);
    try {
      return await route(request, url, dialect);
    } catch (error) {
      if (error instanceof OpenAiError) return toResponse(errorIn(dialect, error));
      console.error("demo model:", error);
      return toResponse(errorAnswer(new OpenAiError(500, "The demo model has a bug: see its log")));
    }
  }

  async function route(
    request: Request,
    { pathname, searchParams }: URL,
    dialect: ServerDialect | undefined,
  ): Promise<Response> {
    if (pathname === "/health") return toResponse(jsonAnswer({ status: "ok", server: "demo" }));
    if (pathname === "/demo/calls") return toResponse(jsonAnswer(log.find(searchParams)));
    if (pathname === "/v1/realtime") return await talk(request, searchParams.get("model") ?? "");
    requireKey(request, dialect);
    if (pathname === "/v1/models") return toResponse(jsonAnswer(modelList()));
    const base = dialect === undefined ? "/v1" : `/dialects/${dialect.name}${dialect.path}`;
    const kind = pathname.startsWith(base) ? KINDS[pathname.slice(base.length)] : undefined;
    if (kind === undefined || !(dialect?.routes.includes(kind.route) ?? true)) {
      throw new OpenAiError(404, `The demo server has no route ${pathname}`);
    }
    if (dialect?.query !== undefined && !searchParams.has("api-version")) {
      throw new OpenAiError(404, "Resource not found");
    }
    if (request.method !== "POST") throw new OpenAiError(405, `${pathname} is called with POST`);

    const body = await readBody(request);
    const switches = readSwitches(String(body.model ?? ""));
    log.add(callOf(request, pathname, switches.model, body));
    await behave(switches);
    const refusal = dialect?.refuse?.(kind.route, body);
    if (refusal !== undefined) throw refusal;
    const answer = kind.answer(dialect?.heed?.(body) ?? body, switches, dialect);
    return toResponse(answer, switches.cutAfterBytes);
  }

  /** The key is in the header or, from a WebSocket that sends none, in a subprotocol. */
  async function talk(request: Request, model: string): Promise<Response> {
    const protocols = request.headers.get("sec-websocket-protocol") ?? "";
    if (!/\bopenai-insecure-api-key\.\S/.test(protocols)) requireKey(request);
    const switches = readSwitches(model);
    log.add(callOf(request, "/v1/realtime", model, {}));
    await behave({ ...switches, hang: false, slowMs: 0 });
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      throw new OpenAiError(400, "/v1/realtime is a WebSocket");
    }
    const { socket, response } = Deno.upgradeWebSocket(request, {
      protocol: protocols === "" ? undefined : "realtime",
    });
    sockets.add(socket);
    new RealtimeConversation(socket, switches);
    socket.addEventListener("close", () => sockets.delete(socket));
    return response;
  }

  /** Applies the switches that act before an answer: wait, fail, hang. */
  async function behave(switches: Switches): Promise<void> {
    if (switches.slowMs > 0) await sleep(switches.slowMs, stopping.signal);
    const { flaky, failStatus, retryAfterSeconds } = switches;
    const failures = failuresByKey.get(flaky?.key ?? "") ?? 0;
    const isFlakyNow = flaky !== undefined && failures < flaky.failures;
    if (isFlakyNow) failuresByKey.set(flaky.key, failures + 1);

    const status = isFlakyNow ? flaky.status : failStatus;
    if (status !== undefined) {
      const headers = retryAfterSeconds === undefined
        ? undefined
        : { "retry-after": String(retryAfterSeconds) };
      throw new OpenAiError(status, `The demo model was told to fail with ${status}`, undefined, headers);
    }
    if (switches.hang) await sleep(Infinity, stopping.signal);
  }

  const server = Deno.serve({ port, hostname: HOST, onListen: () => {}, onError: broken }, handle);
  const { port: actualPort } = server.addr;
  return {
    url: `http://${HOST}:${actualPort}`,
    port: actualPort,
    requests: log.calls,
    stop: async () => {
      stopping.abort();
      for (const socket of sockets) socket.close(1012, "The demo server is stopping");
      await server.shutdown();
    },
  };
}

/** Deno reports a body that was cut on purpose here. The response has begun, so this one is not sent. */
function broken(): Response {
  return new Response(null, { status: 500 });
}

/** The dialect of a URL below /dialects/. */
function dialectAt(pathname: string): ServerDialect | undefined {
  const [, name] = /^\/dialects\/([^/]+)/.exec(pathname) ?? [];
  return DIALECTS.find((dialect) => dialect.name === name);
}

function errorIn(dialect: ServerDialect | undefined, error: OpenAiError): Answer {
  const usual = errorAnswer(error);
  if (dialect?.error === undefined) return usual;
  return { ...jsonAnswer(dialect.error(error), error.status), headers: usual.headers };
}

function requireKey(request: Request, dialect?: ServerDialect): void {
  if (dialect?.key === "none" || (dialect?.key === "api-key" && request.headers.has("api-key"))) return;
  if (dialect?.key === "api-key") throw new OpenAiError(401, "Access denied due to missing subscription key");
  if (/^Bearer +\S/i.test(request.headers.get("authorization") ?? "")) return;
  throw new OpenAiError(401, "You did not provide an API key: send Authorization: Bearer with any value");
}

function modelList() {
  return {
    object: "list",
    data: MODELS.map((id) => ({ id, object: "model", created: 0, owned_by: "demo" })),
  };
}

async function readBody(request: Request): Promise<Record<string, unknown>> {
  if (/^multipart\/form-data/i.test(request.headers.get("content-type") ?? "")) {
    return await readForm(request);
  }
  const body: unknown = await request.json().catch(() => undefined);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) {
    return body as Record<string, unknown>;
  }
  throw new OpenAiError(400, "Cannot read the request as its body must be a JSON object");
}

/** A form's texts, and its files as bytes. */
async function readForm(request: Request): Promise<Record<string, unknown>> {
  const form = await request.formData().catch(() => {
    throw new OpenAiError(400, "Cannot read the request as its body must be a whole form");
  });
  const entries = [...form].map(async ([name, value]) =>
    [name, typeof value === "string" ? value : await value.bytes()] as const
  );
  return Object.fromEntries(await Promise.all(entries));
}

function callOf(request: Request, path: string, model: string, body: Record<string, unknown>): Call {
  const fingerprint = fingerprintOf(JSON.stringify({ ...body, model: undefined }, withoutBytes));
  return { at: new Date().toISOString(), path, model, fingerprint, request_id: requestIdOf(request.headers) };
}

/** A file's hash in place of the file. */
function withoutBytes(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? createHash("sha256").update(value).digest("hex") : value;
}

/** Waits, forever for Infinity, and answers 503 if the server stops meanwhile. */
function sleep(ms: number, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = () => {
      clearTimeout(timer);
      reject(new OpenAiError(503, "The demo server is stopping"));
    };
    const wake = () => {
      stopping.removeEventListener("abort", refuse);
      resolve();
    };
    const timer = ms === Infinity ? undefined : setTimeout(wake, ms);
    stopping.addEventListener("abort", refuse, { once: true });
  });
}

if (import.meta.main) {
  const { values } = parseArgs({ args: Deno.args, options: { port: { type: "string", default: "0" } } });
  const demo = startDemoModel({ port: Number(values.port) });
  console.log(`Demo model on ${demo.url}/v1`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => demo.stop().then(() => Deno.exit(0)));
  }
}

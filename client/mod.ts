import { type Deadline, deadline, throwIfAborted } from "./aborting.ts";
import { bodyOf, queryOf } from "./body.ts";
import { TesseraError } from "./errors.ts";
import { readEvents } from "./events.ts";
import { type Calls, type ErrorCode, FUNCTIONS } from "./features.ts";
import { newKey } from "./keys.ts";
import { retryDelayMs, type RetryOptions, sleep } from "./retry.ts";
import { Salon, type SalonOptions } from "./salon.ts";
import type { SupabaseLike } from "./topic.ts";

export { photoOf } from "./body.ts";
export { type ErrorDetails, hasCode, TesseraError } from "./errors.ts";
export type * from "./features.ts";
export {
  type LiveBalance,
  onBalance,
  type OnBalanceOptions,
  type RealtimeClient,
  type WatchingClient,
} from "./on_balance.ts";
export type { Salon, SalonOptions, SalonOutcome, SendOptions } from "./salon.ts";
export type { Quotation, SalonMessage } from "./timeline.ts";

export interface TesseraOptions extends RetryOptions {
  /** The Supabase project: `https://<project>.supabase.co`. */
  url: string;
  publishableKey: string;
  /** The team's wallet that pays; default: the user's own. A call may name another. */
  wallet?: string;
  /** The app's supabase-js client, over which `salon()` reads and listens. */
  supabase?: SupabaseLike;
  /** Returns the signed-in user's access token; called before each try, so that a renewed token is used. */
  accessToken: () => string | undefined | Promise<string | undefined>;
  /** How long one try may take. Default: longer than any function runs. */
  timeoutMs?: number;
  /** A replacement for the platform's `fetch`, also for tests. */
  fetch?: typeof globalThis.fetch;
}

export interface CallOptions extends RetryOptions {
  /** One key for each thing that the user wants; default: random. Store it to call again after a crash. */
  idempotencyKey?: string;
  /** The team's wallet that pays for this call, or that is asked about; null: the user's own. */
  wallet?: string | null;
  signal?: AbortSignal;
}

/** The cost of a metered call. */
export interface Usage {
  request_id: string;
  model: string | null;
  input_tokens: number;
  output_tokens: number;
  charged: number;
  balance: number;
}

type Functions = typeof FUNCTIONS;

/** The result of a call; `usage` and `isReplayed` if it was metered. */
export type Answer<Name extends keyof Calls> = Functions[Name]["isMetered"] extends true
  ? { data: Calls[Name]["output"]; usage: Usage; requestId: string; isReplayed: boolean }
  : { data: Calls[Name]["output"]; requestId: string };

type Arguments<Input> = undefined extends Input ? [input?: Input, options?: CallOptions]
  : [input: Input, options?: CallOptions];

type Metered = {
  [Name in keyof Calls]: Functions[Name]["isMetered"] extends true ? Name : never;
}[keyof Calls];

/** The parts of a streamed call: drafts, each complete and replacing the one before, then the final answer. */
export type Part<Name extends Metered> =
  | { isFinal: false; data: Partial<Calls[Name]["output"]> }
  | { isFinal: true } & Answer<Name>;

/** A method for each function, named in camel case; `stream` has the functions that can stream. */
export type TesseraClient =
  & { [Name in keyof Calls]: (...given: Arguments<Calls[Name]["input"]>) => Promise<Answer<Name>> }
  & {
    stream: {
      [Name in Metered]: (...given: Arguments<Calls[Name]["input"]>) => AsyncGenerator<Part<Name>, void>;
    };
    /** Opens a salon of the user, live: docs/community.md. `close()` it when it is not shown any more. */
    salon(id: string, options?: SalonOptions): Salon;
  };

const DEFAULT_TIMEOUT_MS = 150_000;

/**
 * A client of all functions that an app may call. Every call that is not a GET carries an `Idempotency-Key`, the same on
 * each retry: a call that is retried after a lost connection, 409, 429 or 503 is charged once, and a code is sent once.
 * Failures are thrown as `TesseraError`; an aborted signal throws its reason.
 *
 * A stream that the caller leaves early is still charged, as the response is stored for the same key:
 * docs/streaming.md.
 */
export function createTesseraClient(options: TesseraOptions): TesseraClient {
  const targets = Object.entries(FUNCTIONS);
  const methods = targets.map(([name, target]) => [
    name,
    (input: object = {}, callOptions: CallOptions = {}) =>
      call(target, input, withCall(options, callOptions)),
  ]);
  const streams = targets.filter(([, { isMetered }]) => isMetered).map(([name, target]) => [
    name,
    (input: object = {}, callOptions: CallOptions = {}) =>
      stream(target, input, withCall(options, callOptions)),
  ]);
  return {
    ...Object.fromEntries(methods),
    stream: Object.fromEntries(streams),
    salon(id: string, salonOptions?: SalonOptions) {
      if (!options.supabase) {
        throw new TypeError("salon() needs the option supabase: the app's supabase-js client");
      }
      return new Salon(options.supabase, id, salonOptions);
    },
  };
}

interface Settings extends Omit<TesseraOptions, "wallet">, CallOptions {
  accept?: string;
}

/** A call's own options over the client's. A wallet that is not said must not change who pays. */
function withCall(options: TesseraOptions, callOptions: CallOptions): Settings {
  const wallet = callOptions.wallet === undefined ? options.wallet : callOptions.wallet;
  return { ...options, ...callOptions, wallet };
}

async function call(target: Functions[keyof Calls], input: object, settings: Settings): Promise<unknown> {
  const idempotencyKey = isRead(target) ? undefined : settings.idempotencyKey ?? newKey();
  const { response, end } = await sendUntilAnswered(target, input, { ...settings, idempotencyKey });
  const requestId = response.headers.get("X-Request-Id") ?? "";
  const body = await readJson(response, idempotencyKey).finally(end);
  if (!target.isMetered) return { data: body, requestId };
  const { data, usage } = body as { data: unknown; usage: Usage };
  return { data, usage, requestId, isReplayed: isReplay(response) };
}

/** A GET changes nothing and may be repeated. An app may only have functions of one method. */
function isRead(target: Functions[keyof Calls]): boolean {
  return target.method as string === "GET";
}

/** A broken stream is requested again with the same key: its response is in progress, or stored. */
async function* stream(
  target: Functions[keyof Calls],
  input: object,
  given: Settings,
): AsyncGenerator<unknown, void> {
  const idempotencyKey = given.idempotencyKey ?? newKey();
  const settings = { ...given, idempotencyKey, accept: "text/event-stream" };
  for (let tries = 1;; tries++) {
    const { response, end } = await sendUntilAnswered(target, input, settings);
    let broken: unknown;
    let data: unknown;
    try {
      for await (const event of readEvents(response)) {
        const content = JSON.parse(event.data);
        if (event.name === "error") throw errorOf(content, response.status, idempotencyKey);
        if (event.name === "data") yield { isFinal: false, data: data = content };
        if (event.name !== "usage") continue;
        const requestId = response.headers.get("X-Request-Id") ?? "";
        yield { isFinal: true, data, usage: content, requestId, isReplayed: isReplay(response) };
        return;
      }
    } catch (error) {
      if (error instanceof TesseraError) throw error;
      throwIfAborted(settings.signal);
      broken = error;
    } finally {
      end();
    }
    const delayMs = retryDelayMs(undefined, tries, settings);
    if (delayMs === undefined) throw noAnswer(broken, idempotencyKey);
    await sleep(delayMs, settings.signal);
  }
}

function isReplay({ headers }: Response): boolean {
  return headers.get("Idempotent-Replayed") === "true";
}

/** Tries until a response needs no retry. Throws its error if it is a failure. */
async function sendUntilAnswered(
  target: Functions[keyof Calls],
  input: object,
  settings: Settings,
): Promise<Answered> {
  for (let tries = 1;; tries++) {
    const { response, error, end } = await send(target, input, settings);
    if (response?.ok) return { response, end };
    const delayMs = retryDelayMs(response, tries, settings);
    try {
      if (delayMs === undefined) throw await failureOf(response, error, settings.idempotencyKey);
      await response?.body?.cancel();
    } finally {
      end();
    }
    await sleep(delayMs, settings.signal);
  }
}

/** The body is not read yet; the reader must end the try's deadline. */
interface Answered extends Pick<Deadline, "end"> {
  response: Response;
}

/** One try: the response, or why there is none. `fetch` may return something other than the platform's `Response`. */
async function send(
  target: Functions[keyof Calls],
  input: object,
  settings: Settings,
): Promise<Partial<Answered> & Pick<Deadline, "end"> & { error?: unknown }> {
  const { url, publishableKey, signal, timeoutMs = DEFAULT_TIMEOUT_MS, fetch = globalThis.fetch } = settings;
  const token = await settings.accessToken();
  const headers = new Headers({ apikey: publishableKey });
  if (settings.accept !== undefined) headers.set("Accept", settings.accept);
  if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
  if (settings.idempotencyKey !== undefined) headers.set("Idempotency-Key", settings.idempotencyKey);
  if (target.takesWallet && settings.wallet) headers.set("Tessera-Wallet", settings.wallet);
  let address = `${url.replace(/\/+$/, "")}/functions/v1/${target.name}`;
  let body: BodyInit | undefined;
  if (isRead(target)) {
    address += queryOf(input);
  } else {
    const sent = bodyOf(input);
    body = sent.body;
    if (sent.contentType) headers.set("Content-Type", sent.contentType);
  }
  throwIfAborted(signal);
  const { signal: ended, end } = deadline(timeoutMs, signal);
  try {
    return { response: await fetch(address, { method: target.method, headers, body, signal: ended }), end };
  } catch (error) {
    end();
    throwIfAborted(signal);
    return { error, end };
  }
}

/** A body that breaks off does not show what was charged: call again with the same key. */
async function readJson(response: Response, idempotencyKey: string | undefined): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw noAnswer(cause, idempotencyKey);
  }
}

async function failureOf(
  response: Response | undefined,
  error: unknown,
  idempotencyKey: string | undefined,
): Promise<TesseraError> {
  if (response === undefined) return noAnswer(error, idempotencyKey);
  const body = await response.json().catch(() => undefined);
  const { status, statusText, headers } = response;
  const ofProxy = {
    error: codeOf(status),
    message: statusText,
    request_id: headers.get("X-Request-Id") ?? undefined,
  };
  return errorOf(body?.error ? body : ofProxy, status, idempotencyKey);
}

interface FailureBody {
  error: ErrorCode;
  message: string;
  request_id?: string;
  details?: unknown;
  charged?: number | null;
}

function errorOf(body: FailureBody, status: number, idempotencyKey: string | undefined): TesseraError {
  const { error, message, request_id: requestId, details, charged } = body;
  return new TesseraError(error, message, { status, requestId, details, charged, idempotencyKey });
}

/** For a response that is not ours: from a gateway or a proxy in between. */
function codeOf(status: number): ErrorCode {
  return status >= 500 ? "service_unavailable" : "invalid_request";
}

function noAnswer(cause: unknown, idempotencyKey: string | undefined): TesseraError {
  return new TesseraError("network_error", "The response was incomplete; call again with the same key", {
    cause,
    idempotencyKey,
  });
}

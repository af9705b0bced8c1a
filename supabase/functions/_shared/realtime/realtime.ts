import type { z } from "zod";

import { inBackground } from "../platform/background.ts";
import { defineEndpoint, type Endpoint, type EndpointContext } from "../http/endpoint.ts";
import { modelSettings } from "../models/settings.ts";
import { AppError } from "../platform/errors.ts";
import { newRequestId } from "../http/identifiers.ts";
import { ledger } from "../ledger/connect.ts";
import { checkPrice, type Price } from "../ledger/price.ts";
import { addressOf } from "../models/provider_address.ts";
import { RealtimeSession } from "./session.ts";
import { DEFAULT_SESSION, type SessionLimits } from "./limits.ts";
import { Slices } from "./slices.ts";
import { Billing, type Seat } from "./billing.ts";
import { checkHandshake, type Socket, upgrade, withProtocolHeaders } from "../http/websocket.ts";

/** The limits of one answer, in tokens of the model. */
export interface AnswerLimits {
  instruction_tokens: number;
  /** How much of the conversation the model gets again; the oldest part is dropped first. */
  conversation_tokens: number;
  output_tokens: number;
}

export interface RealtimeSpec<Input extends z.ZodType> {
  /** The function's folder, and the operation type in the ledger. */
  name: string;
  price: Price;
  /** Tokens held at a time; at least the most that one answer may cost. */
  slice_tokens: number;
  answer: AnswerLimits;
  limits?: Partial<SessionLimits>;
  /** The schema of the query. */
  input: Input;
  /** The session's settings, which only the server sets and a client cannot change. */
  session(input: z.output<Input>): { instructions: string; voice: string };
}

export type Realtime<Input extends z.ZodType> =
  & RealtimeSpec<Input>
  & Pick<Endpoint<Input>, "auth" | "method" | "callLimit" | "takesWallet" | "fetch">;

/** A hold expires after 600 s; a session ends well before, settlement included. */
const MAX_SESSION_S = 540;
const CALL_LIMIT = {
  instead: "the plan's limits, taken with the seat and with each slice; two sessions at once on each wallet",
};

/**
 * A spoken conversation with a model over a WebSocket, paid in advance slice by slice.
 * docs/realtime.md; https://platform.openai.com/docs/guides/realtime
 */
export function defineRealtime<Input extends z.ZodType>(spec: RealtimeSpec<Input>): Realtime<Input> {
  checkPrice(spec.name, spec.price);
  const limits = { ...DEFAULT_SESSION, ...spec.limits };
  if (limits.session_s > MAX_SESSION_S) {
    throw new TypeError(
      `Cannot let ${spec.name} last ${limits.session_s} s: its holds might expire meanwhile`,
    );
  }
  newSlices(spec); // Refuses a slice that is too small when the function is declared.
  const endpoint = {
    name: spec.name,
    auth: "user",
    method: "GET",
    input: spec.input,
    callLimit: CALL_LIMIT,
    takesWallet: true,
  } as const;
  return {
    ...spec,
    auth: endpoint.auth,
    method: endpoint.method,
    callLimit: endpoint.callLimit,
    takesWallet: endpoint.takesWallet,
    fetch: (request) =>
      defineEndpoint({
        ...endpoint,
        handle: (context) => open(spec, limits, request, context),
      }).fetch(withProtocolHeaders(request)),
  };
}

function newSlices({ price, slice_tokens, answer }: RealtimeSpec<z.ZodType>): Slices {
  const bound = {
    input_tokens: answer.instruction_tokens + answer.conversation_tokens,
    output_tokens: answer.output_tokens,
  };
  return new Slices(price, bound, slice_tokens);
}

/**
 * Sockets of callers without a seat are accepted only to send the reason. A client's frame is measured after it has
 * arrived, up to 64 MiB: more such callers at once are refused without a socket.
 */
const MAX_SEATLESS = 1;
let seatlessCount = 0;

async function open<Input extends z.ZodType>(
  spec: RealtimeSpec<Input>,
  limits: SessionLimits,
  request: Request,
  { caller, walletId, input, log }: EndpointContext<z.output<Input>>,
): Promise<Response> {
  const { AI_REALTIME_MODEL: model } = modelSettings();
  // Check everything before accepting the socket, which is the response.
  checkHandshake(request);
  const sessionId = newRequestId();
  const customer = { userId: caller.userId, walletId, sessionId, name: spec.name, price: spec.price, model };
  const billing = new Billing({ ...customer, supabaseClient: ledger() });
  const parts = {
    sessionId,
    name: spec.name,
    userId: caller.userId,
    walletId,
    model,
    openProvider: () => openProvider(model),
    setup: setupOf(spec.session(input), spec.answer),
    billing,
    slices: newSlices(spec),
    limits,
    tokenEndsAtMs: endOf(caller.token),
  };
  log.model = model;
  const refusal = await refusalOf(billing.takeSeat(limits.sessions));
  if (refusal !== undefined && seatlessCount >= MAX_SEATLESS) throw refusal;
  const { socket, response, closed } = await accept(request, billing);
  if (refusal !== undefined) {
    seatlessCount += 1;
    closed.then(() => seatlessCount -= 1);
  }
  const session = new RealtimeSession({ ...parts, client: socket });
  closed.then(() => session.end("closed"));
  keepAlive(session);
  return response;
}

/** Why the caller gets no seat; undefined if it has one. */
async function refusalOf(taken: Promise<Seat>): Promise<unknown> {
  try {
    const seat = await taken;
    if (seat === "none_free") return new AppError("rate_limited", "Too many sessions at once");
    if (seat === "insufficient_tokens") return new AppError(seat, "The tokens are not enough for a session");
    return undefined;
  } catch (error) {
    return error;
  }
}

async function accept(request: Request, billing: Billing): Promise<ReturnType<typeof upgrade>> {
  try {
    return upgrade(request);
  } catch (error) {
    await billing.leaveSeat().catch(() => {}); // The seat is also free when its hold expires.
    throw error;
  }
}

/** Lets a session finish when the worker is about to end, and keeps the worker alive until then. */
function keepAlive(session: RealtimeSession): void {
  const stop = () => session.end("service_unavailable");
  globalThis.addEventListener("beforeunload", stop);
  const finished = session.finished.finally(() => globalThis.removeEventListener("beforeunload", stop));
  inBackground(finished.catch(() => {}));
}

/** The key is sent as a subprotocol, since not every runtime's WebSocket sends headers. */
function openProvider(model: string): Socket {
  const { AI_BASE_URL, AI_API_KEY } = modelSettings();
  const url = new URL(addressOf(AI_BASE_URL, "/realtime").replace(/^http/, "ws"));
  url.searchParams.set("model", model);
  return new WebSocket(url, ["realtime", `openai-insecure-api-key.${AI_API_KEY}`]);
}

const PCM = { type: "audio/pcm", rate: 24_000 };
/**
 * How much of the conversation stays when it is too long: dropping a little each time would defeat the provider's
 * cache.
 */
const RETENTION = 0.8;

/**
 * The session in the form of the GA API; the model detects the end of a turn, and waits for a request to answer it.
 */
function setupOf(
  { instructions, voice }: { instructions: string; voice: string },
  { conversation_tokens, output_tokens }: AnswerLimits,
) {
  return {
    type: "realtime",
    instructions,
    output_modalities: ["audio"],
    max_output_tokens: output_tokens,
    truncation: {
      type: "retention_ratio",
      retention_ratio: RETENTION,
      token_limits: { post_instructions: conversation_tokens },
    },
    audio: {
      input: {
        format: PCM,
        turn_detection: { type: "server_vad", create_response: false, interrupt_response: true },
      },
      output: { format: PCM, voice },
    },
  };
}

/** When a verified token expires. */
function endOf(token: string): number {
  const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
  const { exp } = JSON.parse(atob(payload)) as { exp?: number };
  return exp === undefined ? Infinity : exp * 1000;
}

import { corsHeaders } from "@supabase/supabase-js/cors";
import type { z } from "zod";

import { reserveForBody } from "./memory_budget.ts";
import { type CallLimit, takeCallLimit } from "./call_limits.ts";
import { noteCallerNetwork } from "./caller_networks.ts";
import { type Auth, authenticate, type Caller } from "./credentials.ts";
import { requireSoundEnvelopes } from "../security/envelope_proof.ts";
import { type ErrorCode, errorResponse, toAppError } from "../platform/errors.ts";
import { type BodyLimits, discardRest } from "./body.ts";
import { checkMethod, hasBody, type InputSpec, parseInput } from "./request_input.ts";
import { idempotencyKey, newRequestId, repeatableRequestId } from "./identifiers.ts";
import { describeCause, logRequest, type RequestLog } from "../platform/log.ts";
import { countRequest } from "./request_metrics.ts";
import { walletOf } from "./wallet_header.ts";
import type { Span } from "../platform/tracer.ts";
import { isTraced, traceRequest } from "../platform/tracing.ts";

export interface EndpointContext<Input> {
  request: Request;
  /** Identifies this request in responses, logs and the ledger. */
  requestId: string;
  caller: Caller;
  /** The team's wallet that the caller names, not checked yet; null for its own. */
  walletId: string | null;
  input: Input;
  /** The handler adds what it knows. */
  log: Partial<RequestLog>;
  /** Work that goes on while the response is being sent. The request ends, and is logged, when this work ends. */
  until(work: Promise<unknown>): void;
}

export interface EndpointSpec<Input extends z.ZodType> extends InputSpec<Input> {
  /** The function's folder, and the action if it has several: `balance`, `otp/verify`. */
  name: string;
  /** Accepted credentials; with a list, the first match wins. */
  auth: Auth | Auth[];
  /** Whether a user may name a team's wallet in the header `Tessera-Wallet`; other endpoints ignore it. */
  takesWallet?: boolean;
  /** The schema of the response, for the API reference. */
  output?: z.ZodType;
  /**
   * How often each caller without a secret key may call: users each, other callers by network. Or what limits calls
   * instead, in words. Every endpoint that a user or anybody may call needs one.
   */
  callLimit?: CallLimit | { instead: string };
  /** The endpoint's own error codes, besides those of every endpoint. */
  codes?: ErrorCode[];
  maxBodyBytes?: number;
  /** Also accepts multipart/form-data up to this size: files become byte arrays, fields become texts. */
  maxUploadBytes?: number;
  handle(context: EndpointContext<z.output<Input>>): Promise<Response>;
}

export type Endpoint<Input extends z.ZodType> = EndpointSpec<Input> & {
  fetch(request: Request): Promise<Response>;
};

const DEFAULT_BODY_BYTES = 256 * 1024;

const RESPONSE_HEADERS: Record<string, string> = {
  ...corsHeaders,
  "Access-Control-Allow-Headers": `${
    corsHeaders["Access-Control-Allow-Headers"]
  }, idempotency-key, tessera-wallet, x-region`,
  "Access-Control-Expose-Headers":
    "X-Request-Id, Idempotent-Replayed, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
};

/**
 * An Edge Function: who may call it, its input, and its work. The rest happens here: CORS, method, credentials, body,
 * request id, errors and the log. `fetch` never throws.
 */
export function defineEndpoint<Input extends z.ZodType>(spec: EndpointSpec<Input>): Endpoint<Input> {
  return {
    ...spec,
    fetch: (request) =>
      isTraced() && request.method !== "OPTIONS"
        ? traceRequest(request, spec.name, (span) => serve(spec, request, span))
        : serve(spec, request),
  };
}

/** What is known of a request while it is served. */
interface Exchange {
  request: Request;
  startedAt: number;
  requestId: string;
  walletId: string | null;
  log: Partial<RequestLog>;
  /** Work that goes on while the response is being sent. */
  pending: Promise<unknown>[];
  callLimitHeaders: Record<string, string>;
  releaseMemory(): void;
}

async function serve<Input extends z.ZodType>(
  spec: EndpointSpec<Input>,
  request: Request,
  span?: Span,
): Promise<Response> {
  if (request.method === "OPTIONS") return preflightResponse();
  const exchange: Exchange = {
    request,
    startedAt: performance.now(),
    requestId: newRequestId(),
    walletId: null,
    log: {},
    pending: [],
    callLimitHeaders: {},
    releaseMemory: () => {},
  };
  let response: Response;
  try {
    const caller = await admit(spec, exchange);
    response = await handle(spec, exchange, caller);
  } catch (thrown) {
    response = failureResponse(thrown, exchange);
    await discardRest(request);
  }
  setHeaders(response, exchange);
  const end = () => finish(spec, exchange, response.status, span);
  if (exchange.pending.length === 0) end();
  else Promise.allSettled(exchange.pending).then(end);
  return response;
}

function preflightResponse(): Response {
  return new Response(null, {
    status: 204,
    headers: { ...RESPONSE_HEADERS, "Access-Control-Max-Age": "86400" },
  });
}

/** Checks everything that can be checked before the body is read: method, credentials and call limit. */
async function admit<Input extends z.ZodType>(
  spec: EndpointSpec<Input>,
  exchange: Exchange,
): Promise<Caller> {
  const { request, log } = exchange;
  // One runtime opened forged envelopes: there, broker tokens and webhook addresses would not be protected.
  await requireSoundEnvelopes();
  checkMethod(spec, request);
  const caller = await authenticate(spec.auth, request);
  log.user_id = caller.userId || undefined;
  if (caller.userId) noteCallerNetwork(caller.userId, request.headers);
  if (spec.takesWallet && caller.userId) exchange.walletId = walletOf(request.headers, caller.userId);
  log.wallet_id = exchange.walletId ?? undefined;
  const key = idempotencyKey(request.headers);
  if (key !== null) {
    exchange.requestId = repeatableRequestId(caller.userId, spec.name, key, exchange.walletId);
  }
  if (spec.callLimit && "quota" in spec.callLimit && caller.auth !== "secret") {
    exchange.callLimitHeaders = await takeCallLimit(spec.name, caller, request.headers, spec.callLimit);
  }
  return caller;
}

/** Reads the input, within the memory budget, and runs the endpoint's handler. */
async function handle<Input extends z.ZodType>(
  spec: EndpointSpec<Input>,
  exchange: Exchange,
  caller: Caller,
): Promise<Response> {
  const { request, requestId, walletId, log, pending } = exchange;
  const limits: BodyLimits = {
    json: spec.maxBodyBytes ?? DEFAULT_BODY_BYTES,
    multipart: spec.maxUploadBytes,
  };
  if (!spec.isTextBody && hasBody(spec, request)) {
    exchange.releaseMemory = reserveForBody(request, limits, caller.userId);
  }
  const input = await parseInput(spec, request, limits);
  return await spec.handle({
    request,
    requestId,
    caller,
    walletId,
    input,
    log,
    until: (work) => pending.push(work),
  });
}

function setHeaders({ headers }: Response, { requestId, callLimitHeaders }: Exchange): void {
  for (const [name, value] of Object.entries({ ...RESPONSE_HEADERS, ...callLimitHeaders })) {
    headers.set(name, value);
  }
  headers.set("X-Request-Id", requestId);
}

/** Releases the request's memory, and logs, counts and traces it. */
function finish(
  { name }: Pick<EndpointSpec<z.ZodType>, "name">,
  { requestId, log, startedAt, releaseMemory }: Exchange,
  status: number,
  span?: Span,
): void {
  releaseMemory();
  const durationMs = performance.now() - startedAt;
  const entry = { request_id: requestId, function: name, status, ...log };
  logRequest({ ...entry, trace_id: span?.context.traceId, duration_ms: Math.round(durationMs) });
  countRequest(entry, durationMs);
  span?.set({
    "http.response.status_code": entry.status,
    "error.type": entry.code,
    "tessera.request_id": requestId,
    "tessera.replayed": entry.replayed,
  });
  span?.end({ isError: entry.status >= 500 });
}

/** The response to a failure. Notes its code and cause for the log. */
export function failureResponse(
  thrown: unknown,
  { requestId, log }: Pick<EndpointContext<unknown>, "requestId" | "log">,
): Response {
  const error = toAppError(thrown);
  log.code = error.code;
  log.cause = describeCause(error.cause);
  return errorResponse(error, requestId);
}

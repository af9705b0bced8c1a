import { corsHeaders } from "@supabase/supabase-js/cors";
import type { z } from "zod";

import { reserveForBody } from "./memory_budget.ts";
import { type CallLimit, takeCallLimit } from "./call_limits.ts";
import { noteCallerNetwork } from "./caller_networks.ts";
import { type Auth, authenticate, type Caller } from "./credentials.ts";
import { requireSoundEnvelopes } from "../security/envelope_proof.ts";
import { AppError, type ErrorCode, errorResponse, toAppError } from "../platform/errors.ts";
import { type BodyLimits, discardRest, readBody, readText } from "./body.ts";
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

export interface EndpointSpec<Input extends z.ZodType> {
  /** The function's folder, and the action if it has several: `balance`, `otp/verify`. */
  name: string;
  /** Accepted credentials; with a list, the first match wins. */
  auth: Auth | Auth[];
  method: "GET" | "POST";
  /** For GET: also accepts its input by POST, as a JSON body, as a query or as both. */
  isAlsoPost?: boolean;
  /** Whether a user may name a team's wallet in the header `Tessera-Wallet`; other endpoints do not look at it. */
  takesWallet?: boolean;
  /** The schema of the JSON body (POST) or the query (GET); a raw body is `{ text }`. */
  input: Input;
  /** The schema of the response, for the API reference. */
  output?: z.ZodType;
  /**
   * How often each caller without a secret key may call: users each, other callers by network. Or what limits calls
   * instead, in words. Every endpoint that a user or anybody may call needs one.
   */
  callLimit?: CallLimit | { instead: string };
  /** The endpoint's own error codes, besides those of every endpoint. */
  codes?: ErrorCode[];
  /** Passes the raw body through, whatever its content type, e.g. to verify a webhook's signature. */
  isTextBody?: boolean;
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

async function serve<Input extends z.ZodType>(
  spec: EndpointSpec<Input>,
  request: Request,
  span?: Span,
): Promise<Response> {
  if (request.method === "OPTIONS") {
    return new Response(null, {
      status: 204,
      headers: { ...RESPONSE_HEADERS, "Access-Control-Max-Age": "86400" },
    });
  }
  const startedAt = performance.now();
  const log: Partial<RequestLog> = {};
  const limits = { json: spec.maxBodyBytes ?? DEFAULT_BODY_BYTES, multipart: spec.maxUploadBytes };
  let requestId = newRequestId();
  let response: Response;
  let giveBackMemory = () => {};
  let callLimitHeaders: Record<string, string> = {};
  const underWay: Promise<unknown>[] = [];
  try {
    await requireSoundEnvelopes();
    checkMethod(spec, request);
    const caller = await authenticate(spec.auth, request);
    log.user_id = caller.userId || undefined;
    if (caller.userId) noteCallerNetwork(caller.userId, request.headers);
    const walletId = spec.takesWallet && caller.userId ? walletOf(request.headers, caller.userId) : null;
    log.wallet_id = walletId ?? undefined;
    const key = idempotencyKey(request.headers);
    if (key !== null) requestId = repeatableRequestId(caller.userId, spec.name, key, walletId);
    if (spec.callLimit && "quota" in spec.callLimit && caller.auth !== "secret") {
      callLimitHeaders = await takeCallLimit(spec.name, caller, request.headers, spec.callLimit);
    }
    if (!spec.isTextBody && hasBody(spec, request)) {
      giveBackMemory = reserveForBody(request, limits, caller.userId);
    }
    const input = await parseInput(spec, request, limits);
    response = await spec.handle({
      request,
      requestId,
      caller,
      walletId,
      input,
      log,
      until: (work) => underWay.push(work),
    });
  } catch (thrown) {
    response = refuse(thrown, { requestId, log });
    await discardRest(request);
  }
  for (const [name, value] of Object.entries({ ...RESPONSE_HEADERS, ...callLimitHeaders })) {
    response.headers.set(name, value);
  }
  response.headers.set("X-Request-Id", requestId);
  const { status } = response;
  const end = () => {
    giveBackMemory();
    const durationMs = performance.now() - startedAt;
    const entry = { request_id: requestId, function: spec.name, status, ...log };
    logRequest({ ...entry, trace_id: span?.context.traceId, duration_ms: Math.round(durationMs) });
    countRequest(entry, durationMs);
    span?.set({
      "http.response.status_code": entry.status,
      "error.type": entry.code,
      "tessera.request_id": requestId,
      "tessera.replayed": entry.replayed,
    });
    span?.end({ isError: entry.status >= 500 });
  };
  if (underWay.length === 0) end();
  else Promise.allSettled(underWay).then(end);
  return response;
}

/** Turns a failure into the caller's response; the cause goes to the log. */
export function refuse(
  thrown: unknown,
  { requestId, log }: Pick<EndpointContext<unknown>, "requestId" | "log">,
): Response {
  const error = toAppError(thrown);
  log.code = error.code;
  log.cause = describeCause(error.cause);
  return errorResponse(error, requestId);
}

function checkMethod(spec: Pick<EndpointSpec<z.ZodType>, "method" | "isAlsoPost">, request: Request): void {
  const methods = spec.isAlsoPost ? [spec.method, "POST"] : [spec.method];
  if (methods.includes(request.method)) return;
  throw new AppError("method_not_allowed", `Only ${methods.join(" and ")} is possible here`, {
    headers: { Allow: [...methods, "OPTIONS"].join(", ") },
  });
}

/** A POST that may have its input in the query needs no body. */
function hasBody({ isAlsoPost }: Pick<EndpointSpec<z.ZodType>, "isAlsoPost">, request: Request): boolean {
  if (request.method === "GET") return false;
  // `body` is a stream even when nothing was sent, as with `curl -X POST`.
  const { headers } = request;
  return !isAlsoPost || headers.has("Content-Type") || headers.has("Transfer-Encoding") ||
    Number(headers.get("Content-Length") ?? 0) > 0;
}

const MAX_ISSUES = 20;

async function parseInput<Input extends z.ZodType>(
  spec: EndpointSpec<Input>,
  request: Request,
  limits: BodyLimits,
): Promise<z.output<Input>> {
  const given = await readInput(spec, request, limits);
  const parsed = spec.input.safeParse(given);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, MAX_ISSUES);
  const first = issues[0];
  const where = first?.path.length ? `${first.path.join(".")}: ` : "";
  throw new AppError("invalid_request", `${where}${first?.message ?? "The request does not fit"}`, {
    details: issues.map(({ path, code, message }) => ({ path: path.join("."), code, message })),
  });
}

async function readInput(
  spec: EndpointSpec<z.ZodType>,
  request: Request,
  limits: BodyLimits,
): Promise<unknown> {
  if (spec.isTextBody) return { text: await readText(request, limits.json) };
  const query = spec.method === "GET" ? Object.fromEntries(new URL(request.url).searchParams) : {};
  if (!hasBody(spec, request)) return query;
  const body = await readBody(request, limits);
  const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
  return isObject ? { ...query, ...body } : body;
}

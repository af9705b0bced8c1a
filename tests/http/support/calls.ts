import { expect } from "vitest";

import { type SignedInUser, stack } from "../../support/stack.ts";

/** A function's complete response. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The JSON of it; undefined when it is none. */
  // deno-lint-ignore no-explicit-any
  body: any;
}

export interface CallOptions {
  /** Where the functions are; the suite's own stack by default. */
  base?: string;
  user?: Pick<SignedInUser, "token">;
  /** Sent as JSON, a text, bytes or a stream as they are, and as a form what has bytes among its fields: those are files. */
  body?: unknown;
  /** The Idempotency-Key. */
  key?: string;
  method?: string;
  /** Over the usual ones; undefined takes one away. */
  headers?: Record<string, string | undefined>;
  signal?: AbortSignal;
  /** Whether to go where the answer leads: "manual" gives the answer itself. */
  redirect?: RequestRedirect;
  /** Uses a connection that no other call uses. */
  ownConnection?: boolean;
}

/** Calls a function as a client app does. */
export async function call(name: string, options: CallOptions = {}): Promise<Answer> {
  const { base = stack.url, user, body, key, signal } = options;
  const method = options.method ?? "POST";
  const sent = payloadOf(body);
  const headers = {
    "Content-Type": method === "GET" || sent instanceof FormData ? undefined : "application/json",
    apikey: stack.publishableKey,
    Authorization: user && `Bearer ${user.token}`,
    "Idempotency-Key": key,
    ...options.headers,
  };
  const client = options.ownConnection ? Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) : undefined;
  const response = await fetch(`${base}/functions/v1/${name}`, {
    client,
    method,
    headers: Object.entries(headers).flatMap(([header, value]) =>
      value === undefined ? [] : [[header, value]]
    ),
    body: sent,
    redirect: options.redirect,
    signal,
  });
  const answer = await readAnswer(response);
  client?.close();
  return answer;
}

/** How a body is sent. */
export function payloadOf(body: unknown): BodyInit | undefined {
  if (body === undefined || typeof body === "string" || !isJson(body)) return body as BodyInit | undefined;
  const isForm = Object.values(body ?? {}).some((value) => value instanceof Uint8Array);
  return isForm ? formOf(body as Record<string, unknown>) : JSON.stringify(body);
}

/** Plain values; bytes, forms and streams have a class. */
function isJson(body: unknown): boolean {
  return typeof body !== "object" || body === null || Array.isArray(body) ||
    Object.getPrototypeOf(body) === Object.prototype;
}

/** Bytes as files of a name that says nothing, everything else as text. */
export function formOf(fields: Record<string, unknown>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Uint8Array) form.append(name, new Blob([new Uint8Array(value)]), "file");
    else form.append(name, typeof value === "string" ? value : JSON.stringify(value) ?? "");
  }
  return form;
}

export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status: response.status, headers: response.headers, text, body };
}

const SHAPE = ["error", "message", "request_id", "details", "charged", "balance"];

/** The common form of a refusal, wherever it comes from: body, CORS and request id. */
export function expectRefusal(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, error: answer.body?.error, text: answer.text }).toEqual({
    status,
    error: code,
    text: answer.text,
  });
  expect(SHAPE).toEqual(expect.arrayContaining(Object.keys(answer.body)));
  expect(answer.body.message).toMatch(/\S/);
  expect(answer.body.request_id).toMatch(/\S/);
  expect(answer.headers.get("X-Request-Id")).toBe(answer.body.request_id);
  expect(answer.headers.get("Content-Type")).toMatch(/^application\/json/);
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
}

/** A success of a metered feature. */
export function expectCharged(answer: Answer): { requestId: string; charged: number; balance: number } {
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: answer.text });
  const { request_id, charged, balance } = answer.body.usage;
  expect(answer.headers.get("X-Request-Id")).toBe(request_id);
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
  return { requestId: request_id, charged, balance };
}

const PATIENCE_MS = 20_000;

/** Asks until there is an answer; fails with what was awaited. */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value | undefined | false> | Value | undefined | false,
  patienceMs: number = PATIENCE_MS,
): Promise<Value> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`waited ${patienceMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

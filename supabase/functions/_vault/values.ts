import { Buffer } from "node:buffer";

import { endOf } from "./ends.ts";

/** The content of a value in Redis. */
export interface TokenValue {
  token: string;
  /** When it expires, in seconds since 1970; undefined if the value does not say. */
  expiresAtS?: number;
  /** The source of that time: the JWT, a field beside the token, or a lifetime counted from the moment of reading. */
  expirySource?: "jwt" | "field" | "arrival";
}

/** Why a value is not a token; never repeats the value. */
export interface Rejection {
  reason: string;
}

/** Field names for a token in JSON. */
const TOKEN_FIELDS = ["access_token", "accessToken", "token"];

/** A JWT's header is JSON, which in base64 begins with `eyJ`, or with `ey` if it has spaces. */
const JWT = /^ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
/** Printable, without spaces: fits in an Authorization header. RFC 6750, 2.1, allows less. */
const HEADER_VALUE = /^[\x21-\x7e]+$/;

/** How often a value may be encoded: each program that passed it on may have quoted it. */
const MAX_ENCODINGS = 3;

/**
 * Reads a value: a JWT, or JSON with a token, JWT or not, as access_token, accessToken or token. Either may be quoted
 * as a JSON text, also twice, and a token may begin with `Bearer `. A lifetime without a start in the value counts
 * from `nowS`, in seconds since 1970.
 */
export function readTokenValue(value: string, nowS = Date.now() / 1_000): TokenValue | Rejection {
  let text = value.trim();
  for (let encodings = 0; encodings < MAX_ENCODINGS && text.startsWith('"'); encodings++) {
    const inner = parse(text);
    if (typeof inner !== "string") break;
    text = inner.trim();
  }
  if (text === "") return { reason: "empty" };
  if (text.startsWith("{")) return fromJson(text, nowS);
  const token = withoutScheme(text);
  const claims = claimsOf(token);
  if (!claims) return { reason: "neither a JWT nor JSON" };
  return { token, ...endOf({}, claims, nowS) };
}

/** Whether a value was rejected. */
export function isRejection(value: TokenValue | Rejection): value is Rejection {
  return "reason" in value;
}

function fromJson(text: string, nowS: number): TokenValue | Rejection {
  const fields = parseObject(text);
  if (!fields) return { reason: "JSON that cannot be read" };
  const given = TOKEN_FIELDS.map((name) => fields[name]).find((one) => one !== undefined && one !== null);
  if (given === undefined) return { reason: `JSON without ${TOKEN_FIELDS.join(", ")}` };
  const token = typeof given === "string" ? withoutScheme(given) : given;
  if (typeof token !== "string" || !HEADER_VALUE.test(token)) {
    return { reason: "JSON whose token is not text that fits in a header" };
  }
  return { token, ...endOf(fields, claimsOf(token), nowS) };
}

/** `Bearer ` is the scheme and not part of the token. */
function withoutScheme(text: string): string {
  return text.trim().replace(/^bearer\s+/i, "");
}

/** The claims of a JWT, unverified: only its issuer could verify it. */
function claimsOf(text: string): Record<string, unknown> | undefined {
  if (!JWT.test(text)) return undefined;
  const payloadAt = text.indexOf(".") + 1;
  const payload = text.slice(payloadAt, text.indexOf(".", payloadAt));
  return parseObject(Buffer.from(payload, "base64url").toString());
}

function parseObject(text: string): Record<string, unknown> | undefined {
  const value = parse(text);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? value as Record<string, unknown> : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { Buffer } from "node:buffer";

/** What a value in Redis holds. */
export interface TokenValue {
  token: string;
  /** The end of a JWT in seconds since 1970; undefined when it says none. */
  expiresAtS?: number;
}

/** Why a value is no token, in words that do not repeat it. */
export interface Rejection {
  reason: string;
}

/** What a JSON value may call its token. */
const TOKEN_FIELDS = ["access_token", "accessToken", "token"];

/** Its head is JSON, which in base64 begins with `eyJ`, or with `ey` where there are spaces. */
const JWT = /^ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
/** Printable, without spaces: fits in an Authorization header. RFC 6750, 2.1, allows less. */
const HEADER_VALUE = /^[\x21-\x7e]+$/;
/** The year 9999. */
const LAST_S = 253_402_300_799;

/** Reads a value: a JWT as it is, or JSON with the token as access_token, accessToken or token, a JWT or not. */
export function readTokenValue(value: string): TokenValue | Rejection {
  const text = value.trim();
  if (text === "") return { reason: "empty" };
  if (text.startsWith("{")) return fromJson(text);
  const claims = claimsOf(text);
  if (!claims) return { reason: "neither a JWT nor JSON" };
  return { token: text, expiresAtS: expiryOf(claims) };
}

/** Whether a value was rejected. */
export function isRejection(value: TokenValue | Rejection): value is Rejection {
  return "reason" in value;
}

function fromJson(text: string): TokenValue | Rejection {
  const fields = parseObject(text);
  if (!fields) return { reason: "JSON that cannot be read" };
  const token = TOKEN_FIELDS.map((name) => fields[name]).find((one) => one !== undefined && one !== null);
  if (token === undefined) return { reason: `JSON without ${TOKEN_FIELDS.join(", ")}` };
  if (typeof token !== "string" || !HEADER_VALUE.test(token)) {
    return { reason: "JSON whose token is not text that fits in a header" };
  }
  const claims = claimsOf(token);
  return { token, expiresAtS: claims && expiryOf(claims) };
}

/** The claims of a JWT, not verified: its issuer alone can. */
function claimsOf(text: string): Record<string, unknown> | undefined {
  if (!JWT.test(text)) return undefined;
  const payloadAt = text.indexOf(".") + 1;
  const payload = text.slice(payloadAt, text.indexOf(".", payloadAt));
  return parseObject(Buffer.from(payload, "base64url").toString());
}

function expiryOf({ exp }: Record<string, unknown>): number | undefined {
  return typeof exp === "number" && exp > 0 && exp <= LAST_S ? exp : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

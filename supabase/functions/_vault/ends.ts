/** Field names for the time at which a token expires. */
const END_FIELDS = [
  "expirationTime",
  "expiration_time",
  "expires_at",
  "expiresAt",
  "expiration",
  "expiry",
  "expires",
  "exp",
];
/** Field names for a token's lifetime in seconds. */
const LIFETIME_FIELDS = ["expires_in", "expiresIn"];
/** Field names for the start of the lifetime. */
const BEGIN_FIELDS = ["issued_at", "issuedAt", "created_at", "createdAt", "obtained_at", "iat"];

/** The year 9999. */
const LAST_S = 253_402_300_799;
/** A larger number is a time in milliseconds: in seconds it would be after the year 5000. */
const LAST_PLAUSIBLE_S = 1e11;
const NUMBER = /^\d{1,16}(?:\.\d+)?$/;
const ISO_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/i;

/** When a token expires, in seconds since 1970, and the source of that time. */
export interface TokenEnd {
  expiresAtS?: number;
  expirySource?: "jwt" | "field" | "arrival";
}

const NO_END: TokenEnd = { expiresAtS: undefined, expirySource: undefined };

/**
 * When a token expires: by the fields beside it, else by its own claims. A time is a number of seconds or
 * milliseconds, also as text, or ISO 8601, in UTC if it has no zone. A JWT is never valid for longer than its own
 * claim says.
 */
export function endOf(
  fields: Record<string, unknown>,
  claims: Record<string, unknown> | undefined,
  nowS: number,
): TokenEnd {
  const exp = claims?.exp;
  const ownS = typeof exp === "number" && isTime(exp) ? exp : undefined;
  const beside = besideOf(fields, claims, nowS);
  if (ownS !== undefined && (beside.expiresAtS === undefined || ownS <= beside.expiresAtS)) {
    return { expiresAtS: ownS, expirySource: "jwt" };
  }
  return beside;
}

function besideOf(
  fields: Record<string, unknown>,
  claims: Record<string, unknown> | undefined,
  nowS: number,
): TokenEnd {
  const endS = firstTime(fields, END_FIELDS);
  if (endS !== undefined) return { expiresAtS: endS, expirySource: "field" };
  const lifetimeS = LIFETIME_FIELDS.map((name) => numberIn(fields[name])).find((one) => one !== undefined);
  if (lifetimeS === undefined || lifetimeS === 0) return NO_END;
  const beginS = firstTime(fields, BEGIN_FIELDS) ?? (claims && firstTime(claims, ["iat"]));
  const expiresAtS = (beginS ?? nowS) + lifetimeS;
  if (!isTime(expiresAtS)) return NO_END;
  return { expiresAtS, expirySource: beginS === undefined ? "arrival" : "field" };
}

function firstTime(fields: Record<string, unknown>, names: string[]): number | undefined {
  return names.map((name) => timeIn(fields[name])).find((one) => one !== undefined);
}

function timeIn(value: unknown): number | undefined {
  const number = numberIn(value);
  if (number !== undefined) {
    const seconds = number > LAST_PLAUSIBLE_S ? number / 1_000 : number;
    return isTime(seconds) ? seconds : undefined;
  }
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  const zone = ISO_TIME.exec(text);
  if (zone === null) return undefined;
  const seconds = Date.parse(zone[1] === undefined ? `${text}Z` : text) / 1_000;
  return isTime(seconds) ? seconds : undefined;
}

function numberIn(value: unknown): number | undefined {
  if (typeof value === "number") return value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : undefined;
  return typeof value === "string" && NUMBER.test(value.trim()) ? Number(value) : undefined;
}

/** NaN is not a number of seconds. */
function isTime(seconds: number): boolean {
  return seconds > 0 && seconds <= LAST_S;
}

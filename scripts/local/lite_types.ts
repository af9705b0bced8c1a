import { arrayText, readArray } from "./array_text.ts";

/** How postgres.js encodes and decodes a Postgres type, by its oid. */
interface TypeCodec {
  to: number;
  from: number[];
  serialize: (value: unknown) => string;
  parse: (text: string) => unknown;
}

// The oid of the type and of its arrays:
// https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/catalog/pg_type.dat
const BOOL = [16, 1000];
const BYTEA = [17, 1001];
const INT8 = [20, 1016];
const INT2 = [21, 1005];
const INT4 = [23, 1007];
const TEXT = [25, 1009];
const OID = [26, 1028];
const JSON_TYPE = [114, 199];
const FLOAT4 = [700, 1021];
const FLOAT8 = [701, 1022];
const VARCHAR = [1043, 1015];
const DATE = [1082, 1182];
const TIMESTAMP = [1114, 1115];
const TIMESTAMPTZ = [1184, 1185];
const NUMERIC = [1700, 1231];
const UUID = [2950, 2951];
const JSONB = [3802, 3807];

/**
 * Values in the form of PostgREST, whose JSON is written by Postgres: times in ISO 8601, bytes as `\x…`, numbers with
 * every digit. Lite would use the driver's values. https://www.postgresql.org/docs/17/functions-json.html
 */
export const postgrestTypes: Record<string, TypeCodec> = Object.fromEntries([
  ...both("bool", BOOL, (text) => text === "t", serializeBool),
  ...both("bytea", BYTEA, asText, serializeBytes),
  ...both("int8", INT8, asNumber),
  ...both("int2", INT2, Number),
  ...both("int4", INT4, Number),
  ...both("text", TEXT, asText),
  ...both("oid", OID, asText),
  ...both("json", JSON_TYPE, readJson, serializeJson),
  ...both("jsonb", JSONB, readJson, serializeJson),
  ...both("float4", FLOAT4, asNumber),
  ...both("float8", FLOAT8, asNumber),
  ...both("varchar", VARCHAR, asText),
  ...both("date", DATE, asText, serializeTime),
  ...both("timestamp", TIMESTAMP, asIsoTime, serializeTime),
  ...both("timestamptz", TIMESTAMPTZ, asIsoTime, serializeTime),
  ...both("numeric", NUMERIC, asNumber),
  ...both("uuid", UUID, asText),
]);

/** The codec of a type and that of its arrays. */
function both(
  name: string,
  [type, arrayType]: number[],
  parse: TypeCodec["parse"],
  serialize: TypeCodec["serialize"] = String,
): [string, TypeCodec][] {
  const ofArray = {
    to: arrayType!,
    from: [arrayType!],
    serialize: (value: unknown) => Array.isArray(value) ? arrayText(value, serialize) : String(value),
    parse: (text: string) => readArray(text, parse),
  };
  return [[name, { to: type!, from: [type!], serialize, parse }], [`${name}_array`, ofArray]];
}

function asText(text: string): string {
  return text;
}

/** A number with every digit that it has in Postgres; NaN and the infinities as text, for which JSON has no number. */
function asNumber(text: string): unknown {
  if (!/^-?\d/.test(text)) return text;
  const number = Number(text);
  return String(number) === text ? number : JSON_DIGITS.rawJSON(text);
}

/** A JSON feature that TypeScript does not know yet: https://github.com/tc39/proposal-json-parse-with-source */
interface JsonDigits {
  rawJSON(text: string): unknown;
  parse(text: string, revive: (key: string, value: unknown, context: { source: string }) => unknown): unknown;
}
const JSON_DIGITS = JSON as unknown as JsonDigits;
/** A JavaScript number keeps 15 digits, whatever they are. */
const MANY_DIGITS = /\d{16}/;

function readJson(text: string): unknown {
  if (!MANY_DIGITS.test(text)) return JSON.parse(text);
  return JSON_DIGITS.parse(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && MANY_DIGITS.test(source) ? JSON_DIGITS.rawJSON(source) : value,
  );
}

/** `2026-11-29 04:59:21.5+00` is `2026-11-29T04:59:21.5+00:00` in JSON; `infinity` stays. */
function asIsoTime(text: string): string {
  return text.replace(" ", "T").replace(/([+-]\d{2})(?=$| BC$)/, "$1:00");
}

/** Anything but true and its text is false: lite also sends the word `null` for a condition with null. */
function serializeBool(value: unknown): string {
  return value === true || value === "true" || value === "t" ? "t" : "f";
}

function serializeTime(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

function serializeBytes(value: unknown): string {
  return value instanceof Uint8Array ? `\\x${value.toHex()}` : String(value);
}

/** Lite already passes objects and arrays as text; encoding them again would store a string. */
function serializeJson(value: unknown): string {
  return typeof value === "string" && isObjectText(value) ? value : JSON.stringify(value);
}

function isObjectText(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

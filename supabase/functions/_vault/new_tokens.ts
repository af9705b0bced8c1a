import { type KeyType, placeOf } from "./accounts.ts";
import { type KeyValue, MARKS, MAX_VALUE_BYTES } from "./source.ts";
import { isRejection, readTokenValue, type TokenValue } from "./values.ts";

/** A token to store. */
export interface NewToken {
  name: string;
  mainAccount: string;
  keyType: KeyType;
  envelope: string;
  length: number;
  fingerprint: string;
  ttlMs: number;
  expiresAtS: number | undefined;
  expirySource: "jwt" | "field" | undefined;
}

/** A value that is not a token, in the form of put_provider_tokens. */
export type NewRejection = { name: string; reason: string; fingerprint: string };

/** The content of fetched values: tokens with their secrets, in the same order, and rejections. */
interface ReadValues {
  found: Omit<NewToken, "envelope">[];
  secrets: { secret: string; place: string }[];
  rejections: NewRejection[];
  /** Keys that expired before their value was fetched. */
  vanished: number;
}

/** Reads the fetched values of keys. */
export function readValues(names: string[], values: KeyValue[]): ReadValues {
  let vanished = 0;
  const found: Omit<NewToken, "envelope">[] = [];
  const secrets: { secret: string; place: string }[] = [];
  const rejections: NewRejection[] = [];
  for (const [index, name] of names.entries()) {
    const { isGone, value, fingerprint, ttlMs } = values[index]!;
    if (isGone) {
      vanished++;
      continue;
    }
    const read = value === undefined
      ? { reason: REASONS[fingerprint] ?? "unreadable" }
      : readTokenValue(value);
    if (isRejection(read)) {
      rejections.push({ name, reason: read.reason, fingerprint });
      continue;
    }
    const { mainAccount, keyType } = placeOf(name);
    secrets.push({ secret: read.token, place: name });
    found.push({
      name,
      mainAccount,
      keyType,
      length: read.token.length,
      fingerprint,
      ttlMs,
      ...endOf(read, ttlMs),
    });
  }
  return { found, secrets, rejections, vanished };
}

/** In the form of put_provider_tokens: a few long texts are written and read faster than a thousand objects. */
export function listsOf(tokens: NewToken[]): Record<string, string> {
  const list = (field: (token: NewToken) => unknown) => tokens.map(field).join();
  return {
    names: list(({ name }) => name),
    main_accounts: list(({ mainAccount }) => mainAccount),
    key_types: list(({ keyType }) => keyType),
    envelopes: list(({ envelope }) => envelope),
    lengths: list(({ length }) => length),
    fingerprints: list(({ fingerprint }) => fingerprint),
    ttls_ms: list(({ ttlMs }) => ttlMs),
    exps_s: list(({ expiresAtS }) => expiresAtS ?? ""),
    exp_sources: list(({ expirySource }) => expirySource ?? ""),
  };
}

/**
 * A lifetime without a start counts from now, unless the key has a TTL in Redis: that began with the value, so it
 * counts.
 */
function endOf(
  { expiresAtS, expirySource }: TokenValue,
  ttlMs: number,
): Pick<NewToken, "expiresAtS" | "expirySource"> {
  if (expirySource !== "arrival") return { expiresAtS, expirySource };
  return ttlMs >= 0
    ? { expiresAtS: undefined, expirySource: undefined }
    : { expiresAtS, expirySource: "field" };
}

const REASONS: Record<string, string> = {
  [MARKS.wrongType]: "not a string in Redis",
  [MARKS.tooLong]: `longer than ${MAX_VALUE_BYTES} bytes`,
};

import fc from "fast-check";

const MARK = "\u0001 here \u0001";

/** JSON texts that are no value of an input, or only just one. */
const HOSTILE_TEXTS: string[] = [
  ...["null", "true", "-1", "0", "1.5", "1e400", "-1e400", "9007199254740993", "9".repeat(400), "[]", "{}"],
  ...[
    '""',
    '" "',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u202e\\u2066"',
    '"a\\r\\nX-Injected: 1"',
  ],
  ...['"\' or 1=1; drop table token_balances; --"', '"${jndi:ldap://127.0.0.1/x}"', '"{{7*7}}"', '"%00%0a"'],
  ...['"../../../../etc/passwd"', '"<script>alert(1)</script>"', '"👩‍👩‍👧‍👦é̂̃̄"'],
  ...[
    '{"__proto__":{"price":0}}',
    '{"constructor":{"prototype":{"a":1}}}',
    '{"length":1e9}',
    '{"length":{"toString":1,"valueOf":1}}',
    "[[[[1]]]]",
  ],
  ...['{"toJSON":1}', '{"then":1}', '{"$ref":"#"}', '{"type":"Buffer","data":[1]}'],
  JSON.stringify("x".repeat(20_000)),
  "[".repeat(2_000) + "]".repeat(2_000),
  JSON.stringify(Array.from({ length: 2_000 }, (_, index) => index)),
];

const hostileTexts = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
);

const keys = fc.oneof(
  fc.constantFrom(
    "__proto__",
    "constructor",
    "user_id",
    "price",
    "charged",
    "tokens",
    "",
    "\u0000",
    "x".repeat(500),
  ),
  fc.string({ unit: "binary" }),
);

/** The JSON text of a valid input with one part of it replaced, doubled or added. */
export function mutated(valid: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  return fc.tuple(valid, fc.nat(), hostileTexts, keys, fc.constantFrom("replace", "add", "wrap", "whole"))
    .map(
      ([value, position, text, key, how]) => {
        if (how === "whole") return text;
        const copy = structuredClone(value);
        const places = placesOf(copy);
        const place = places[position % Math.max(1, places.length)];
        if (how === "wrap") return `[${JSON.stringify(copy)},${text}]`;
        if (how === "add" || !place) {
          return JSON.stringify(copy).replace(/^\{/, () => `{${member(key, text)},`)
            .replace(/,\}$/, "}");
        }
        place.holder[place.key] = MARK;
        return JSON.stringify(copy).replace(JSON.stringify(MARK), () => text);
      },
    );
}

function member(key: string, text: string): string {
  return `${JSON.stringify(key)}:${text}`;
}

type Holder = Record<string | number, unknown>;

/** Every place in a value that holds another one. */
function placesOf(value: unknown): { holder: Holder; key: string }[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])]);
}

const CONTENT_TYPES = [
  ...[
    "application/json",
    "APPLICATION/JSON; charset=utf-16",
    "application/json;",
    "application/json, text/html",
  ],
  ...[
    "text/plain",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "",
    ";",
    "application/json\t",
  ],
];

/** Header lines that a function may meet, each alone or twice. */
export const oddHeaders: fc.Arbitrary<[string, string][]> = fc.array(
  fc.oneof(
    fc.tuple(fc.constant("Content-Type"), fc.constantFrom(...CONTENT_TYPES)),
    fc.tuple(
      fc.constant("Content-Encoding"),
      fc.constantFrom("gzip", "br", "deflate, gzip", "identity", "x"),
    ),
    fc.tuple(
      fc.constant("Idempotency-Key"),
      fc.constantFrom("", '""', "a", "x".repeat(256), "\x80\xff", "a\tb"),
    ),
    fc.tuple(fc.constant("Accept"), fc.constantFrom("", "text/html", "*/*;q=9", "x".repeat(4_000))),
    fc.tuple(fc.constant("Range"), fc.constant("bytes=0-1,-5")),
    fc.tuple(fc.constant("X-HTTP-Method-Override"), fc.constantFrom("DELETE", "OPTIONS")),
    fc.tuple(fc.constant("Origin"), fc.constantFrom("null", "https://evil.example", "'")),
    fc.tuple(fc.constant("X-Forwarded-For"), fc.constantFrom("127.0.0.1", "' or 1=1")),
    fc.tuple(fc.constantFrom("X-Original-URL", "X-Rewrite-URL"), fc.constant("/rest/v1/token_balances")),
  ),
  { maxLength: 5 },
);

/** Methods that a server may not know, and those that it must not do. */
export const oddMethods: fc.Arbitrary<string> = fc.constantFrom(
  ...["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PURGE"],
  ...["get", "FOO", "POSTPOST"],
);

/** Paths around a function's own that a server could take for another's. */
export function oddPaths(name: string): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom(
      ...[
        `//${name}`,
        `/${name}/`,
        `/${name}//`,
        `/./${name}`,
        `/x/../${name}`,
        `/%2e%2e/${name}`,
        `/${name}%00`,
      ],
      ...[
        `/${name}%2f`,
        `/${name};a=b`,
        `/${name}/../_shared/platform/env.ts`,
        `/..%2f..%2fdeno.json`,
        "/_shared/platform/env.ts",
      ],
      ...[`/${name}/index.ts`, `/${name}.ts`, `/%ff%fe`, "/%", "/", "", "/.env", `/${name}#x`, `\\${name}`],
      ...[`/${name}?`, `/${name}?limit=%`, `/${name}?limit=1&limit=2`, `/${name}?__proto__=1&limit[]=1`],
      `/${name}?${"a=1&".repeat(2_000)}`,
      `/${name}/${"a".repeat(7_000)}`,
    ),
    fc.webPath().map((path) => path || "/"),
    fc.webQueryParameters().map((query) => `/${name}?${query}`),
  );
}

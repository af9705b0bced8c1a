import { z } from "zod";

import type { Auth } from "../../supabase/functions/_shared/http/credentials.ts";
import { type ErrorCode, STATUS } from "../../supabase/functions/_shared/platform/errors.ts";
import { camelCase, type Declared, pascalCase } from "./declared.ts";
import { codesOf, MEANINGS, WITH_RETRY_AFTER } from "./errors.ts";
import { exampleOf } from "./examples.ts";
import { type JsonSchema, jsonSchema } from "./schemas.ts";

const Usage = z.object({
  request_id: z.string().describe("Identifies the request in the ledger and the log"),
  model: z.string().nullable().describe("The last model that answered"),
  input_tokens: z.int(),
  output_tokens: z.int(),
  charged: z.int().describe("Tessera tokens charged for this request"),
  balance: z.int().describe("What remains for the user"),
});

const Failure = z.object({
  error: z.string().describe("The code; never renamed"),
  message: z.string().describe("For people; may change"),
  request_id: z.string(),
  details: z.unknown().optional(),
  charged: z.int().nullable().optional()
    .describe(
      "Tessera tokens charged although the request failed; null if the ledger did not confirm it, absent if none",
    ),
  balance: z.int().nullable().optional().describe("With `charged`: what remains for the user"),
});

const HEADERS = {
  "X-Request-Id": {
    description:
      "Identifies the request in the ledger and the log; the same for the same user, wallet, function and key",
    schema: { type: "string" },
  },
  "Idempotent-Replayed": {
    description: "`true` if this is the stored response of an earlier request with the same key",
    schema: { type: "string", enum: ["true"] },
  },
  "Retry-After": { description: "Seconds to wait before the next try", schema: { type: "integer" } },
  "WWW-Authenticate": { description: "The expected scheme", schema: { type: "string" } },
  "Allow": { description: "The allowed methods", schema: { type: "string" } },
};

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "Makes a retry safe: the same key gets the stored response, and is charged once. Scoped to the user, the wallet and the function.",
  schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[\\x20-\\x7e]+$" },
};

const WALLET = {
  name: "Tessera-Wallet",
  in: "header",
  description:
    "The team's wallet that pays, or that is asked about; without it the user's own. docs/wallets.md",
  schema: { type: "string", format: "uuid" },
};

/** Who a caller must be, by the declared `auth`; a user's app sends its publishable key too. */
const SECURITY: Record<Auth, Record<string, string[]>> = {
  user: { accessToken: [], publishableKey: [] },
  publishable: { publishableKey: [] },
  secret: { secretKey: [] },
  none: {},
};

const refTo = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });
const headers = (...names: (keyof typeof HEADERS)[]) =>
  Object.fromEntries(names.map((name) => [name, refTo("headers", name)]));
const json = (schema: unknown, rest: object = {}) => ({ "application/json": { schema, ...rest } });

/** The whole API in OpenAPI 3.1. https://spec.openapis.org/oas/v3.1.1.html */
export async function openApi(functions: Declared[]): Promise<Record<string, unknown>> {
  const codes = (Object.keys(STATUS) as ErrorCode[]).filter((code) =>
    functions.some((one) => codesOf(one).includes(code))
  );
  return {
    openapi: "3.1.1",
    info: {
      title: "Tessera",
      version: "1",
      description:
        "AI features for prepaid tokens: every request is charged exactly once, and a provider's failure costs nothing.",
    },
    servers: [
      { url: "http://127.0.0.1:54321/functions/v1", description: "The local stack" },
      {
        url: "https://{project}.supabase.co/functions/v1",
        description: "Hosted",
        variables: { project: { default: "your-project" } },
      },
    ],
    tags: [
      { name: "features", description: "Metered: each has a price" },
      { name: "account", description: "Free of charge" },
    ],
    paths: Object.fromEntries(
      await Promise.all(
        functions.map(async (one) =>
          [`/${one.name}`, { [one.method.toLowerCase()]: await operation(one) }] as const
        ),
      ),
    ),
    components: {
      securitySchemes: {
        accessToken: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "A signed-in user's token",
        },
        publishableKey: { type: "apiKey", in: "header", name: "apikey" },
        secretKey: {
          type: "apiKey",
          in: "header",
          name: "apikey",
          description: "A server's key; never put it into an app",
        },
      },
      headers: HEADERS,
      parameters: { IdempotencyKey: IDEMPOTENCY_KEY, Wallet: WALLET },
      schemas: {
        Usage: jsonSchema(Usage, "output"),
        Failure: jsonSchema(Failure, "output"),
        ...Object.fromEntries(functions.flatMap(namedSchemas)),
      },
      responses: Object.fromEntries(codes.map((code) => [code, failure(code)])),
    },
  };
}

function namedSchemas(one: Declared): [string, JsonSchema][] {
  const name = pascalCase(one.name);
  const answer = one.output;
  return [
    ...(one.input && one.method !== "GET"
      ? [[`${name}Input`, jsonSchema(one.input, "input")] as [string, JsonSchema]]
      : []),
    ...(answer ? [[`${name}Output`, jsonSchema(answer, "output")] as [string, JsonSchema]] : []),
  ];
}

async function operation(one: Declared) {
  const isGet = one.method === "GET";
  return {
    operationId: camelCase(one.name),
    summary: one.summary,
    description: one.description,
    tags: [one.kind === "plain" ? "account" : "features"],
    security: one.auths.map((auth) => SECURITY[auth]),
    "x-price": one.price,
    parameters: [
      ...(one.kind === "feature" ? [refTo("parameters", "IdempotencyKey")] : []),
      ...(one.takesWallet ? [refTo("parameters", "Wallet")] : []),
      ...(isGet ? queryOf(one) : []),
    ],
    requestBody: isGet || !one.input ? undefined : await requestBody(one),
    responses: {
      ...(one.kind === "conversation" ? { 101: SWITCHING } : { 200: success(one) }),
      ...failures(codesOf(one)),
    },
  };
}

/** docs/realtime.md describes the protocol: OpenAPI has no messages. */
const SWITCHING = { description: "The connection becomes a WebSocket" };

function queryOf({ input }: Declared) {
  const { properties = {}, required = [] } = input ? jsonSchema(input, "input") : {};
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    description,
    required: required.includes(name) || undefined,
    schema,
  }));
}

async function requestBody(one: Declared) {
  const schema = refTo("schemas", `${pascalCase(one.name)}Input`);
  const example = await exampleOf(one);
  const isForm = one.maxUploadBytes !== undefined;
  const shown = example && example.files.length === 0 ? { example: example.fields } : {};
  return {
    required: true,
    content: { ...json(schema, shown), ...(isForm ? { "multipart/form-data": { schema } } : {}) },
  };
}

function success(one: Declared) {
  const isTold = one.output !== undefined;
  const answer = isTold ? refTo("schemas", `${pascalCase(one.name)}Output`) : { type: "object" };
  if (one.kind === "plain") {
    return { description: "The answer", headers: headers("X-Request-Id"), content: json(answer) };
  }
  return {
    description: "The answer, and what it cost",
    headers: headers("X-Request-Id", "Idempotent-Replayed"),
    content: {
      ...json({
        type: "object",
        properties: { data: answer, usage: refTo("schemas", "Usage") },
        required: ["data", "usage"],
      }),
      "text/event-stream": {
        schema: {
          type: "string",
          description: "Events `data`, then `usage`, or `error`; see docs/streaming.md",
        },
      },
    },
  };
}

/** Responses by status; several codes with the same status share one. */
function failures(codes: ErrorCode[]) {
  const byStatus = Map.groupBy(codes, (code) => STATUS[code]);
  return Object.fromEntries([...byStatus].map(([status, [first, ...others]]) => [
    status,
    others.length === 0 ? refTo("responses", first!) : anyOf([first!, ...others]),
  ]));
}

function anyOf(codes: ErrorCode[]) {
  const all = codes.map(failure);
  return {
    description: all.map(({ description }) => description).join("; "),
    headers: Object.assign({}, ...all.map(({ headers }) => headers)),
    content: json({ oneOf: all.map(({ content }) => content["application/json"].schema) }),
  };
}

function failure(code: ErrorCode) {
  const special = code === "unauthorized"
    ? headers("WWW-Authenticate")
    : code === "method_not_allowed"
    ? headers("Allow")
    : WITH_RETRY_AFTER.has(code)
    ? headers("Retry-After")
    : {};
  return {
    description: `\`${code}\`: ${MEANINGS[code]}`,
    headers: { ...headers("X-Request-Id"), ...special },
    content: json({
      allOf: [refTo("schemas", "Failure"), { type: "object", properties: { error: { const: code } } }],
    }),
  };
}

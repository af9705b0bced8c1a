import { Validator } from "@seriousme/openapi-schema-validator";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

import { camelCase, type Declared, declaredFunctions } from "../../../scripts/docs/declared.ts";
import { codesOf } from "../../../scripts/docs/errors.ts";
import { openApi } from "../../../scripts/docs/openapi.ts";
import { functionsFolder } from "../../../scripts/local/paths.ts";
import { STATUS } from "../../../supabase/functions/_shared/platform/errors.ts";
import { endpoints, sources } from "../../http/support/functions_folder.ts";

let functions: Declared[];
// deno-lint-ignore no-explicit-any
let document: any;

beforeAll(async () => {
  functions = await declaredFunctions();
  document = JSON.parse(JSON.stringify(await openApi(functions)));
});

const operations = () =>
  functions.map((one) => [one, document.paths[`/${one.name}`][one.method.toLowerCase()]] as const);

describe("openapi.json", () => {
  it("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  });

  it("has every function, each under a name of its own", () => {
    expect(Object.keys(document.paths)).toEqual(endpoints.map(({ name }) => `/${name}`));
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(endpoints.length);
    expect(ids).toEqual(endpoints.map(({ name }) => camelCase(name)));
  });

  it("says of each what it does, from the comment above its declaration", () => {
    for (const [{ name }, { summary, description }] of operations()) {
      expect({ name, summary }).toEqual({ name, summary: expect.stringMatching(/^[A-Z].{10,}[^.]$/) });
      expect(description).toMatch(/\.$/);
    }
  });

  it("names every error with its status, and the headers that come with it", () => {
    for (const [one, { responses }] of operations()) {
      const codes = codesOf(one);
      for (const code of codes) {
        const response = responses[STATUS[code]];
        if (response.$ref) expect(response).toEqual({ $ref: `#/components/responses/${code}` });
        else expect(JSON.stringify(response.content)).toContain(`{"const":"${code}"}`);
      }
      const statuses = Object.keys(responses).filter((status) => Number(status) >= 400);
      expect(statuses).toHaveLength(new Set(codes.map((code) => STATUS[code])).size);
    }
    for (const { headers } of Object.values<{ headers: object }>(document.components.responses)) {
      expect(headers).toHaveProperty("X-Request-Id");
    }
    expect(document.components.responses.request_in_progress.headers).toHaveProperty("Retry-After");
  });

  it("gives every feature a key for its retries, and an answer with what it cost", () => {
    for (const [{ kind }, { parameters, responses }] of operations()) {
      if (kind !== "feature") continue;
      expect(parameters).toContainEqual({ $ref: "#/components/parameters/IdempotencyKey" });
      expect(Object.keys(responses[200].headers)).toEqual(["X-Request-Id", "Idempotent-Replayed"]);
      expect(responses[200].content["application/json"].schema.required).toEqual(["data", "usage"]);
    }
  });

  it("knows every code that the sources throw", async () => {
    const told = new Set(functions.flatMap(codesOf) as string[]);
    const thrown = new Set<string>();
    for (const { path } of sources) {
      const text = await Deno.readTextFile(join(functionsFolder, path));
      for (const [, code] of text.matchAll(/new AppError\(\s*"(\w+)"/g)) thrown.add(code!);
    }
    expect(thrown.size).toBeGreaterThan(5);
    expect([...thrown].filter((code) => !told.has(code))).toEqual([]);
  });
});

import { expect } from "vitest";

import type { Answer } from "../http/support/calls.ts";
import { stack } from "../support/stack.ts";

/** Texts that only internals would contain: stack frames, files, SQL, Postgres's own messages. */
const INSIDE: RegExp[] = [
  /\bat \S+ \(|\n\s+at |file:\/\/|node_modules|\.ts:\d|\bext:/,
  /\b(insert into|select .+ from|update public|syntax error at|violates|SQLSTATE|pg_catalog|PGRST\d|plpgsql)\b/i,
  /\b(TypeError|RangeError|SyntaxError|ZodError|PostgresError|AppError|undefined is not)\b/,
];

/** Codes that a request's own fault may have; the provider and the ledger work while these tests run. */
const LARGEST_STATUS = 499;
/** Settings that the suite's stack lacks, which is not the request's fault. */
const MISSING_HERE = /"service_unavailable","message":"REDIS_URL is not set/;

/** Fails for an answer that says more than it should, or says it in another form than the project's one. */
export function expectHarmless(answer: Answer): void {
  if (!MISSING_HERE.test(answer.text)) expect(answer.status, answer.text).toBeLessThanOrEqual(LARGEST_STATUS);
  expect(answer.text).not.toContain(stack.secretKey);
  if (answer.status < 400) return;
  for (const words of INSIDE) expect(answer.text).not.toMatch(words);
}

/** Fails unless a refusal of a function, or of the gateway in its place, has the one form. */
export function expectOneForm(answer: Answer): void {
  expectHarmless(answer);
  if (answer.status < 400) return;
  expect(answer.body, `${answer.status} ${answer.text}`).toMatchObject({
    error: expect.stringMatching(/^[a-z_]+$/),
    message: expect.stringMatching(/\S/),
    request_id: expect.stringMatching(/\S/),
  });
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
  expect(answer.headers.get("X-Request-Id")).toBe(answer.body.request_id);
}

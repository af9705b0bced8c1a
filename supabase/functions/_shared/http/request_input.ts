import type { z } from "zod";

import { type BodyLimits, readBody, readText } from "./body.ts";
import { AppError } from "../platform/errors.ts";
import { safeParse } from "../platform/schemas.ts";

/** What an endpoint says about its input. */
export interface InputSpec<Input extends z.ZodType> {
  method: "GET" | "POST";
  /** For GET: also accepts its input by POST, as a JSON body, as a query or as both. */
  isAlsoPost?: boolean;
  /** The schema of the JSON body (POST) or the query (GET); a raw body is `{ text }`. */
  input: Input;
  /** Passes the raw body through, whatever its content type, e.g. to verify a webhook's signature. */
  isTextBody?: boolean;
}

/** Throws `method_not_allowed` unless the endpoint accepts the request's method. */
export function checkMethod(
  spec: Pick<InputSpec<z.ZodType>, "method" | "isAlsoPost">,
  request: Request,
): void {
  const methods = spec.isAlsoPost ? [spec.method, "POST"] : [spec.method];
  if (methods.includes(request.method)) return;
  throw new AppError("method_not_allowed", `Only ${methods.join(" and ")} is possible here`, {
    headers: { Allow: [...methods, "OPTIONS"].join(", ") },
  });
}

/** Whether the request has a body to be read: a POST that may have its input in the query needs none. */
export function hasBody({ isAlsoPost }: Pick<InputSpec<z.ZodType>, "isAlsoPost">, request: Request): boolean {
  if (request.method === "GET") return false;
  // `body` is a stream even when nothing was sent, as with `curl -X POST`.
  const { headers } = request;
  return !isAlsoPost || headers.has("Content-Type") || headers.has("Transfer-Encoding") ||
    Number(headers.get("Content-Length") ?? 0) > 0;
}

const MAX_ISSUES = 20;

/** The endpoint's input. Throws `invalid_request` with the issues if it does not fit the schema. */
export async function parseInput<Input extends z.ZodType>(
  spec: InputSpec<Input>,
  request: Request,
  limits: BodyLimits,
): Promise<z.output<Input>> {
  const given = await readInput(spec, request, limits);
  const parsed = safeParse(spec.input, given);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, MAX_ISSUES);
  const first = issues[0];
  const where = first?.path.length ? `${first.path.join(".")}: ` : "";
  throw new AppError("invalid_request", `${where}${first?.message ?? "The request is invalid"}`, {
    details: issues.map(({ path, code, message }) => ({ path: path.join("."), code, message })),
  });
}

async function readInput(
  spec: InputSpec<z.ZodType>,
  request: Request,
  limits: BodyLimits,
): Promise<unknown> {
  if (spec.isTextBody) return { text: await readText(request, limits.json) };
  const query = spec.method === "GET" ? Object.fromEntries(new URL(request.url).searchParams) : {};
  if (!hasBody(spec, request)) return query;
  const body = await readBody(request, limits);
  const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
  return isObject ? { ...query, ...body } : body;
}

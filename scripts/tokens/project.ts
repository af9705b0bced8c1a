import process from "node:process";

import { StackError } from "../local/errors.ts";
import { functionsEnvironment } from "../local/functions_environment.ts";
import { functionsFolder } from "../local/paths.ts";
import { findRunningStack } from "../local/running.ts";
import { Refusal } from "./exits.ts";

/** The token manager's URL, and the credentials for it. */
export interface Project {
  url: string;
  secretKey: string;
  /** The value of TOKEN_ENCRYPTION_KEYS; undefined if unknown here. */
  encryptionKeys: string | undefined;
}

/** The project of --url or the environment, else the local stack. Throws StackError. */
export async function findProject(givenUrl: string | undefined): Promise<Project> {
  const url = givenUrl ?? process.env.SUPABASE_URL;
  if (url) {
    const secretKey = process.env.SUPABASE_SECRET_KEY;
    if (!secretKey) {
      throw new StackError(`SUPABASE_SECRET_KEY is not set: it must be the secret key of ${url}`);
    }
    if (!URL.canParse(url)) throw new StackError(`Cannot use ${url}: expected the project's URL`);
    return { url, secretKey, encryptionKeys: process.env.TOKEN_ENCRYPTION_KEYS || undefined };
  }
  const { url: localUrl, secrets, ports } = await findRunningStack();
  const environment = functionsEnvironment(ports, secrets, functionsFolder);
  return {
    url: localUrl,
    secretKey: secrets.secretKey,
    encryptionKeys: environment.TOKEN_ENCRYPTION_KEYS || undefined,
  };
}

/** Longer than any function may run. */
const TIMEOUT_MS = 410_000;

/** Calls an action of the function. Throws Refusal with its message. */
export async function ask<Answer>(
  { url, secretKey }: Project,
  action: string,
  input: Record<string, unknown> = {},
): Promise<Answer> {
  const response = await send(url, `${url}/functions/v1/token-manager/${action}`, {
    method: "POST",
    headers: { "apikey": secretKey, "Content-Type": "application/json" },
    body: JSON.stringify(input),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  const body = asJson(text);
  if (response.ok && body) return body as Answer;
  const message = typeof body?.message === "string" ? body.message : text.slice(0, 300);
  const where = typeof body?.request_id === "string" ? `, request ${body.request_id}` : "";
  throw new Refusal(
    `${message} (${body?.error ?? response.status}${where})`,
    String(body?.error ?? response.status),
    Number(response.headers.get("Retry-After") ?? 0),
  );
}

/** A request whose error names the server that it did not reach. */
async function send(projectUrl: string, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new Refusal(
      `${projectUrl} does not answer: ${error instanceof Error ? error.message : error}`,
      "no_answer",
      0,
    );
  }
}

function asJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

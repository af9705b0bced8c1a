import { messageOf } from "../local/errors.ts";
import { tryPlatformOf } from "./platform.ts";

export interface SmokeOptions {
  /** How often a failing function is tried again: a new version takes a moment to be everywhere. */
  tries?: number;
  pauseMs?: number;
  /** The project's secret key: with it the functions also test their platform. */
  secretKey?: string;
}

/**
 * Tests the deployed functions without cost: every function must start and answer a preflight, `balance` must refuse
 * in the form of the API, and with a secret key the platform must support secrets, pictures and alerts. Returns the
 * problems, one per line.
 */
export async function smokeTest(
  url: string,
  functions: string[],
  { tries = 5, pauseMs = 2_000, secretKey }: SmokeOptions = {},
): Promise<string[]> {
  const checks = functions.map((name) => () => startProblem(url, name));
  if (functions.includes("balance")) checks.push(() => refusalProblem(url, "balance"));
  const problems: string[] = [];
  if (functions.includes("alerts") && secretKey) checks.push(() => platformProblem(url, secretKey));
  // Only a few at once: each may be a cold start.
  const workers = Array.from({ length: 6 }, async () => {
    for (let check = checks.shift(); check; check = checks.shift()) {
      const problem = await lastProblem(check, tries, pauseMs);
      if (problem) problems.push(problem);
    }
  });
  await Promise.all(workers);
  return problems.sort();
}

type Check = () => Promise<string | undefined>;

async function lastProblem(check: Check, tries: number, pauseMs: number): Promise<string | undefined> {
  for (let attempt = 1;; attempt++) {
    const problem = await check().catch(messageOf);
    if (!problem || attempt === tries) return problem;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function startProblem(url: string, name: string): Promise<string | undefined> {
  const answer = await ask(url, name, { method: "OPTIONS" });
  const text = await answer.text();
  if (answer.status === 204) return undefined;
  return `${name} does not start: HTTP ${answer.status} ${text.slice(0, 200)}`.trimEnd();
}

async function refusalProblem(url: string, name: string): Promise<string | undefined> {
  const answer = await ask(url, name, {});
  const text = await answer.text();
  const body = jsonOf(text);
  const isRight = answer.status === 401 && body?.error === "unauthorized" &&
    typeof body.request_id === "string" && body.request_id === answer.headers.get("X-Request-Id");
  if (isRight) return undefined;
  return `${name} without a key: expected 401 unauthorized with a request_id, got HTTP ${answer.status} ${
    text.slice(0, 200)
  }`;
}

async function platformProblem(url: string, secretKey: string): Promise<string | undefined> {
  const bad = (await tryPlatformOf(url, secretKey)).filter(({ outcome }) => outcome === "bad");
  return bad.length === 0
    ? undefined
    : bad.map(({ trial, message, fix }) => `the platform fails at ${trial}: ${message}. ${fix}`).join("\n");
}

async function ask(url: string, name: string, init: RequestInit): Promise<Response> {
  return await fetch(`${url}/functions/v1/${name}`, { ...init, signal: AbortSignal.timeout(20_000) });
}

function jsonOf(text: string): { error?: unknown; request_id?: unknown } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

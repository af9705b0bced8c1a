import { stack } from "../support/stack.ts";
import { type Answer, payloadOf, readAnswer } from "../http/support/calls.ts";

/** The description of a request; nothing else is added. */
export interface Credentials {
  apikey?: string;
  Authorization?: string;
}

export interface RequestOptions {
  method?: string;
  credentials?: Credentials;
  headers?: Record<string, string>;
  /** Sent as JSON; as a form where it has files. */
  body?: unknown;
}

/** Sends a request to any part of the project with exactly these credentials. */
export async function send(path: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = "GET", credentials = {}, headers = {}, body } = options;
  const payload = typeof body === "string" ? JSON.stringify(body) : payloadOf(body);
  const response = await fetch(stack.url + path, {
    method,
    headers: {
      ...(typeof payload === "string" ? { "Content-Type": "application/json" } : {}),
      ...(credentials as Record<string, string>),
      ...headers,
    },
    body: payload,
  });
  return await readAnswer(response);
}

/** The credentials of a signed-in user, as supabase-js sends them. */
export function credentialsOf({ token }: { token: string }): Credentials {
  return { apikey: stack.publishableKey, Authorization: `Bearer ${token}` };
}

import type { Stack } from "../../scripts/local/stack.ts";

export const QUESTION = JSON.stringify({ question: "What is a tessera?" });

/** Calls one of the benchmark's functions as a user. Throws if the response is not a success. */
export function callerOf(stack: Stack, url: string): (token: string) => Promise<void> {
  return async (token) => {
    const response = await fetch(url, { method: "POST", headers: headersOf(stack, token), body: QUESTION });
    const body = await response.text(); // The body must be read, or the connection is not reused.
    if (!response.ok) throw new Error(`A request was answered with ${response.status}: ${body}`);
  };
}

/** The headers of a signed-in client app. */
export function headersOf({ publishableKey }: Stack, token: string): Record<string, string> {
  return {
    "apikey": publishableKey,
    "Authorization": `Bearer ${token}`,
    "Content-Type": "application/json",
  };
}

import type { Stack } from "../../scripts/local/stack.ts";

export const QUESTION = JSON.stringify({ question: "What is a tessera?" });

/** Calls one of the benchmark's functions as a user. */
export function callerOf(stack: Stack, url: string): (token: string) => Promise<Response> {
  return (token) =>
    fetch(url, {
      method: "POST",
      headers: headersOf(stack, token),
      body: QUESTION,
    });
}

/** What a signed-in client app sends. */
export function headersOf({ publishableKey }: Stack, token: string): Record<string, string> {
  return {
    "apikey": publishableKey,
    "Authorization": `Bearer ${token}`,
    "Content-Type": "application/json",
  };
}

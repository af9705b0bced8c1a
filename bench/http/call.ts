import type { Stack } from "../../scripts/local/stack.ts";

const QUESTION = JSON.stringify({ question: "What is a tessera?" });

/** Calls one of the benchmark's functions as a user. */
export function callerOf(stack: Stack, url: string): (token: string) => Promise<Response> {
  return (token) =>
    fetch(url, {
      method: "POST",
      headers: {
        "apikey": stack.publishableKey,
        "Authorization": `Bearer ${token}`,
        "Content-Type": "application/json",
      },
      body: QUESTION,
    });
}

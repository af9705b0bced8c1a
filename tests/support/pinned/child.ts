// Asks what it is told to, on whatever Deno it runs, and prints what came of it as JSON. Nothing may be left over: a failure
// that nobody awaits would end a hosted function with all its requests, and a connection that stays open keeps this process
// from its end.

import { outcomeOf } from "./outcome.ts";
import type { Asked } from "./trials.ts";

const { asked, ca } = JSON.parse(await new Response(Deno.stdin.readable).text()) as {
  asked: Asked[];
  ca: string;
};
console.log(JSON.stringify(await Promise.all(asked.map((one) => outcomeOf(one, ca)))));

// Sends a one-time code to yourself, on the console of this terminal, and takes it back.
// deno task otp [--phone +33612345678] [--locale fr]

import { createClient } from "@supabase/supabase-js";
import { parseArgs } from "node:util";

import { printableFailure, StackError } from "./local/errors.ts";
import { delay } from "./local/process_ids.ts";
import { findRunningStack } from "./local/running.ts";
import { type ExtraFunctions, startFunctions } from "./local/stack.ts";
import { explainWhenAsked } from "./local/usage.ts";

const MESSAGE_WITHIN_MS = 5_000;

explainWhenAsked(
  "otp",
  "deno task otp [--phone +33612345678] [--locale fr]: sends a one-time code to this console, and verifies it",
);

try {
  const { values } = parseArgs({
    options: {
      phone: { type: "string", default: `+3361${String(Date.now()).slice(-7)}` },
      locale: { type: "string", default: "en" },
    },
  });
  await walk(values.phone, values.locale);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

async function walk(phone: string, locale: string): Promise<void> {
  const { portBase, dataDir, secrets } = await findRunningStack();
  const functions = await startFunctions({ portBase, dataDir, env: { OTP_PROVIDERS: "console" } });
  try {
    const supabase = createClient(functions.url, secrets.publishableKey, { auth: { persistSession: false } });
    const call = async (action: string, fields: Record<string, unknown>) => {
      console.log(`\n> supabase.functions.invoke("otp/${action}", { body: ${JSON.stringify(fields)} })`);
      const { data, error } = await supabase.functions.invoke(`otp/${action}`, { body: fields });
      const answer = error ? await error.context?.json?.() ?? { message: error.message } : data;
      console.log(JSON.stringify(answer, null, 2));
      return answer;
    };

    const asked = await call("request", { phone, locale });
    if (asked.error) throw new StackError("No code was sent");
    const text = await messageIn(functions, asked.challenge_id);
    console.log(`\nThe message, which a provider would send:\n${text}`);

    const code = await answered(text);
    const verified = await call("verify", { phone, code, challenge_id: asked.challenge_id });
    if (verified.error) return;
    console.log("\nThe proof says, signed with OTP_PROOF_KEY:");
    console.log(JSON.parse(atob(verified.proof.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))));
    console.log("\nThe same code again:");
    await call("verify", { phone, code, challenge_id: asked.challenge_id });
  } finally {
    await functions.stop();
  }
}

/** The output of the console provider; the process serves only this command. */
async function messageIn(functions: ExtraFunctions, challenge: string): Promise<string> {
  const end = Date.now() + MESSAGE_WITHIN_MS;
  while (Date.now() < end) {
    const found = /^OTP to \S+: (.+)$/m.exec(functions.log)?.[1];
    if (found) return found;
    await delay(20);
  }
  throw new StackError(`The message of ${challenge} was not printed`);
}

/** The code that the person types; the right code if nobody is at the terminal. */
function answered(text: string): Promise<string> {
  const code = /\d{6}/.exec(text)![0];
  if (!Deno.stdin.isTerminal()) return Promise.resolve(code);
  return Promise.resolve(prompt("\nType the code:", code) ?? code);
}

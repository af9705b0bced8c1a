import { messageOf, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";
import { studioUrl } from "./local/stack.ts";
import { readState } from "./local/state.ts";
import { explainWhenAsked } from "./local/usage.ts";

explainWhenAsked("status");

try {
  const stack = await findReadyStack();
  console.log(
    [
      `SUPABASE_URL=${stack.url}`,
      `SUPABASE_PUBLISHABLE_KEY=${stack.secrets.publishableKey}`,
      `SUPABASE_SECRET_KEY=${stack.secrets.secretKey}`,
      `DATABASE_URL=${stack.databaseUrl}`,
      `STUDIO_URL=${studioUrl(stack.ports, stack.secrets)}`,
    ].join("\n"),
  );
} catch (error) {
  console.error(messageOf(error));
  Deno.exit(1);
}

/** The running stack, once it is ready. */
async function findReadyStack() {
  const stack = await findRunningStack();
  const state = await readState(stack.dataDir);
  if (state?.phase !== "ready") throw new StackError(`The stack is ${state?.phase ?? "starting"}`);
  return stack;
}

import { connectTo } from "./local/connect.ts";
import { messageOf, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";
import { describeSlot, heldBackSlots } from "./local/realtime/slots.ts";
import { realtimeUrl, studioUrl } from "./local/stack.ts";
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
      ...(stack.hasRealtime ? [`REALTIME_URL=${realtimeUrl(stack.ports)}`] : []),
    ].join("\n"),
  );
  await warnOfSlots(stack.databaseUrl);
} catch (error) {
  console.error(messageOf(error));
  Deno.exit(1);
}

/** The running stack, once it is ready. */
async function findReadyStack() {
  const stack = await findRunningStack();
  const state = await readState(stack.dataDir);
  if (state?.phase !== "ready") throw new StackError(`The stack is ${state?.phase ?? "starting"}`);
  return { ...stack, hasRealtime: state.hasRealtime ?? false };
}

/** What follows Postgres and does not keep up, on standard error: the addresses are read by programs. */
async function warnOfSlots(databaseUrl: string): Promise<void> {
  const sql = connectTo(databaseUrl);
  try {
    for (const slot of await heldBackSlots(sql)) console.error(describeSlot(slot));
  } finally {
    await sql.end();
  }
}

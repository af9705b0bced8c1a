import process from "node:process";
import { messageOf, StackError } from "./local/errors.ts";
import { readSecrets } from "./local/secrets.ts";
import { type Stack, startStack } from "./local/stack.ts";

const startedAt = performance.now();
const interruption = new AbortController();
let stack: Stack | undefined;
let isStopping = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (isStopping) return;
    isStopping = true;
    console.log("\nStopping …");
    interruption.abort();
    // While it still starts, the start itself cleans up.
    stack?.stop().then(() => Deno.exit(0));
  });
}

try {
  stack = await startStack({ signal: interruption.signal });
  if (isStopping) {
    await stack.stop();
    Deno.exit(0);
  }
  await introduce(stack);
} catch (error) {
  if (interruption.signal.aborted) Deno.exit(0);
  console.error(error instanceof StackError ? error.message : error);
  if (error instanceof Error && error.cause) console.error(messageOf(error.cause));
  Deno.exit(1);
}

async function introduce(
  { url, publishableKey, secretKey, studioUrl, databaseUrl, dataDir }: Stack,
): Promise<void> {
  const { demoUserPassword } = await readSecrets(dataDir);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const user = JSON.stringify({ email: "demo@example.com", password: demoUserPassword });
  const headers = `-H 'apikey: ${publishableKey}' -H 'content-type: application/json'`;
  console.log(`
Tessera is ready after ${seconds} s. Ctrl-C ends it.

  URL              ${url}
  Publishable key  ${publishableKey}
  Secret key       ${secretKey}
  Studio           ${studioUrl}
  DATABASE_URL     ${databaseUrl}

Try it: this signs a demo user up, or in, and asks for its balance.

  TOKEN=$(for path in signup 'token?grant_type=password'; do curl -s "${url}/auth/v1/$path" ${headers} -d '${user}'; done | sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p')
  curl -s ${url}/functions/v1/balance -H 'apikey: ${publishableKey}' -H "Authorization: Bearer $TOKEN"
`);
}

import process from "node:process";
import { type DemoUser, ensureDemoUser } from "./local/demo_user.ts";
import { examineSettings } from "./doctor/settings.ts";
import { messageOf, printableFailure } from "./local/errors.ts";
import { functionsEnvironment } from "./local/functions_environment.ts";
import { functionsFolder } from "./local/paths.ts";
import { readSecrets } from "./local/secrets.ts";
import { type Stack, startStack } from "./local/stack.ts";
import { explainWhenAsked } from "./local/usage.ts";

explainWhenAsked("start");

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
    // During the start, the start itself cleans up.
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
  console.error(printableFailure(error));
  if (error instanceof Error && error.cause) console.error(messageOf(error.cause));
  Deno.exit(1);
}

async function introduce(
  { url, publishableKey, secretKey, studioUrl, realtimeUrl, databaseUrl, dataDir, ports }: Stack,
): Promise<void> {
  const secrets = await readSecrets(dataDir);
  const settings = functionsEnvironment(ports, secrets, functionsFolder);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`
Tessera is ready after ${seconds} s. Ctrl-C ends it.

  URL              ${url}
  Publishable key  ${publishableKey}
  Secret key       ${secretKey}
  Studio           ${studioUrl}
  Realtime         ${realtimeUrl ?? "off"}
  DATABASE_URL     ${databaseUrl}
  AI models        ${modelsIn(settings, ports.demoModel)}
`);
  await warnOfSettings(settings);
  try {
    const user = await ensureDemoUser({ url, publishableKey, secretKey, password: secrets.demoUserPassword });
    console.log(firstCall(url, publishableKey, user));
  } catch (error) {
    if (isStopping) return;
    // The stack still works: sign-ups may be disabled, or the user's password was changed.
    console.log(`There is no first call to try. ${messageOf(error)}`);
  }
}

/** Which model answers, so that nobody mistakes the demo's answers for a model's, or the other way round. */
function modelsIn(settings: Record<string, string>, demoPort: number): string {
  const isDemo = settings.AI_BASE_URL?.startsWith(`http://127.0.0.1:${demoPort}/`);
  if (isDemo) return "the demo model, which makes its answers up";
  return settings.AI_BASE_URL || "the default provider: docs/configuration.md";
}

/** Shows missing and invalid settings before the first request fails. */
async function warnOfSettings(values: Record<string, string>): Promise<void> {
  const findings = await examineSettings({ kind: "values", values });
  for (const { what, why, fix } of findings) console.log(`${what}\n  why  ${why}\n  fix  ${fix}\n`);
}

/** Two commands to paste into a shell, for a metered answer with its cost. */
function firstCall(url: string, publishableKey: string, { email, password, balance }: DemoUser): string {
  const headers = `-H 'apikey: ${publishableKey}' -H 'content-type: application/json'`;
  const signIn = `curl -s '${url}/auth/v1/token?grant_type=password' ${headers} -d '${
    JSON.stringify({ email, password })
  }'`;
  return `Try it: sign in as the demo user, who has ${balance} tokens, and have a meal analysed.
The answer ends with what was charged and what is left.

  TOKEN=$(${signIn} | sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p')
  curl -s ${url}/functions/v1/meal-analyzer ${headers} -H "Authorization: Bearer $TOKEN" -d '{"description": "two bowls of lentil soup"}'
`;
}

import { join } from "node:path";
import { expect, test } from "vitest";

import { functionsEnvironment } from "../../scripts/local/functions_environment.ts";
import { portsAt } from "../../scripts/local/ports.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { stack } from "../support/stack.ts";

const ports = portsAt(stack.portBase);
const secrets = await readSecrets(stack.dataDir);
const OTHER_MODELS = ["AI_VISION_MODEL", "AI_IMAGE_MODEL", "AI_TRANSCRIBE_MODEL", "AI_SPEECH_MODEL"] as const;

async function environmentWith(env: string): Promise<Record<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "tessera-settings-" });
  try {
    await Deno.writeTextFile(join(folder, ".env"), env);
    return functionsEnvironment(ports, secrets, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test.each([
  ["its address", "AI_BASE_URL=https://api.openai.com/v1\nAI_API_KEY=sk-mine\nAI_TEXT_MODEL=mine\n"],
  ["its key alone", "AI_API_KEY=sk-mine\n"],
])("a provider that .env names by %s is asked for none of the demo's models", async (_what, env) => {
  const environment = await environmentWith(env);
  expect(environment.AI_API_KEY).toBe("sk-mine");
  for (const name of OTHER_MODELS) expect(environment[name]).toBeUndefined();
  expect(environment.AI_BASE_URL ?? "").not.toContain("127.0.0.1");
});

test.each([["nothing", ""], ["empty values", "AI_API_KEY=\n"], [
  "another model of the demo",
  "AI_TEXT_MODEL=demo-slow-9\n",
]])(
  "the demo model answers when .env names %s",
  async (_what, env) => {
    const environment = await environmentWith(env);
    expect(environment.AI_BASE_URL).toBe(`http://127.0.0.1:${ports.demoModel}/v1`);
    expect(environment.AI_VISION_MODEL).toBe("demo-vision");
  },
);

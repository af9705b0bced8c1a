import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";

import { ensureSecrets } from "../../scripts/local/secrets.ts";
import { findSecretsInLogs } from "../support/log_secrets.ts";

it("the search that ends the suite finds a stack's secrets, tokens and canaries in any log, and repeats none", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-test-" });
  onTestFinished(() => Deno.remove(dataDir, { recursive: true }));
  const secrets = await ensureSecrets(dataDir);
  await Deno.mkdir(join(dataDir, "logs"));
  const write = (lines: string[]) =>
    Deno.writeTextFile(join(dataDir, "logs", "functions.log"), lines.join("\n"));
  await write([`{"user_id":"${crypto.randomUUID()}"}`, `key ${secrets.publishableKey}`]);
  expect(await findSecretsInLogs(dataDir)).toEqual([]);

  const token = ["eyJhbGciOiJFUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3OCJ9", "c2lnbmF0dXJlIG9mIGl0"].join(".");
  await write([
    `key ${secrets.secretKey}`,
    `Bearer ${token}`,
    `prompt canary-of-a-prompt-${crypto.randomUUID()}`,
  ]);
  const found = await findSecretsInLogs(dataDir);
  expect(found).toEqual([
    "secretKey in functions.log, line 1",
    "a signed token in functions.log, line 2",
    "a planted canary in functions.log, line 3",
  ]);
  expect(found.join()).not.toContain(secrets.secretKey);
});

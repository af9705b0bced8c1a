import { describe, expect, inject, it } from "vitest";

import { functionsEnvironment } from "../../scripts/local/functions_environment.ts";
import { functionsFolder } from "../../scripts/local/paths.ts";
import { portsAt } from "../../scripts/local/ports.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { openAccounts } from "./support/accounts.ts";

const { portBase, dataDir } = inject("stack");
const environment = functionsEnvironment(portsAt(portBase), await readSecrets(dataDir), functionsFolder);
for (const [name, value] of Object.entries(environment)) Deno.env.set(name, value);
const { runFeature } = await import("../../supabase/functions/_shared/feature/run.ts");
const { default: mealAnalyzer } = await import("../../supabase/functions/meal-analyzer/index.ts");

const { newUser, accountOf, expectUntouched } = openAccounts();

/** A run as a job would ask for it: no request, no response. */
const requestOf = (user: { id: string; token: string }, requestId: string) => ({
  requestId,
  userId: user.id,
  accessToken: user.token,
  input: mealAnalyzer.input.parse({ description: "two pancakes" }),
  isRepeatable: true,
  log: {} as { replayed?: boolean; tokens_charged?: number },
});

describe("a feature that something else than an HTTP request runs", () => {
  it("is charged once, however often it is run with one id, and gives the same response", async () => {
    const user = await newUser(500);
    const request = requestOf(user, `job-${user.id}`);
    const first = await runFeature(mealAnalyzer, request);
    const { usage } = JSON.parse(first.json);
    expect(first.isReplay).toBe(false);
    expect(request.log.tokens_charged).toBe(usage.charged);
    const again = requestOf(user, request.requestId);
    expect(await runFeature(mealAnalyzer, again)).toMatchObject({ json: first.json, isReplay: true });
    expect(again.log.replayed).toBe(true);
    const account = await accountOf(user);
    expect(account.charges).toMatchObject([{ charged: usage.charged, request_id: request.requestId }]);
    expect(account).toMatchObject({ balance: 500 - usage.charged, held: 0 });
  });

  it("holds and charges nothing for a user who cannot pay", async () => {
    const user = await newUser(1);
    await expect(runFeature(mealAnalyzer, requestOf(user, `job-${user.id}`))).rejects.toMatchObject({
      code: "insufficient_tokens",
    });
    await expectUntouched(user, 1);
  });

  it("is refused with the same id for another input", async () => {
    const user = await newUser(500);
    const request = requestOf(user, `job-${user.id}`);
    await runFeature(mealAnalyzer, request);
    const other = { ...request, input: mealAnalyzer.input.parse({ description: "one waffle" }) };
    await expect(runFeature(mealAnalyzer, other)).rejects.toMatchObject({ code: "idempotency_key_reused" });
  });
});

import { beforeAll, describe, expect, it } from "vitest";

import { DECLARED } from "../../scripts/settings/declared.ts";
import { functionsFolder, projectFolder } from "../../scripts/local/paths.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { type Answer, call, expectCharged, expectRefusal } from "./support/calls.ts";
import { logLines, openFunctions } from "./support/functions.ts";

const { newUser, expectUntouched } = openAccounts();

const SECRET = { apikey: stack.secretKey };

/** One call of each module: what it answers when its settings fit. */
const CALLS = {
  features: async (base: string) =>
    await call("meal-analyzer", { base, user: await newUser(500), body: { description: "soup" } }),
  otp: (base: string) => call("otp/verify", { base, body: { phone: "+33612000000", code: "000000" } }),
  tokens: (base: string) => call("token-manager/status", { base, method: "GET", headers: SECRET }),
  oauth: (base: string) => call("oauth-token/status", { base, method: "GET", headers: SECRET }),
  alerts: (base: string) => call("alerts/list", { base, headers: SECRET, body: {} }),
};
type Module = keyof typeof CALLS;

const isConfigured = ({ body }: Answer) => body?.error !== "internal";

describe.each<[string, Record<string, string>, Module[]]>([
  ["no AI key", { AI_API_KEY: "" }, ["features"]],
  ["a typo in a setting of one-time codes", { OTP_TEST_NUMBERS: "0612345678=4711" }, ["otp"]],
  ["a typo in the OAuth providers", { OAUTH_PROVIDERS: "{" }, ["oauth"]],
  ["a typo in the source of tokens", { VAULT_SOURCE: "a b" }, ["tokens", "oauth"]],
  ["a typo in a setting of alerts", { ALERT_TIMEOUT_MS: "soon" }, []],
  ["a typo in the transport of the ledger", { LEDGER_TRANSPORT: "pigeon" }, ["features"]],
  ["a typo in the encryption keys", { TOKEN_ENCRYPTION_KEYS: "k" }, ["tokens", "oauth"]],
  ["a typo in the metrics", { METRICS_FLUSH_MS: "-1" }, []],
])("with %s", (_what, env, stopped) => {
  let functions: ExtraFunctions;
  beforeAll(async () => {
    functions = await openFunctions(env, functionsFolder);
  });

  it(`functions of other modules answer, ${stopped.join(" and ") || "none"} alone is stopped`, async () => {
    const answers = await Promise.all(
      Object.entries(CALLS).map(async ([module, ask]) => [module, await ask(functions.url)] as const),
    );
    expect(answers.filter(([_module, answer]) => !isConfigured(answer)).map(([module]) => module))
      .toEqual(stopped);
    for (const [module, answer] of answers) {
      if (!stopped.includes(module as Module)) continue;
      expectRefusal(answer, 500, "internal");
      expect(answer.text).not.toMatch(Object.keys(env)[0]!);
      const [line] = await logLines(functions, answer.body.request_id);
      expect(line!.cause).toContain(Object.keys(env)[0]!);
    }
  });
});

describe("a feature whose settings do not fit", () => {
  it("holds nothing", async () => {
    const functions = await openFunctions({ AI_TIMEOUT_MS: "long" }, functionsFolder);
    const user = await newUser(500);
    const answer = await call("meal-analyzer", {
      base: functions.url,
      user,
      body: { description: "soup" },
    });
    expectRefusal(answer, 500, "internal");
    await expectUntouched(user, 500);
    const whole = await call("meal-analyzer", { user, body: { description: "soup" } });
    expectCharged(whole);
  });
});

describe("the settings of all modules", () => {
  it("are those of each settings.ts, each setting in one of them", async () => {
    const found: string[] = [];
    const walk = async (folder: string) => {
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        if (isDirectory) await walk(`${folder}/${name}`);
        else if (name === "settings.ts") found.push(`${folder}/${name}`);
      }
    };
    await walk(functionsFolder);
    const declared = await Promise.all(found.map((path) => import(path)));
    const schemas = declared.flatMap((module) => Object.values(module))
      .filter((value): value is (typeof DECLARED)[number] =>
        typeof value === "function" && "schema" in value
      );
    expect(new Set(schemas)).toEqual(new Set(DECLARED));
    const names = DECLARED.flatMap(({ schema }) => Object.keys(schema.shape));
    expect(names).toEqual([...new Set(names)]);
    expect(found.every((path) => path.startsWith(projectFolder))).toBe(true);
  });
});

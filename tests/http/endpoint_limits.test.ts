import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { functionsFolder, projectFolder } from "../../scripts/local/paths.ts";
import { repeatableRequestId } from "../../supabase/functions/_shared/http/identifiers.ts";
import { connect } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";
import { type Declaration, endpoints, isFeature, isRealtime } from "./support/functions_folder.ts";
import { needing } from "../support/needs.ts";

const onLinux = await needing("linux");

const sql = connect({ connections: 2 });
const { newUser } = openAccounts();
const documented = await Deno.readTextFile(join(projectFolder, "docs", "limits.md"));

const isForCallers = ({ auth }: Declaration) => [auth].flat().some((one) => one !== "secret");
const limitOf = ({ callLimit }: Declaration) =>
  callLimit !== undefined && "quota" in callLimit ? callLimit : undefined;
/** Whom a limit of calls counts. */
const ofUsers = endpoints.filter((one) => limitOf(one) && [one.auth].flat().includes("user"));

/** A user whose plan names an endpoint. */
async function userWith(name: string, rule: { quota: number; window_s: number }) {
  const user = await newUser(0);
  const plan = `test ${user.id}`;
  await sql`insert into private.token_plans (plan, request_limits) values (${plan}, ${
    sql.json({ [name]: rule })
  })`;
  await sql`select public.set_account_plan(${user.id}, ${plan})`;
  return user;
}

describe("every endpoint that a user or anybody may call", () => {
  it.each(endpoints.filter(isForCallers).map((one) => [one.name, one] as const))(
    "has a limit, and the guide names it: %s",
    (_name, one) => {
      expect(one.callLimit).toBeDefined();
      const limit = limitOf(one);
      if (isFeature(one) || isRealtime(one)) expect(limit).toBeUndefined();
      else if (limit) expect(documented).toContain(`\`${one.name}\``);
      if (limit) {
        const row = documented.split("\n").find((line) => line.startsWith(`| \`${one.name}\``));
        expect(row?.split("|")[2]?.trim()).toBe(`${limit.quota} per ${limit.window_s} s`);
      }
    },
  );

  it("is covered by these tests: there are some of each kind", () => {
    expect(endpoints.filter(isFeature).length).toBeGreaterThan(20);
    expect(ofUsers.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["balance", "account/why", "account/caps", "oauth-token/revoke"]),
    );
  });

  it.each(ofUsers.map((one) => [one.name, one.method] as const))(
    "that costs no tokens asks for its limit first: %s",
    async (name, method) => {
      const user = await userWith(name, { quota: 0, window_s: 60 });
      const answer = await call(name, { method, user, body: method === "POST" ? {} : undefined });
      expectRefusal(answer, 429, "rate_limited");
      expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThanOrEqual(1);
      expect(answer.headers.get("RateLimit")).toContain(`"${name}";r=0`);
    },
  );
});

describe("a limit of calls", () => {
  it("lets its quota through, and reports the rest", async () => {
    const user = await userWith("balance", { quota: 2, window_s: 3_600 });
    const ask = () => call("balance", { method: "GET", user });
    const answers = [await ask(), await ask(), await ask()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers.map(({ headers }) => headers.get("RateLimit")?.split(";").slice(0, 2).join(";"))).toEqual([
      '"balance";r=1',
      '"balance";r=0',
      '"balance";r=0',
    ]);
    expect((await call("account/limits", { method: "GET", user })).status).toBe(200);
  });

  // On other systems a machine has one loopback address.
  it(
    "of an endpoint for anybody counts each network by itself",
    onLinux,
    async () => {
      const functions = await openFunctions({}, functionsFolder);
      // Addresses of this machine that no other test calls from.
      const newAddress = () => `127.${[1, 2, 3].map(() => 2 + Math.floor(Math.random() * 250)).join(".")}`;
      const from = async (localAddress: string) => {
        using client = Deno.createHttpClient({ localAddress });
        const url =
          `${functions.url}/functions/v1/oauth-token/callback?state=nobody-has-ever-begun-this&code=x`;
        const { status, headers, body } = await fetch(url, { client });
        await body?.cancel();
        return { isDenied: status === 429, left: headers.get("RateLimit")?.split(";")[1] };
      };
      const network = newAddress();
      expect(await from(network)).toEqual({ isDenied: false, left: "r=599" });
      const key = `call ${repeatableRequestId("", "oauth-token/callback", network)}`;
      await sql`update private.rate_limits set full_at = now() + interval '2 hours' where key = ${key}`;
      expect(await from(network)).toEqual({ isDenied: true, left: "r=0" });
      expect(await from(newAddress())).toEqual({ isDenied: false, left: "r=599" });
    },
  );
});

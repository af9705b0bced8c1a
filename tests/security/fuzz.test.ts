import { Buffer } from "node:buffer";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import { functionsFolder } from "../../scripts/local/paths.ts";
import { openAccounts } from "../http/support/accounts.ts";
import { type Answer, call, expectRefusal } from "../http/support/calls.ts";
import { openFunctions } from "../http/support/functions.ts";
import { endpoints, functionNames, isFeature, isRealtime } from "../http/support/functions_folder.ts";
import { type SignedInUser, stack } from "../support/stack.ts";
import { mutated, oddHeaders, oddMethods, oddPaths } from "./hostile.ts";
import { bodyOf, validInputs } from "./inputs.ts";
import { expectHarmless, expectOneForm } from "./leaks.ts";
import { sendRaw } from "./raw_http.ts";
import { credentialsOf, send } from "./requests.ts";

const TOKENS = 1_000_000_000;
/** Of each property; there are two for each function and one more. */
const TIME_MS = Number(Deno.env.get("FUZZ_MS") ?? 300);
/** Made however long they take: a slow machine must see successes and refusals too. */
const MIN_RUNS = 12;
const MAX_RUNS = 1_000;
const seed = Number(Deno.env.get("FUZZ_SEED") ?? 1);

/** Verifies the ledger of each user at the end. */
const { newUser, accountOf } = openAccounts();

beforeAll(() => console.log(`To fuzz others, and longer: FUZZ_SEED=${seed + 1} FUZZ_MS=10000`));

/** Looks for a counterexample for a while; what it found is printed with the seed and shrunk. */
async function search<Value>(
  values: fc.Arbitrary<Value>,
  check: (value: Value) => Promise<void>,
  examples: Value[] = [],
): Promise<void> {
  const property = fc.asyncProperty(values, check);
  await fc.assert(property, { seed, numRuns: MIN_RUNS, examples: examples.map((value) => [value]) });
  const found = await fc.check(property, {
    seed: -seed, // Others than those above.
    numRuns: MAX_RUNS,
    interruptAfterTimeLimit: TIME_MS,
    markInterruptAsFailure: false,
  });
  // A machine that is too slow for one more run in the time has shown nothing.
  if (found.interrupted && found.counterexample === null) return;
  if (found.failed) {
    throw new Error(await fc.asyncDefaultReportMessage(found), { cause: found.errorInstance });
  }
}

/** A user whose tokens are counted: an answer charges just what it says. */
async function openTill(): Promise<{ user: SignedInUser; expectExact(answer: Answer): Promise<void> }> {
  const user = await newUser(TOKENS);
  let expected = TOKENS;
  return {
    user,
    async expectExact(answer) {
      expected -= answer.body?.usage?.charged ?? answer.body?.charged ?? 0;
      const { balance, held } = await accountOf(user);
      expect({ balance, held }).toEqual({ balance: expected, held: 0 });
    },
  };
}

describe.each(endpoints)("the endpoint $name", (declared) => {
  const { name, method, input, auth } = declared;
  const credentials = (user: SignedInUser): Record<string, string> =>
    auth === "secret" ? { apikey: stack.secretKey } : { ...credentialsOf(user) };

  it("meets any change to a valid input with a success or the one form of a refusal, exactly charged", async () => {
    const { user, expectExact } = await openTill();
    const statuses = new Map<number, number>();
    const unchanged = fc.sample(validInputs(input).map((value) => JSON.stringify(value)), {
      seed,
      numRuns: 3,
    });
    await search(
      mutated(validInputs(input)),
      async (text) => {
        const answer = method === "GET"
          ? await call(`${name}?${queryOf(text)}`, {
            method,
            user,
            headers: credentials(user),
            redirect: "manual",
          })
          : await call(name, { user, body: bodyOf(text), headers: credentials(user) });
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        expectOneForm(answer);
        await expectExact(answer);
      },
      [...unchanged, ...isRealtime(declared) ? ['{"topic":"nothing that one talks about here"}'] : []],
    );
    if (isFeature(declared)) expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400]));
    if (isRealtime(declared)) expect([...statuses.keys()]).toEqual(expect.arrayContaining([426, 400]));
    expect([...statuses.keys()].filter((status) => status === 401)).toEqual([]);
  });

  it("meets any bytes, headers, methods and content encodings without a failure of its own", async () => {
    const { user, expectExact } = await openTill();
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      mutated(validInputs(input)).map((text) => new TextEncoder().encode(text)),
      mutated(validInputs(input)).map((text) => new Uint8Array(Buffer.from(text, "utf16le"))),
    );
    const requests = fc.record({ method: oddMethods, headers: oddHeaders, body: bodies });
    await search(requests, async ({ method, headers, body }) => {
      const answer = await sendRaw({
        method,
        path: `/functions/v1/${name}`,
        headers: [...Object.entries(credentials(user)), ...headers],
        body,
      });
      const isOfFunction = answer.headers.has("X-Request-Id") && method !== "HEAD";
      (isOfFunction ? expectOneForm : expectHarmless)(answer);
      await expectExact(answer);
    });
  });
});

/** A changed input as a query, as far as a query can say it. */
function queryOf(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [["limit", value]];
  return entries.map(([key, one]) => `${escape(key)}=${escape(one)}`).join("&").slice(0, 8_000);
}

/** Percent-encoded, lone surrogates as U+FFFD, which a URL cannot hold either. */
function escape(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return encodeURIComponent(text.toWellFormed());
}

describe("paths", () => {
  it("that only look like a function's lead to a refusal or to that function, and charge no one", async () => {
    const { user, expectExact } = await openTill();
    const paths = fc.constantFrom(...functionNames).chain(oddPaths);
    await search(fc.tuple(oddMethods, paths), async ([method, path]) => {
      const answer = await sendRaw({
        method,
        path: `/functions/v1${path}`,
        headers: [...Object.entries(credentialsOf(user)), ["Content-Type", "application/json"]],
      });
      expectHarmless(answer);
      await expectExact(answer);
    });
  });

  it("with a name too long for a file lead to no function, and the names after it are still looked up", async () => {
    // On a separate process, because a name that breaks the cache stays broken for every other name.
    const { url: base } = await openFunctions({}, functionsFolder);
    for (const name of ["nobody", "a".repeat(300), "a".repeat(12_000), "somebody"]) {
      const answer = await call(name, { base, body: {} });
      expect({ name: name.slice(0, 20), status: answer.status, text: answer.text.slice(0, 40) })
        .toMatchObject({ name: name.slice(0, 20), status: 404 });
      expectRefusal(answer, 404, "not_found");
    }
  });

  it("that climb out of a service's reach no table without a right to it", async () => {
    const tops = ["/rest/v1", "/auth/v1/verify", "/auth/v1/callback", "/storage/v1", "/functions/v1"];
    const climbs = [
      "/..",
      "/%2e%2e",
      "/../..",
      "/../../..",
      "/%2e%2e/%2e%2e/%2e%2e",
      "/..%2f..%2f..%2f",
      "//..",
    ];
    const goals = [
      "/rest/v1/token_balances",
      "/rest/v1/alert_types",
      "/auth/v1/admin/users",
      "/admin",
      "/_studio",
    ];
    const failed: string[] = [];
    for (
      const path of tops.flatMap((top) => climbs.flatMap((climb) => goals.map((goal) => top + climb + goal)))
    ) {
      const answer = await sendRaw({ method: "GET", path, headers: [["apikey", stack.publishableKey]] });
      expect(answer.text, path).not.toMatch(/"(user_id|email|lock_retention)":/);
      if (answer.status >= 500) failed.push(`${path}: ${answer.status} ${answer.text}`);
    }
    expect(failed).toEqual([]);
  });
});

it("a header or path that is longer than a server reads is refused, and the next request is answered", async () => {
  const { user, expectExact } = await openTill();
  const credentials = Object.entries(credentialsOf(user)) as [string, string][];
  const long = "x".repeat(100_000);
  for (
    const request of [
      { method: "POST", path: "/functions/v1/balance", headers: [...credentials, ["X-Long", long]] },
      { method: "GET", path: `/functions/v1/${long}`, headers: credentials },
      {
        method: "GET",
        path: "/functions/v1/balance",
        headers: [...credentials, ...Array.from({ length: 3_000 }, (_, index) => [`X-${index}`, "1"])],
      },
    ] as Parameters<typeof sendRaw>[0][]
  ) {
    const answer = await sendRaw(request);
    expectHarmless(answer);
    await expectExact(answer);
  }
  expect((await send("/functions/v1/balance", { credentials: credentialsOf(user) })).status).toBe(200);
});

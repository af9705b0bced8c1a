import { expect, it } from "vitest";

import { openAccounts } from "../http/support/accounts.ts";
import { call, eventually, expectRefusal } from "../http/support/calls.ts";
import { openFunctions } from "../http/support/functions.ts";

const TOKENS = 1_000;
const CLIENTS = 20;
const CALLS_OF_CLIENT = 3;
const TIMEOUT_MS = 400;

const { newUser, accountOf, expectUntouched } = openAccounts();

it.each(["rest", "postgres"])(
  "a model server that hangs under load costs nobody a token: every call gets 504, no hold remains, ledger over %s",
  async (transport) => {
    const functions = await openFunctions({
      LEDGER_TRANSPORT: transport,
      AI_TEXT_MODEL: "demo-text-hang",
      AI_TIMEOUT_MS: String(TIMEOUT_MS),
    });
    const users = await Promise.all(Array.from({ length: CLIENTS / 2 }, () => newUser(TOKENS)));
    await Promise.all(Array.from({ length: CLIENTS }, async (_value, client) => {
      // Two clients share a user, so that holds of one user come and go side by side.
      const user = users[client % users.length]!;
      for (let number = 0; number < CALLS_OF_CLIENT; number++) {
        const key = crypto.randomUUID();
        const body = { description: `Two apples, ${key}` };
        expectRefusal(
          await call("meal-analyzer", { base: functions.url, user, key, body }),
          504,
          "provider_timeout",
        );
      }
    }));
    for (const user of users) {
      await eventually("the last release", async () => (await accountOf(user)).held === 0);
      await expectUntouched(user, TOKENS);
      const { locks } = await accountOf(user);
      expect(locks.map(({ status }) => status)).toEqual(
        Array(CLIENTS / users.length * CALLS_OF_CLIENT).fill("released"),
      );
    }
  },
);

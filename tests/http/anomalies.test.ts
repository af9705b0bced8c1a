import { expect, it } from "vitest";

import { connect, signUp } from "../support/stack.ts";
import { call } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";

const sql = connect({ connections: 1 });

it("a process reports from where users called, as digests, at the latest when it ends", async () => {
  const functions = await openFunctions();
  const users = await Promise.all([signUp({ tokens: 100 }), signUp({ tokens: 100 })]);
  for (const user of [...users, ...users]) {
    const answer = await call("echo", { base: functions.url, user, body: { text: crypto.randomUUID() } });
    expect(answer.status).toBe(200);
  }
  await functions.stop();
  const rows = await sql`
    select subject, network from private.caller_networks where subject in ${sql(users.map(({ id }) => id))}`;
  expect(rows.map(({ subject }) => subject).toSorted()).toEqual(users.map(({ id }) => id).toSorted());
  const networks = rows.map(({ network }) => network);
  expect(new Set(networks).size).toBe(2); // Both called from here, which the digests do not tell.
  for (const network of networks) expect(network).toMatch(/^[\w-]{16}$/);
  expect(functions.log).not.toContain("not reported");
});

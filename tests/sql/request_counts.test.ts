import { expect, it } from "vitest";

import { createDatabase, newId } from "./support.ts";

// With core alone: what becomes of counts and networks is in metrics.test.ts and anomalies.test.ts.
const { sql } = await createDatabase({ modules: ["core"] });

const networksOf = async (user: string) =>
  (await sql`select network from private.caller_networks where subject = ${user} order by network`)
    .map(({ network }) => network);

it("networks of users are noted without a ledger, handed out and forgotten with their user alone", async () => {
  const [user, other] = [newId(), newId()];
  const seen = [user, other].map((user_id) => ({ user_id, networks: ["a", "b", "a"] }));
  const [noted] = await sql`select public.note_caller_networks(${sql.json(seen)}) as count`;
  expect(noted).toEqual({ count: 4 });
  const [row] = await sql`select public.export_user_data(${user}) as exported`;
  const seenAt = { seen_at: expect.any(String) };
  expect(row!.exported.caller_networks, "times, and no digest").toEqual([seenAt, seenAt]);
  await sql`select public.forget_user(${user})`;
  expect([await networksOf(user), await networksOf(other)]).toEqual([[], ["a", "b"]]);
});

it("requests are counted without a module that serves the counts", async () => {
  const series = [{ name: "requests", labels: ["echo", "200"], count: 2 }];
  await sql`select public.record_request_metrics(${newId()}, ${sql.json(series)})`;
  expect(await sql`select name, label_values, count::integer from metrics.request_totals`).toEqual([
    { name: "requests", label_values: ["echo", "200"], count: 2 },
  ]);
});

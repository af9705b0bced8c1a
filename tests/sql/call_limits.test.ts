import { afterEach, describe, expect, it } from "vitest";

import { createDatabase, newId } from "./support.ts";

// With core alone: what a user's plan says of them is in limits.test.ts.

const { sql } = await createDatabase({ modules: ["core"] });

async function take(user: string, name: string, quota = 1) {
  const rule = sql.json({ quota, window_s: 3_600 });
  const [row] = await sql`select public.take_call_limit(${user}, ${name}, ${rule}) as taken`;
  return row!.taken;
}

const keysOf = (user: string) =>
  sql`select key from private.rate_limits where key like ${`%${user}%`} order by key`;

/** As another module's migration would do. */
async function addSource(): Promise<void> {
  await sql.unsafe(`
    create table private.test_excess (user_id uuid, excess jsonb);
    create function private.test_limit_of(uuid, p_name text, p_rule jsonb) returns jsonb language sql as
      $$ select case when p_name = 'named' then p_rule || '{"quota": 3}' else p_rule end $$;
    create function private.test_note_excess(p_user_id uuid, p_limit jsonb) returns void language sql as
      $$ insert into private.test_excess values (p_user_id, p_limit) $$;
    insert into private.call_limit_sources values ('test', 'test_limit_of', 'test_note_excess', '');`);
}

describe("a limit of calls", () => {
  afterEach(() =>
    sql.unsafe(`
      delete from private.call_limit_sources where name = 'test';
      drop function if exists private.test_limit_of, private.test_note_excess;
      drop table if exists private.test_excess;`).then(() => {})
  );

  it("is each user's own, for each endpoint", async () => {
    const [user, other] = [newId(), newId()];
    expect(await take(user, "a")).toMatchObject({ allowed: true, limits: [{ name: "a", remaining: 0 }] });
    expect(await take(user, "a")).toMatchObject({ allowed: false, denied_by: "a" });
    expect(await take(user, "b")).toMatchObject({ allowed: true });
    expect(await take(other, "a")).toMatchObject({ allowed: true });
  });

  it("is the one that a registered module returns, and the module is told about excess calls", async () => {
    await addSource();
    const user = newId();
    for (let count = 0; count < 3; count++) {
      expect(await take(user, "named")).toMatchObject({ allowed: true });
    }
    expect(await sql`select from private.test_excess`).toHaveLength(0);
    expect(await take(user, "named")).toMatchObject({ allowed: false });
    expect(await sql`select * from private.test_excess`).toMatchObject([
      { user_id: user, excess: { name: "named", quota: 3, window_s: 3_600 } },
    ]);
    expect(await take(user, "other")).toMatchObject({ allowed: true });
    expect(await take(user, "other")).toMatchObject({ allowed: false });
  });

  it("is used up after as many calls as it has, and says what is left; one below 1 lets none in", async () => {
    const user = newId();
    const left: unknown[] = [];
    for (let count = 0; count < 4; count++) {
      const { allowed, limits } = await take(user, "a", 3);
      left.push([allowed, limits[0].remaining]);
    }
    expect(left).toEqual([[true, 2], [true, 1], [true, 0], [false, 0]]);
    for (const quota of [0, 0.5]) {
      expect(await take(newId(), "a", quota)).toMatchObject({ allowed: false, limits: [{ remaining: 0 }] });
      expect(await take(user, "a", quota)).toMatchObject({ allowed: false });
    }
    await sql`update private.rate_limits set full_at = now() - interval '1 hour' where key like ${`%${user}%`}`;
    expect(await take(user, "a", 0.5)).toMatchObject({ allowed: false });
    expect(await take(user, "a", 3)).toMatchObject({ allowed: true, limits: [{ remaining: 2 }] });
  });

  it("that is invalid denies the call, and is not recorded as excess", async () => {
    await addSource();
    expect(await take(newId(), "a", -1)).toMatchObject({ allowed: false, error: "invalid_request" });
    expect(await sql`select from private.test_excess`).toHaveLength(0);
  });

  it("is forgotten with its user, and no other's is", async () => {
    const [user, other] = [newId(), newId()];
    for (const one of [user, other]) for (const name of ["a", "b"]) await take(one, name);
    expect(await keysOf(user)).toHaveLength(2);
    await sql`select public.forget_user(${user})`;
    expect(await keysOf(user)).toEqual([]);
    expect(await keysOf(other)).toHaveLength(2);
  });
});

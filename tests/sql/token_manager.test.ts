import { afterAll, describe, expect, it } from "vitest";

import { connect, serviceClient } from "../support/stack.ts";
import { jwt, newSourceName, newTrader } from "../support/vault.ts";
import { createDatabase } from "./support.ts";

const sql = connect({ connections: 4 });
const sources: string[] = [];

afterAll(async () => {
  await sql`delete from public.tradovate_tokens where source = any(${sources})`;
  await sql`delete from private.token_syncs where source = any(${sources})`;
});

function newSource(): string {
  const source = newSourceName();
  sources.push(source);
  return source;
}

/** A token row with given columns over defaults. */
async function insert(row: Record<string, unknown> = {}) {
  const source = newSource();
  const usual = {
    account_name: `TEST_${newTrader()}`,
    main_account: "TEST",
    token_type: "bearer",
    access_token: "t1.some-key.c29tZXRoaW5n",
    token_length: 9,
    expires_at: new Date(Date.now() + 3_600_000),
    source,
    fingerprint: "x",
    expiry_source: "jwt",
  };
  const [inserted] = await sql`insert into public.tradovate_tokens ${sql({ ...usual, ...row })} returning *`;
  return inserted!;
}

describe("tradovate_tokens", () => {
  it("accepts only encrypted tokens, from any role", async () => {
    await expect(insert({ access_token: jwt() })).rejects.toMatchObject({ code: "23514" });
    await expect(insert({ access_token: "opaque" })).rejects.toMatchObject({ code: "23514" });
    expect(await insert()).toMatchObject({ key_id: "some-key" });
  });

  it("keeps the columns and the queries of the earlier system", async () => {
    const { account_name } = await insert({
      main_account: "QUERIES",
      expires_at: new Date(Date.now() + 60_000),
    });
    const [newest, ofMain, ending] = [
      await sql`
        SELECT account_name, main_account, expires_at, token_length FROM tradovate_tokens
        WHERE is_active = true ORDER BY updated_at DESC`,
      await sql`SELECT * FROM tradovate_tokens WHERE main_account = 'QUERIES' AND is_active = true`,
      await sql`
        SELECT account_name, expires_at FROM tradovate_tokens
        WHERE expires_at < NOW() + INTERVAL '10 minutes' AND is_active = true`,
    ];
    for (const rows of [newest, ofMain, ending]) {
      expect(rows.map((row) => row.account_name)).toContain(account_name);
    }
    expect(Object.keys(ofMain[0]!).slice(0, 11)).toEqual([
      ...["id", "account_name", "main_account", "token_type", "access_token", "token_length", "expires_at"],
      ...["created_at", "updated_at", "is_active", "metadata"],
    ]);
  });

  it.each([
    [
      "active tokens by updated_at",
      "select * from tradovate_tokens where is_active order by updated_at desc limit 20",
    ],
    ["by main account", "select * from tradovate_tokens where main_account = 'MAIN_7' and is_active"],
    [
      "ending within 10 minutes",
      "select * from tradovate_tokens where expires_at < now() + interval '10 minutes' and is_active",
    ],
    ["one account", "select * from tradovate_tokens where account_name = 'PLAN_7'"],
  ])("finds %s by an index among many", async (_what, query) => {
    class Undo extends Error {}
    const attempt = sql.begin(async (transaction) => {
      await transaction`
        insert into tradovate_tokens (account_name, main_account, token_type, access_token, token_length, expires_at,
          updated_at, source, fingerprint, expiry_source)
        select 'PLAN_' || n, 'MAIN_' || n / 20, 'bearer', 't1.k.' || n, 3, now() + n * interval '1 minute',
          now() - n * interval '1 second', 'plans', 'x', 'jwt'
        from generate_series(1, 5000) as n`;
      await transaction`analyze tradovate_tokens`;
      const plan = await transaction.unsafe(`explain ${query}`);
      const text = plan.map((line) => line["QUERY PLAN"]).join("\n");
      expect(text).toMatch(/Index/);
      expect(text).not.toMatch(/Seq Scan/);
      throw new Undo();
    });
    await expect(attempt).rejects.toThrow(Undo);
  });
});

describe("cleanup_provider_tokens", () => {
  it("deactivates expired tokens, and nothing else", async () => {
    const past = new Date(Date.now() - 1_000);
    const [over, never, active, off] = [
      await insert({ expires_at: past }),
      await insert({ expires_at: null }),
      await insert(),
      await insert({ expires_at: past, is_active: false, inactive_reason: "operator" }),
    ];
    const { data, error } = await serviceClient().rpc("cleanup_provider_tokens");
    expect(error).toBeNull();
    expect(data).toBeGreaterThanOrEqual(0);
    const ids = [over, never, active, off].map(({ id }) => id);
    const rows =
      await sql`select id, is_active, inactive_reason from tradovate_tokens where id = any(${ids})`;
    const found = Object.fromEntries(rows.map(({ id, ...row }) => [id, row]));
    expect(ids.map((id) => found[id])).toEqual([
      { is_active: false, inactive_reason: "expired" },
      { is_active: true, inactive_reason: null },
      { is_active: true, inactive_reason: null },
      { is_active: false, inactive_reason: "operator" },
    ]);
  });
});

describe("provider_token_status", () => {
  it("shows each problem, however many accounts have another one", async () => {
    for (let count = 0; count < 6; count++) await insert();
    await insert({ expires_at: new Date(Date.now() - 1_000) });
    const [row] = await sql`select public.provider_token_status('nowhere', '{another-key}', 5) as status`;
    const problems = row!.status.unusable.map(({ problem }: { problem: string }) => problem);
    expect(problems).toHaveLength(5);
    expect(problems).toEqual(expect.arrayContaining(["unknown_key", "expired"]));
  });
});

describe("token_access_log", () => {
  it("can be changed by no role, not even by the owner of the table", async () => {
    await sql`select public.read_provider_token(${`NOBODY_${newTrader()}`}, 'default', 'r')`;
    for (const role of ["postgres", "service_role", "authenticated", "anon"]) {
      for (
        const change of [
          "update private.token_access_log set key_name = 'x'",
          "update private.token_access_log set key_name = key_name where false",
          "delete from private.token_access_log",
          "truncate private.token_access_log",
        ]
      ) {
        const attempt = sql.begin(async (transaction) => {
          await transaction.unsafe(`set local lock_timeout = '5s'; set local role ${role}`);
          await transaction.unsafe(change);
        });
        await expect(attempt, `${role}: ${change}`).rejects.toMatchObject({ code: "42501" });
      }
    }
  });

  it("loses only lines older than access_log_days, by its job or by hand", async () => {
    const account = `OLD_${newTrader()}`;
    const ages = async () =>
      (await sql`
        select outcome from private.token_access_log where account_name = ${account} order by id`).map((
        { outcome },
      ) => outcome);
    class Undo extends Error {}
    await sql`
      insert into private.token_access_log (action, account_name, key_name, request_id, outcome, created_at)
      select 'get', ${account}, 'x', 'r', days::text, now() - days * interval '1 day'
      from unnest(array[500, 401, 399, 1]) as days`;
    await expect(sql.begin(async (transaction) => {
      // Older lines have lower ids, as they do unless somebody inserts them by hand.
      await transaction`delete from private.token_access_log where account_name <> ${account} and created_at < now() - interval '400 days'`;
      const [row] = await transaction`
        delete from private.token_access_log where account_name = ${account} and outcome = '500' returning outcome`;
      expect(row).toEqual({ outcome: "500" });
      await transaction.savepoint((inner) =>
        inner`delete from private.token_access_log where account_name = ${account} and outcome in ('401', '399')`
      ).then(() => Promise.reject(new Error("deleted")), (error) => expect(error.code).toBe("42501"));
      await transaction`update private.token_manager_settings set access_log_days = null`;
      expect((await transaction`select private.prune_token_access_log() as count`)[0]!.count).toBe(0);
      await transaction.savepoint((inner) =>
        inner`delete from private.token_access_log where account_name = ${account}`
      )
        .then(() => Promise.reject(new Error("deleted")), (error) => expect(error.code).toBe("42501"));
      throw new Undo();
    })).rejects.toThrow(Undo);
    await expect(sql`update private.token_manager_settings set access_log_days = 29`).rejects.toMatchObject({
      code: "23514",
    });
    expect(await ages()).toEqual(["500", "401", "399", "1"]);
    const { sql: own } = await createDatabase();
    await own`
      insert into private.token_access_log (action, key_name, request_id, outcome, created_at)
      select 'get', 'x', 'r', days::text, now() - days * interval '1 day' from unnest(array[500, 401, 399, 1]) as days`;
    const steps = [
      await own`select private.prune_token_access_log(1) as count`,
      await own`select private.prune_token_access_log(3) as count`,
    ];
    expect(steps.map(([step]) => step!.count)).toEqual([1, 1]);
    expect(
      (await own`select outcome from private.token_access_log order by id`).map(({ outcome }) => outcome),
    )
      .toEqual(["399", "1"]);
  });

  it("has every read, and a token cannot be read without an entry", async () => {
    const { account_name } = await insert();
    await sql`select public.read_provider_token(${account_name}, 'robot', 'request-1')`;
    const [entry] = await sql`select * from private.token_access_log where account_name = ${account_name}`;
    expect(entry).toMatchObject({
      action: "get",
      key_name: "robot",
      request_id: "request-1",
      outcome: "given",
    });
    class Undo extends Error {}
    await expect(sql.begin(async (transaction) => {
      await transaction`alter table private.token_access_log add constraint full_up check (id < 0) not valid`;
      const read = transaction.savepoint((inner) =>
        inner`select public.read_provider_token(${account_name}, 'robot', 'request-2')`
      );
      await expect(read).rejects.toMatchObject({ code: "23514" });
      throw new Undo();
    })).rejects.toThrow(Undo);
  });
});

describe("the lease of a sync", () => {
  const begin = async (source: string, server = "server") => {
    const [row] = await sql`select public.begin_token_sync(${source}, ${server}) as answer`;
    return row!.answer;
  };

  it("is given to exactly one of 20 simultaneous callers", async () => {
    const source = newSource();
    const answers = await Promise.all(Array.from({ length: 20 }, () => begin(source)));
    expect(answers.filter(({ started }) => started)).toHaveLength(1);
    const refused = answers.find(({ started }) => !started);
    expect(refused.retry_after_s).toBeGreaterThan(0);
    expect(refused.retry_after_s).toBeLessThanOrEqual(30);
  });

  it("expires, and then everything that was begun with it is refused", async () => {
    const source = newSource();
    const first = await begin(source);
    await sql`update private.token_syncs set lease_until = clock_timestamp() - interval '1 s' where source = ${source}`;
    const second = await begin(source);
    expect(second.fence).toBe(first.fence + 1);
    const [{ diff, put, finish }] = await sql`
      select public.diff_provider_tokens(${source}, ${first.fence}, 'A', 'f', '-1', '0') as diff,
        public.put_provider_tokens(${source}, ${first.fence}, '[]', '[]', '0') as put,
        public.finish_token_sync(${source}, ${first.fence}, true) as finish` as unknown as [
      Record<string, { held: boolean }>,
    ];
    expect([diff, put, finish]).toEqual([{ held: false }, { held: false }, { held: false }]);
    expect(await begin(source)).toMatchObject({ started: false });
  });

  it("restarts a scan that paused for more than an hour", async () => {
    const source = newSource();
    const { fence, scan_number } = await begin(source);
    await sql`select public.diff_provider_tokens(${source}, ${fence}, '', '', '', '42')`;
    await sql`select public.finish_token_sync(${source}, ${fence}, false)`;
    const next = await begin(source);
    expect(next).toMatchObject({ continues: true, cursor: "42", scan_number });
    await sql`select public.finish_token_sync(${source}, ${next.fence}, false)`;
    await sql`update private.token_syncs set scan_started_at = scan_started_at - interval '61 min' where source = ${source}`;
    expect(await begin(source)).toMatchObject({
      continues: false,
      cursor: "0",
      scan_number: scan_number + 1,
    });
  });
});

import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

import { runLedgerCommand } from "../../scripts/ledger/command.ts";
import { projectFolder } from "../../scripts/local/paths.ts";
import { createDatabase, type Database, newId, range, run } from "./support.ts";

const folder = await Deno.makeTempDir({ prefix: "tessera-test-" });
afterAll(() => Deno.remove(folder, { recursive: true }));

interface Printed {
  code: number;
  printed: string;
}

/** `deno task ledger`, on a database, in this process. */
async function command({ url }: Database, ...args: string[]): Promise<Printed> {
  let printed = "";
  const print = (line: string) => printed += `${line}\n`;
  const code = await runLedgerCommand([...args, "--db-url", url], { print, complain: print });
  return { code, printed };
}

/** The same as an operator runs it. */
async function commandOfItsOwn({ url }: Database, ...args: string[]): Promise<Printed> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/ledger.ts", ...args, "--db-url", url],
    cwd: projectFolder,
  }).output();
  const decoder = new TextDecoder();
  return { code, printed: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function anchorOf(database: Database): Promise<string> {
  const path = join(folder, `${newId()}.jsonl`);
  expect(await command(database, "anchor", "--to", path)).toEqual({ code: 0, printed: `${path}\n` });
  return path;
}

const SOUND = { code: 0, printed: "The ledger is sound\n" };

/** Makes a change that only a superuser can make. */
async function tamper({ sql }: Database, change: string): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction.unsafe("alter table public.token_balance_history disable trigger user");
    for (
      const { name } of await transaction`
      select inhrelid::regclass::text as name from pg_inherits
      where inhparent = 'public.token_balance_history'::regclass`
    ) await transaction.unsafe(`alter table ${name} disable trigger user`);
    await transaction.unsafe(change);
  });
}

/** Writes a user's chain again from the first entry on, the end in its balance included. */
function rebuildChain(user: string): string {
  return `
    do $$
    declare
      entry public.token_balance_history;
      before bytea := (select chain from token_history.openings where user_id = '${user}');
    begin
      for entry in select * from public.token_balance_history where user_id = '${user}' order by entry_number loop
        before := private.token_entry_chain(before, entry.user_id, entry.entry_number, entry.delta, entry.balance_after,
          entry.created_at, entry.operation_type, entry.request_id, entry.metadata);
        update public.token_balance_history set chain = before
        where user_id = '${user}' and entry_number = entry.entry_number;
      end loop;
      update public.token_balances set chain = before where user_id = '${user}';
    end $$`;
}

/** Users with histories of every kind of entry, texts beyond ASCII and holds that are open. */
async function openLedger(): Promise<Database & { users: string[] }> {
  const database = await createDatabase();
  const { sql, ledger } = database;
  const users = range(4).map(newId).sort();
  for (const user of users) {
    await ledger.add(user, 100, newId());
    await ledger.add(user, 5);
    await run(sql, {
      name: "consume_tokens_atomic",
      args: {
        p_request_id: `${newId()} 😀|é`,
        p_user_id: user,
        p_token_amount: 3,
        p_operation_type: "über|setzen",
        p_metadata: { quote: `it's "one" \u2028 😀`, number: 1.50 },
      },
    });
    const id = newId();
    await ledger.hold(user, 20, id);
    await ledger.settle(user, id, 7);
    await ledger.hold(user, 4, newId());
  }
  return { ...database, users };
}

/** Makes the entries of a ledger those of a month that is over, and archives it. */
async function archiveAll(database: Database): Promise<void> {
  const { sql } = database;
  const [month] = await sql`
    select tableoid::regclass::text as name from public.token_balance_history limit 1`;
  // The months' own names and bounds follow the clock: the present one is taken out as an old one would be.
  await sql.unsafe(`
    select private.open_grants(user_id, max(entry_number)) from ${month!.name} group by user_id;
    insert into token_history.openings as known
    select distinct on (user_id) user_id, entry_number, balance_after,
      sum(greatest(delta, 0)) over (partition by user_id), chain
    from ${month!.name} order by user_id, entry_number desc;
    update private.token_settings set history_begins_at = now() + interval '1 minute';
    alter table public.token_balance_history detach partition ${month!.name}`);
}

describe("deno task ledger verify", async () => {
  const sound = await openLedger();

  it("finds nothing on a ledger with every kind of entry that is no charge", async () => {
    const database = await createDatabase();
    const { sql, ledger } = database;
    const [user, pay, charge] = [newId(), newId(), newId()];
    await ledger.add(user, 40, newId(), { p_source: pay });
    await ledger.add(user, 9, undefined, { p_effective_at: "2020-01-01", p_expires_at: "2020-01-02" });
    await ledger.add(user, 20, undefined, { p_kind: "plan", p_source: "plan" });
    await ledger.consume(user, 15, charge);
    await sql`select refund_tokens(${charge}, ${newId()}, 4)`;
    await sql`select roll_over_grant(${user}, 'plan', ${newId()}, 3)`;
    await ledger.consume(user, 30);
    await sql`select claw_back_grant(${pay}, 40, ${newId()})`;
    await ledger.add(user, 50);
    const kinds =
      await sql`select distinct operation_type from token_balance_history where user_id = ${user}`;
    expect(kinds.map(({ operation_type }) => operation_type).toSorted()).toEqual(
      ["clawback", "debt_payment", "expiry", "grant", "meal-analyzer", "refund", "rollover"],
    );
    expect(await command(database, "verify")).toEqual(SOUND);
    expect(await command(database, "verify", "--anchor", await anchorOf(database))).toEqual(SOUND);
  });

  it("finds nothing on a ledger that is sound, and agrees with every chain that the database made", async () => {
    expect(await command(sound, "verify")).toEqual(SOUND);
    expect(await command(sound, "verify", "--anchor", await anchorOf(sound))).toEqual(SOUND);
  });

  it("tells by its exit code and its output what it found, and what it could not do", async () => {
    expect(await commandOfItsOwn(sound, "verify")).toEqual(SOUND);
    const path = join(folder, `${newId()}.jsonl`);
    expect(await commandOfItsOwn(sound, "anchor", "--to", path)).toEqual({ code: 0, printed: `${path}\n` });
    expect(await commandOfItsOwn(sound, "verify", "--anchor", path)).toEqual(SOUND);
    expect(await commandOfItsOwn(sound, "verify", "--digest", "?")).toMatchObject({ code: 2 });
    expect(await commandOfItsOwn(sound, "mend")).toMatchObject({ code: 2 });
    const database = await openLedger();
    await tamper(database, "update public.token_balances set balance = balance + 1");
    const found = await commandOfItsOwn(database, "verify");
    expect(found).toMatchObject({ code: 1, printed: expect.stringMatching(/\n\d+ findings\n$/) });
    expect(await command(database, "verify")).toEqual(found);
  });

  it.each([
    [
      "an amount",
      "update public.token_balance_history set delta = delta + 1 where user_id = '$user' and entry_number = 2",
    ],
    [
      "a reason",
      `update public.token_balance_history set metadata = '{"x":1}' where user_id = '$user' and entry_number = 2`,
    ],
    [
      "a time",
      "update public.token_balance_history set created_at = created_at + interval '1 microsecond' where user_id = '$user' and entry_number = 3",
    ],
    ["a balance", "update public.token_balances set balance = balance + 1 where user_id = '$user'"],
    ["what was granted", "update public.token_balances set granted = granted + 1 where user_id = '$user'"],
    [
      "what is left of a grant",
      "update public.token_grants set remaining = remaining + 1 where wallet_id = '$user' and entry_number = 1",
    ],
    [
      "a grant, which is gone",
      "delete from public.token_grants where wallet_id = '$user' and entry_number = 1",
    ],
    [
      "the end of a grant",
      "update public.token_grants set expires_at = '2200-01-01' where wallet_id = '$user' and entry_number = 1",
    ],
    ["what is held", "update public.token_balances set held = 0 where user_id = '$user'"],
    [
      "the last entry, which is gone",
      "delete from public.token_balance_history where user_id = '$user' and entry_number = 4",
    ],
    ["a history, which is gone", "delete from public.token_balance_history where user_id = '$user'"],
    [
      "a request's charge",
      "update public.token_consumption_locks set charged = charged + 1 where user_id = '$user' and status = 'settled' and charged > 0",
    ],
    [
      "a charge without its request's settlement",
      "update public.token_consumption_locks set status = 'released' where user_id = '$user' and status = 'settled'",
    ],
  ])("finds %s changed, although the database's own audit was disabled", async (_, change) => {
    const database = await openLedger();
    const user = database.users[2]!;
    await tamper(database, change.replaceAll("$user", user));
    await database.sql.unsafe(`
      create or replace function public.verify_token_chain()
      returns table (user_id uuid, entry_number bigint, request_id text, problem text) language sql as
        'select null::uuid, null::bigint, null, null where false';
      create or replace function public.verify_token_ledger()
      returns table (invariant text, user_id uuid, request_id text, details jsonb) language sql as
        'select null, null::uuid, null, null::jsonb where false';
      create or replace function private.token_entry_chain(p_previous bytea, p_user_id uuid, p_entry_number bigint,
        p_delta bigint, p_balance_after bigint, p_created_at timestamptz, p_operation_type text, p_request_id text,
        p_metadata jsonb)
      returns bytea language sql as $$ select '\\x00'::bytea $$`);
    expect(await database.ledger.problems()).toEqual([]);
    const { code, printed } = await command(database, "verify");
    expect(code).toBe(1);
    expect(printed).toContain(`user ${user}`);
    for (const other of database.users.filter((one) => one !== user)) expect(printed).not.toContain(other);
  });

  it("refuses a view in place of a table", async () => {
    const database = await openLedger();
    await database.sql.unsafe(`
      alter table public.token_balances rename to real_balances;
      create view public.token_balances as select * from public.real_balances`);
    const { code, printed } = await command(database, "verify");
    expect(code).toBe(1);
    expect(printed).toContain("public.token_balances is not a plain table");
  });

  it("holds no more than a part of a long history in memory, and reads users page by page", async () => {
    const database = await createDatabase();
    const user = newId();
    await database.ledger.add(user, 1_000_000);
    await database.sql`
      select consume_tokens_atomic(number::text, ${user}, 1, 'x') from generate_series(1, 5000) as number`;
    await database.sql`
      select add_tokens(gen_random_uuid(), 10, 'test') from generate_series(1, 1300)`;
    expect(await command(database, "verify", "--anchor", await anchorOf(database))).toEqual(SOUND);
    await tamper(
      database,
      `update public.token_balance_history set delta = -2 where user_id = '${user}' and entry_number = 4321`,
    );
    expect((await command(database, "verify")).printed).toContain(
      `user ${user}, entry 4321, request 4320: it or the entry before it was changed`,
    );
  });
});

describe("an anchor", () => {
  it("finds a history that was rewritten, chain and balance included", async () => {
    const database = await openLedger();
    const anchor = await anchorOf(database);
    const user = database.users[1]!;
    await tamper(
      database,
      `update public.token_balance_history set operation_type = 'other' where user_id = '${user}' and entry_number = 3;
       ${rebuildChain(user)}`,
    );
    expect(await command(database, "verify")).toEqual(SOUND);
    const { code, printed } = await command(database, "verify", "--anchor", anchor);
    expect(code).toBe(1);
    expect(printed).toBe(
      `user ${user}, up to entry 4: the history does not match the anchor\n1 findings\n`,
    );
  });

  it("finds a user who was removed with all its entries", async () => {
    const database = await openLedger();
    const anchor = await anchorOf(database);
    const user = database.users[3]!;
    await tamper(
      database,
      [
        ...["token_balance_history", "token_balances", "token_consumption_locks"].map((table) =>
          `delete from public.${table} where user_id = '${user}'`
        ),
        ...["public.token_grants", "private.token_grant_slices", "private.token_grant_epochs"].map((table) =>
          `delete from ${table} where wallet_id = '${user}'`
        ),
      ].join(";"),
    );
    expect(await command(database, "verify")).toEqual(SOUND);
    expect((await command(database, "verify", "--anchor", anchor)).code).toBe(1);
  });

  it("raises no alarm when its months are archived, before and after further charges", async () => {
    const database = await openLedger();
    const before = await anchorOf(database);
    const [active] = database.users as [string];
    await database.ledger.consume(active, 1);
    await archiveAll(database);
    const archived = "1 users' entries of that time are archived: only a newer anchor can check them\n";
    expect(await command(database, "verify", "--anchor", before)).toEqual({
      code: 0,
      printed: archived + SOUND.printed,
    });
    const after = await anchorOf(database);
    expect(await command(database, "verify", "--anchor", after)).toEqual(SOUND);
  });

  it("finds tokens that were minted in the opening of a user whose entries are all archived", async () => {
    const database = await openLedger();
    const anchor = await anchorOf(database);
    await archiveAll(database);
    const user = database.users[0]!;
    await tamper(
      database,
      `update token_history.openings set balance = balance + 1000000, granted = granted + 1000000 where user_id = '${user}';
       update public.token_balances set balance = balance + 1000000, granted = granted + 1000000 where user_id = '${user}';
       update private.token_grant_epochs set granted = granted + 1000000 where wallet_id = '${user}';
       update public.token_grants set remaining = remaining + 1000000, refunded = refunded + 1000000
       where wallet_id = '${user}' and entry_number = 1;
       update token_history.grant_openings set remaining = remaining + 1000000
       where user_id = '${user}' and entry_number = 1`,
    );
    expect(await database.ledger.problems()).toEqual([]);
    const { code, printed } = await command(database, "verify", "--anchor", anchor);
    expect(code).toBe(1);
    expect(printed).toContain(`user ${user}, up to entry 4: the history does not match the anchor`);
  });

  it("is refused where a line of it was changed, added or taken away", async () => {
    const database = await openLedger();
    const anchor = await anchorOf(database);
    const lines = (await Deno.readTextFile(anchor)).trim().split("\n");
    for (
      const damaged of [
        lines.toSpliced(1, 1),
        lines.toSpliced(-1, 1),
        lines.with(0, lines[0]!.replace('"balance":"', '"balance":"9')),
        [lines[1]!, lines[0]!, ...lines.slice(2)],
        lines.with(0, "{"),
      ]
    ) {
      await Deno.writeTextFile(anchor, damaged.join("\n"));
      const { code, printed } = await command(database, "verify", "--anchor", anchor);
      expect(code).toBe(2);
      expect(printed).toContain("The anchor is damaged");
    }
  });
});

describe("anchor_token_ledger", () => {
  it("sends the digest of the lines that the database keeps, and verify compares the ledger with them", async () => {
    const database = await openLedger();
    const { sql, users } = database;
    const [row] = await sql`select private.anchor_token_ledger() as anchor`;
    const { digest } = row!.anchor;
    expect(row!.anchor).toMatchObject({ user_count: 4 });
    const [alert] = await sql`select payload from private.alert_outbox where alert_type = 'ledger_anchor'`;
    expect(alert!.payload).toEqual(row!.anchor);
    await database.ledger.consume(users[0]!, 1);
    expect(await command(database, "verify", "--digest", digest)).toEqual(SOUND);

    const other = `${digest[0] === "0" ? "1" : "0"}${digest.slice(1)}`;
    expect((await command(database, "verify", "--digest", other)).printed).toContain(
      "no longer has the anchor with this digest",
    );

    await tamper(
      database,
      `update public.token_balance_history set operation_type = 'other' where user_id = '${
        users[2]
      }' and entry_number = 3;
       ${rebuildChain(users[2]!)}`,
    );
    expect((await command(database, "verify", "--digest", digest)).printed).toContain(
      `user ${users[2]}, up to entry 4`,
    );
    // An attacker who also rewrites the kept lines cannot make them match the digest that was sent.
    await sql`update token_history.anchors set lines = replace(lines, '"balance":"9', '"balance":"8')`;
    const { code, printed } = await command(database, "verify", "--digest", digest);
    expect(code).toBe(2);
    expect(printed).toContain("The anchor is damaged");
  });

  it("digests as the command does, also over several parts, and keeps three days of them", async () => {
    const database = await createDatabase();
    const { sql } = database;
    await sql`select add_tokens(gen_random_uuid(), 10, 'test') from generate_series(1, 5003)`;
    await sql`
      insert into token_history.anchors (made_at, part_number, lines, digest) values (now() - interval '4 days', 1, '', '')`;
    const [row] = await sql`select private.anchor_token_ledger() as anchor`;
    const lines = (await Deno.readTextFile(await anchorOf(database))).trim().split("\n");
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ digest: row!.anchor.digest, user_count: 5003 });
    expect(await command(database, "verify", "--digest", row!.anchor.digest)).toEqual(SOUND);
    expect(await sql`select part_number from token_history.anchors`).toHaveLength(2);
  });
});

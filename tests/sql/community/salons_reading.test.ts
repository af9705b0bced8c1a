import { afterEach, describe, expect, it } from "vitest";

import { newId, range } from "../support.ts";
import { createCommunity } from "./salons_support.ts";

const community = await createCommunity();
const { sql } = community;

afterEach(async () => {
  expect(await community.problems()).toEqual([]);
});

const idsOf = (rows: unknown) => (rows as { id: string }[]).map(({ id }) => id);

describe("salons", () => {
  it("show public ones to every user, private ones to their members, none to nobody", async () => {
    const [open, closed] = [await community.open(), await community.open({ p_visibility: "private" })];
    const [member, stranger] = [await closed.join(), await community.user()];
    const both = `select id from salons where id in ('${open.id}', '${closed.id}')`;
    expect(idsOf(await community.read(stranger, both))).toEqual([open.id]);
    expect(idsOf(await community.read(member, both)).sort()).toEqual([open.id, closed.id].sort());
    await expect(sql.begin(async (transaction) => {
      await community.be(transaction, null);
      return [...await transaction.unsafe(both)];
    })).rejects.toThrow("permission denied");
  });

  it("are presented by their owner, who changes nothing else of them (community 1, 2) (platform 1, 2)", async () => {
    const salon = await community.open();
    const [moderator, member] = [await salon.join("moderator"), await salon.join()];
    const rename = `update salons set name = '  New   name ', city = ' Paris ' where id = '${salon.id}'`;
    for (const user of [moderator, member, await community.user()]) await community.read(user, rename);
    expect((await salon.row()).name).toBe("Kitchen");
    await community.read(salon.owner, rename);
    expect(await salon.row()).toMatchObject({ name: "New name", city: "Paris" });
    const columns = await sql`
      select attname as name, has_column_privilege('authenticated', 'public.salons', attname, 'UPDATE') as open
      from pg_attribute where attrelid = 'public.salons'::regclass and attnum > 0 and not attisdropped`;
    expect(columns.filter(({ open }) => open).map(({ name }) => name).sort()).toEqual([
      "category",
      "city",
      "color_theme",
      "description",
      "name",
      "visibility",
    ]);
  });

  it("are presented at most 60 times an hour", async () => {
    const salon = await community.open();
    const change = (number: number) =>
      community.read(salon.owner, `update salons set name = 'x${number}' where id = '${salon.id}'`);
    for (const number of range(60)) await change(number);
    await expect(change(60)).rejects.toThrow("changed too often");
  });
});

describe("members", () => {
  it("are seen by members, and by nobody else (community 10) (platform 10)", async () => {
    const salon = await community.open();
    const [member, stranger] = [await salon.join(), await community.user()];
    const members = `select user_id from salon_members where salon_id = '${salon.id}'`;
    expect(await community.read(member, members)).toHaveLength(2);
    expect(await community.read(stranger, members)).toEqual([]);
    await salon.do(salon.owner, "kick_salon_member", { p_member_id: member });
    expect(await community.read(member, members)).toEqual([]);
  });

  it("choose their own notifications, and no other's", async () => {
    const salon = await community.open();
    const member = await salon.join();
    await community.read(
      member,
      `update salon_members set notifications_enabled = false where salon_id = '${salon.id}'`,
    );
    const rows = await sql`
      select user_id, notifications_enabled as enabled from salon_members where salon_id = ${salon.id}`;
    expect(Object.fromEntries(rows.map(({ user_id, enabled }) => [user_id, enabled]))).toEqual({
      [salon.owner]: true,
      [member]: false,
    });
  });

  it("are listed page by page, each once, with names", async () => {
    const salon = await community.open();
    for (const _ of range(6)) await salon.join();
    await sql`update public.profiles set full_name = 'Ada' where id = ${salon.owner}`;
    const seen: { user_id: string; full_name: string | null; role: string }[] = [];
    let after: unknown = null;
    do {
      const page = await salon.do(salon.owner, "list_salon_members", { p_after: after, p_limit: 3 });
      seen.push(...page.members as typeof seen);
      after = page.next_after;
    } while (after);
    expect(seen.map(({ user_id }) => user_id)).toEqual(Object.keys(await salon.roles()).sort());
    expect(seen.find(({ role }) => role === "owner")).toMatchObject({
      user_id: salon.owner,
      full_name: "Ada",
    });
    expect((await salon.do(await community.user(), "list_salon_members")).members).toEqual([]);
  });

  it("are told by user_is_salon_member about who asks alone (community 10)", async () => {
    const salon = await community.open();
    const [member, stranger] = [await salon.join(), await community.user()];
    expect(await salon.do(member, "user_is_salon_member")).toBe(true);
    expect(await salon.do(member, "user_is_salon_member", { p_user_id: member })).toBe(true);
    expect(await salon.do(stranger, "user_is_salon_member")).toBe(false);
    expect(await salon.do(stranger, "user_is_salon_member", { p_user_id: member })).toBeNull();
    expect(await salon.do(member, "user_is_salon_member", { p_user_id: salon.owner })).toBeNull();
  });
});

describe("what policies ask", () => {
  it("takes no user, and is asked once a statement however many rows there are (community 10) (platform 14)", async () => {
    const arguments_ = await sql`
      select proname as name, pg_get_function_identity_arguments(oid) as arguments from pg_proc
      where oid in ('private.my_salon_ids()'::regprocedure, 'private.is_salon_member(uuid)'::regprocedure,
        'private.salon_role(uuid)'::regprocedure)`;
    for (const { arguments: list } of arguments_) expect(list).not.toContain("user");
    const user = await community.user();
    const plans = await Promise.all(["salons", "salon_members"].map(async (table) => {
      const rows = await community.read(user, `explain (verbose, costs off) select * from ${table}`);
      return rows.map((row) => Object.values(row)[0]).join("\n");
    }));
    for (const plan of plans) {
      expect(plan).toContain("InitPlan");
      // Beside the plan that runs once, no row is filtered by a function.
      for (const filter of plan.match(/(Filter|Index Cond|Recheck Cond): .*/g) ?? []) {
        expect(filter).not.toMatch(/\b(private|auth)\./);
      }
    }
  });
});

describe("the directory", () => {
  it("is read in pages to its end, each salon once, also those of one moment (community 22) (platform 24)", async () => {
    const category = newId().slice(0, 8);
    const salons = [];
    for (const _ of range(23)) salons.push(await community.open({ p_category: category }));
    // Ten of one moment, to the microsecond, and others that differ by one.
    await sql`
      update public.salons
      set created_at = timestamptz '2026-01-01 00:00:00.123456Z' + greatest(position - 10, 0) * interval '1 microsecond'
      from unnest(${salons.map(({ id }) => id)}::uuid[]) with ordinality as listed (salon_id, position)
      where id = salon_id`;
    const user = await community.user();
    const seen: string[] = [];
    let after: unknown = null;
    do {
      const page = await community.do(user, "list_public_salons", {
        p_category: category,
        p_after: after,
        p_limit: 4,
      });
      expect(page.success).toBe(true);
      seen.push(...idsOf(page.salons));
      after = page.next_after;
      // One that is made meanwhile is in front of what was read.
      await community.open({ p_category: category });
    } while (after);
    const ordered = await sql`
      select id from salons where id = any(${
      salons.map(({ id }) => id)
    }::uuid[]) order by created_at desc, id desc`;
    expect(seen).toEqual(ordered.map(({ id }) => id));
  });

  it("finds by category and city, in whatever case, and shows no private, archived or deleted one", async () => {
    const city = `Ville ${newId().slice(0, 8)}`;
    const open = (more: Record<string, unknown>) => community.open({ p_city: city, ...more });
    const [food, sport] = [await open({ p_category: "food" }), await open({ p_category: "Sport" })];
    const [, archived, deleted] = [
      await open({ p_visibility: "private" }),
      await open({}),
      await open({}),
    ];
    await archived.do(archived.owner, "archive_salon");
    await deleted.do(deleted.owner, "delete_salon");
    const user = await community.user();
    const found = async (args: Record<string, unknown>) =>
      idsOf((await community.do(user, "list_public_salons", args)).salons);
    expect(await found({ p_city: ` ${city.toUpperCase()} ` })).toEqual([sport.id, food.id]);
    expect(await found({ p_city: city, p_category: "SPORT" })).toEqual([sport.id]);
    expect(await found({ p_city: `${city}%` })).toEqual([]);
  });

  it("is read by an index for each of its forms, however many salons there are", async () => {
    const owner = await community.user();
    await sql.begin(async (transaction) => {
      await transaction`
        insert into public.salons (name, owner_id, category, city)
        select 'x', ${owner}, 'c' || number % 50, 'City ' || number % 100 from generate_series(1, 20000) as number`;
      await transaction`analyze public.salons`;
      await community.be(transaction, await community.user());
      for (
        const condition of [
          "",
          "and category = 'c1'",
          "and lower(city) = 'city 1'",
          "and category = 'c1' and lower(city) = 'city 1'",
        ]
      ) {
        const [{ plan }] = await transaction.unsafe(`
          explain (format json) select * from public.salons
          where visibility = 'public' and is_active ${condition} and (created_at, id) < (now(), '${newId()}')
          order by created_at desc, id desc limit 20`).then((rows) =>
          rows.map((row) => ({ plan: JSON.stringify(row) }))
        ) as [
          { plan: string },
        ];
        expect(plan, condition).toContain('"Index Scan"');
        expect(plan, condition).not.toContain('"Sort"');
      }
      await transaction`select set_config('role', 'postgres', true)`;
      await transaction`delete from public.salons where owner_id = ${owner}`;
    });
  });

  it.each(["x", "1", "1.x", `1.${newId()}; drop`, `99999999999999999.${newId()}`])(
    "refuses %j as a page",
    async (after) => {
      expect(await community.do(await community.user(), "list_public_salons", { p_after: after }))
        .toMatchObject({
          success: false,
          error: "invalid_request",
        });
    },
  );
});

describe("my_salons", () => {
  it("shows the caller's salons alone, with role, code and what is unread", async () => {
    const [one, two] = [await community.open(), await community.open({ p_visibility: "private" })];
    const member = await one.join();
    for (const number of range(3)) {
      await one.do(one.owner, "send_message", { p_content: `hello ${number}`, p_client_id: newId() });
    }
    await one.do(member, "mark_read", { p_seq: 1 });
    const rows = await community.read(member, "select * from my_salons");
    expect(rows).toMatchObject([{
      id: one.id,
      role: "member",
      share_code: one.code,
      member_count: 2,
      message_count: "3",
      last_seq: "3",
      last_read_seq: "1",
      unread_count: 2,
      muted_until: null,
      notifications_enabled: true,
    }]);
    expect(idsOf(await community.read(two.owner, "select * from my_salons"))).toEqual([two.id]);
  });
});

describe("salons_with_details", () => {
  it("asks with the rights of its reader, and names the owner (community 11) (platform 11)", async () => {
    const [open, closed] = [await community.open(), await community.open({ p_visibility: "private" })];
    await sql`update public.profiles set full_name = 'Grace' where id = ${open.owner}`;
    await open.do(open.owner, "send_message", { p_content: "hello", p_client_id: newId() });
    const stranger = await community.user();
    const rows = await community.read(
      stranger,
      `select * from salons_with_details where id in ('${open.id}', '${closed.id}')`,
    );
    expect(rows).toMatchObject([{
      id: open.id,
      owner_name: "Grace",
      share_code: null,
      actual_member_count: 1,
      message_count: "1",
      messages_today: 1,
    }]);
    await sql`update private.salon_streams set day = day - 1 where salon_id = ${open.id}`;
    const query = `select messages_today from salons_with_details where id = '${open.id}'`;
    expect(await community.read(stranger, query)).toEqual([{ messages_today: 0 }]);
    await open.do(open.owner, "send_message", { p_content: "hello", p_client_id: newId() });
    expect(await community.read(stranger, query)).toEqual([{ messages_today: 1 }]);
    const [views] = await sql`
      select bool_and('security_invoker=true' = any(reloptions)) as all_invoke from pg_class
      where oid in ('public.my_salons'::regclass, 'public.salons_with_details'::regclass)`;
    expect(views!.all_invoke).toBe(true);
  });

  it("calls no function for a row, and shows what it counts in no other way", async () => {
    const salon = await community.open();
    await expect(community.read(salon.owner, "select message_count from private.salon_streams")).rejects
      .toThrow("permission denied for schema private");
    const [row] = await community.read(
      salon.owner,
      "explain (verbose, format json) select * from salons_with_details order by messages_today desc",
    );
    const outputs: string[] = [];
    JSON.stringify(row!["QUERY PLAN"], (key, value) => {
      if (key === "Output") outputs.push(...value);
      return value;
    });
    expect(outputs.length).toBeGreaterThan(0);
    expect(outputs.filter((output) => /private\.\w+\([^)]/.test(output))).toEqual([]);
  });
});

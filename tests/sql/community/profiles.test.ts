import { describe, expect, it } from "vitest";

import { createDatabase, newId, raceAll, range } from "../support.ts";
import { type Answer, People } from "./people.ts";

const { sql, url } = await createDatabase();
const people = new People(sql);
const act = await people.actAtOnce();

const DONE = { success: true, error: null };
const DENIED = "42501";

const profileOf = async (id: string) => (await sql`select * from public.profiles where id = ${id}`)[0];

describe("a profile", () => {
  it("is made for who signs up, with the name tidied and nothing else of what the client says", async () => {
    const user = await people.newUser("  Ada \u202e\n Lovelace ", {
      role: "admin",
      subscription_type: "premium",
      avatar_url: "https://example.com/track.png",
    });
    expect(await profileOf(user)).toMatchObject({
      full_name: "Ada Lovelace",
      avatar_url: null,
      status: "offline",
    });
    expect(await profileOf(await people.newUser(null, { name: "Grace" }))).toMatchObject({
      full_name: "Grace",
    });
    expect(await profileOf(await people.newUser("x".repeat(10_000)))).toMatchObject({
      full_name: "x".repeat(80),
    });
    for (const nothing of [" \u200b ", "\u3164", "\u2800\u00ad", "\u200d\ufe0f", "\u{e0041}\u2029"]) {
      expect(await profileOf(await people.newUser(nothing))).toMatchObject({ full_name: null });
    }
    expect(await profileOf(await people.newUser("A 👩‍👩‍👧 ❤️ é"))).toMatchObject({ full_name: "A 👩‍👩‍👧 ❤️ é" });
  });

  it("that cannot be made keeps nobody from signing up, and is made by ensure_profile (platform 15)", async () => {
    const { sql } = await createDatabase();
    const people = new People(sql);
    await sql`alter table public.profiles add constraint broken check (false) not valid`;
    const user = await people.newUser("Ada");
    expect(await sql`select from auth.users where id = ${user}`).toHaveLength(1);
    expect(await sql`select from public.profiles where id = ${user}`).toHaveLength(0);
    await sql`alter table public.profiles drop constraint broken`;
    expect(await people.call(user, "ensure_profile")).toMatchObject({
      ...DONE,
      is_new: true,
      profile: { id: user, full_name: "Ada" },
    });
    const [trigger] = await sql`
      select proconfig, has_function_privilege('authenticated', oid, 'execute') as "isOpen"
      from pg_proc where proname = 'handle_new_user'`;
    expect(trigger).toEqual({ proconfig: ['search_path=""'], isOpen: false });
  });

  it("is made once, however many ask for it at once (community 3)", async () => {
    const user = await people.newUser("Ada");
    await sql`delete from public.profiles where id = ${user}`;
    const answers = await raceAll<Answer>(url, range(20).map(() => act(user, "ensure_profile()")));
    expect(answers.filter(({ success }) => success)).toHaveLength(20);
    expect(answers.filter(({ is_new }) => is_new)).toHaveLength(1);
    expect(await people.refusal(user, `insert into public.profiles (id) values ('${newId()}')`)).toBe(DENIED);
    expect(await people.refusal(user, `insert into public.profile_private (user_id) values ('${user}')`))
      .toBe(
        DENIED,
      );
  });

  it("is not made for an account that was deleted while its token is still valid", async () => {
    const user = await people.newUser();
    await sql`delete from public.profiles where id = ${user}`;
    await sql`delete from auth.users where id = ${user}`;
    expect(await people.call(user, "ensure_profile")).toMatchObject({ success: false, error: "not_found" });
  });

  it("has these columns that its owner changes, and no other (community 1, 2; platform 1, 2)", async () => {
    const rows = await sql`
      select relname as table, attname as column from pg_attribute
      join pg_class on pg_class.oid = attrelid
      where relname in ('profiles', 'profile_private', 'my_profile') and relnamespace = 'public'::regnamespace
        and attnum > 0 and not attisdropped and has_column_privilege('authenticated', attrelid, attnum, 'update')
      order by 1, 2`;
    expect(rows.map(({ table, column }) => `${table}.${column}`)).toEqual([
      "profile_private.auto_offline_after",
      "profile_private.onboarding_answers",
      "profile_private.onboarding_completed",
      "profiles.bio",
      "profiles.city",
      "profiles.full_name",
      "profiles.interests",
    ]);
    const [anon] = await sql`
      select bool_or(has_any_column_privilege('anon', 'public.' || name, 'insert, update')) as "mayWrite"
      from unnest(array['profiles', 'profile_private', 'my_profile']) as name`;
    expect(anon).toEqual({ mayWrite: false });
    const user = await people.newUser("Ada");
    for (
      const set of [
        "presence_status = 'online'",
        "avatar_url = 'x'",
        "id = gen_random_uuid()",
        "created_at = now()",
      ]
    ) {
      expect(await people.refusal(user, `update public.profiles set bio = 'x', ${set} where id = '${user}'`))
        .toBe(
          DENIED,
        );
    }
  });

  it("is not made anew by its owner: nothing of it is deleted or inserted by users (platform 3)", async () => {
    const user = await people.newUser("Ada");
    for (const table of ["profiles", "profile_private"]) {
      expect(await people.refusal(user, `delete from public.${table}`)).toBe(DENIED);
    }
  });

  it("is changed by its owner and by nobody else", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    await people.as(user, (transaction) =>
      transaction`
        update public.profiles
        set full_name = ' Ada  L. ', bio = E'one\n\n\n\ntwo \u200b ', city = E'Sceaux\t', interests = ${[
        " chess ",
        "chess",
        "",
        "tea",
      ]}
        where id = ${user}`);
    expect(await profileOf(user)).toMatchObject({
      full_name: "Ada L.",
      bio: "one\n\ntwo",
      city: "Sceaux",
      interests: ["chess", "tea"],
    });
    const changed = await people.as(
      other,
      (transaction) =>
        transaction`update public.profiles set full_name = 'Eve' where id = ${user} returning id`,
    );
    expect(changed).toHaveLength(0);
    expect(await people.refusal(null, "update public.profiles set bio = 'x'")).toBe(DENIED);
  });

  it.each([
    ["full_name", "'" + "x".repeat(81) + "'"],
    ["bio", "'" + "x".repeat(501) + "'"],
    ["city", "'" + "x".repeat(81) + "'"],
    ["interests", "array(select 'interest ' || number from generate_series(1, 21) as number)"],
    ["interests", `array['${"x".repeat(41)}']`],
  ])("has no %s of %s", async (column, value) => {
    const user = await people.newUser();
    expect(await people.refusal(user, `update public.profiles set ${column} = ${value} where id = '${user}'`))
      .toBe(
        "23514",
      );
  });

  it.each([
    ["Ad\u200da", "Ada"],
    ["Ad\u200c\u200da", "Ada"],
    ["Ad\ufe0fa", "Ada"],
    ["Ad\u{e0100}a\u{e01f0}", "Ada"],
    ["\u200dAda\u200d", "Ada"],
    ["Ад\u200dа", "Ада"],
    ["👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣", "👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣"],
    ["❤\ufe0f\ufe0f", "❤️"],
    ["می‌خواهم", "می‌خواهم"],
    ["क्‍ष", "क्‍ष"],
    ["葛\u{e0100}城", "葛\u{e0100}城"],
  ])("shows %j as %j: one name passes for no other", async (written, shown) => {
    const [row] =
      await sql`select private.tidy_line(${written}) as line, private.tidy_text(${written}) as text`;
    expect(row).toEqual({ line: shown, text: shown });
  });

  it("is refused if it is far too long, and nothing but its beginning is looked at", async () => {
    const user = await people.newUser();
    for (const set of ["bio = repeat('x ', 3000000)", "interests = array_fill(' x '::text, array[500000])"]) {
      expect(await people.refusal(user, `update public.profiles set ${set} where id = '${user}'`)).toBe(
        "23514",
      );
    }
    const [row] = await sql`select char_length(private.tidy_text(repeat('x', 3000000))) as length`;
    expect(row!.length).toBe(20_001);
  });

  it("keeps no answers of more than 16 KiB", async () => {
    const user = await people.newUser();
    const set = (length: number) =>
      people.refusal(
        user,
        `update public.profile_private set onboarding_answers = jsonb_build_object('a', repeat('x', ${length}))`,
      );
    expect(await set(16_000)).toBeNull();
    expect(await set(17_000)).toBe("23514");
  });

  it("is changed 60 times an hour by its owner, whose limit is no other's", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    const change = (id: string) =>
      people.refusal(id, `update public.profiles set bio = 'x' where id = '${id}'`);
    for (const _ of range(60)) expect(await change(user)).toBeNull();
    expect(await change(user)).toBe("PT429");
    expect(await change(other)).toBeNull();
  });

  it("tells nobody an e-mail address, nor what only its owner may know (community 12; platform 8)", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    await sql`
      update public.profile_private
      set onboarding_answers = '{"secret": "planted"}', conversion_triggers = '{"secret": "planted"}' where user_id = ${user}`;
    const relations = await sql<{ name: string }[]>`
      select relname as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')`;
    let readable = 0;
    for (const reader of [null, other]) {
      for (const { name } of relations) {
        const text = await people.as(
          reader,
          (transaction) =>
            transaction.unsafe(
              `select coalesce(string_agg(to_jsonb(one)::text, ''), '') as text from public.${name} as one`,
            ),
        )
          .then(([row]) => String(row!.text), (error) => {
            expect(error.code).toBe(DENIED);
            return undefined;
          });
        if (text === undefined) continue;
        readable++;
        expect({ reader, name, text }).not.toMatchObject({
          text: expect.stringMatching(/planted|@example\.com/),
        });
      }
    }
    expect(readable).toBeGreaterThan(2);
    const own = await people.as(user, (transaction) => transaction`select * from public.my_profile`);
    expect(own).toMatchObject([{ id: user, onboarding_answers: { secret: "planted" } }]);
    expect(await people.as(other, (transaction) => transaction`select id from public.my_profile`)).toEqual([{
      id: other,
    }]);
  });

  it("goes with its user, and with forget_user, which may be repeated", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    await people.call(other, "block_user", { p_user_id: user });
    await people.call(user, "block_user", { p_user_id: other });
    await people.call(user, "rpc_update_activity");
    const [row] = await sql`select public.export_user_data(${user}) as it`;
    expect(row!.it).toMatchObject({
      user_profiles: { profile: { id: user }, private: { user_id: user }, blocks: [{ user_id: other }] },
      user_presence: { last_activity: expect.any(String) },
    });
    for (const _ of range(2)) await sql`select public.forget_user(${user})`;
    const left = await sql`
      select 1 from public.profiles where id = ${user} union all select 2 from public.profile_private where user_id = ${user}
      union all select 3 from private.user_blocks where ${user} in (blocker_id, blocked_id)
      union all select 4 from private.presence where user_id = ${user}`;
    expect(left).toHaveLength(0);
    await sql`delete from auth.users where id = ${other}`;
    expect(await profileOf(other)).toBeUndefined();
  });
});

describe("what protects the community", () => {
  it("is row level security on every table, with policies of one question and no null branch (community 8; platform 9)", async () => {
    const open = await sql`
      select relname from pg_class
      where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relkind in ('r', 'p') and not relrowsecurity
        and not relispartition`;
    expect([...open]).toEqual([]);
    const policies = await sql<{ tablename: string; text: string }[]>`
      select tablename, coalesce(qual, '') || ' ' || coalesce(with_check, '') as text from pg_policies
      where schemaname in ('public', 'private')`;
    expect(policies.length).toBeGreaterThan(10);
    expect(policies.filter(({ text }) => / is null\) or /i.test(text))).toEqual([]);
  });

  it("asks who the caller is once a statement, not once a row (platform 14)", async () => {
    const policies = await sql<{ text: string }[]>`
      select coalesce(qual, '') || ' ' || coalesce(with_check, '') as text from pg_policies where schemaname = 'public'`;
    const asking = policies.filter(({ text }) => text.includes("auth.uid()"));
    expect(asking.length).toBeGreaterThan(2);
    for (const { text } of asking) {
      expect(text.replaceAll("( SELECT auth.uid() AS uid)", "")).not.toContain("auth.uid()");
    }
  });

  it("is that every view runs with its reader's rights (community 11; platform 11)", async () => {
    const views = await sql`
      select relname as name, coalesce(reloptions, '{}') as options from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'v'`;
    expect(views.map(({ name }) => name)).toContain("my_profile");
    for (const { name, options } of views) {
      expect({ name, options }).toMatchObject({ options: ["security_invoker=true"] });
    }
  });
});

describe("a block", () => {
  const ids = async (user: string) => {
    const [row] = await people.as(user, (transaction) => transaction`select 1`).then(() =>
      sql.begin(async (transaction) => {
        await transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: user })}, true)`;
        return await transaction`select private.my_blocked_ids() as it`;
      })
    );
    return row!.it as string[];
  };

  it("keeps two apart, and is told to who made it alone", async () => {
    const [user, other, third] = await people.newUsers(3) as [string, string, string];
    for (const _ of range(2)) {
      expect(await people.call(user, "block_user", { p_user_id: other })).toMatchObject(DONE);
    }
    expect([await ids(user), await ids(other), await ids(third)]).toEqual([[other], [user], []]);
    const listed = (id: string) =>
      people.as(id, (transaction) => transaction`select * from public.my_blocks()`);
    expect(await listed(user)).toMatchObject([{ user_id: other }]);
    expect(await listed(other)).toHaveLength(0);
    expect(await people.refusal(other, "select * from private.user_blocks")).toBe(DENIED);
    expect(await people.call(other, "unblock_user", { p_user_id: user })).toMatchObject(DONE);
    expect(await ids(other)).toEqual([user]);
    expect(await people.call(user, "unblock_user", { p_user_id: other })).toMatchObject(DONE);
    expect(await ids(other)).toEqual([]);
  });

  it("is of somebody else, who is there", async () => {
    const user = await people.newUser();
    for (const id of [user, null]) {
      expect(await people.call(user, "block_user", { p_user_id: id })).toMatchObject({
        error: "invalid_request",
      });
    }
    expect(await people.call(user, "block_user", { p_user_id: newId() })).toMatchObject({
      error: "not_found",
    });
    expect(await people.refusal(null, `select public.block_user('${user}')`)).toBe(DENIED);
  });

  it("is one of 1,000, also when many are made at once", async () => {
    const [user, ...others] = await people.newUsers(21) as [string, ...string[]];
    await sql`
      insert into auth.users (id) select gen_random_uuid() from generate_series(1, 990)`;
    await sql`
      insert into private.user_blocks (blocker_id, blocked_id)
      select ${user}, id from public.profiles where id <> all(${[
      user,
      ...others,
    ]}::uuid[]) order by id desc limit 990`;
    const answers = await raceAll<Answer>(url, others.map((other) => act(user, `block_user('${other}')`)));
    expect(answers.filter(({ error }) => error === null)).toHaveLength(10);
    expect(answers.filter(({ error }) => error === "limit_reached")).toHaveLength(10);
    const known = others[answers.findIndex(({ error }) => error === null)]!;
    expect(await people.call(user, "block_user", { p_user_id: known })).toMatchObject(DONE);
  });

  it("of two by each other at once is two blocks, without a deadlock", async () => {
    for (const _ of range(5)) {
      const [one, two] = await people.newUsers(2) as [string, string];
      const answers = await raceAll<Answer>(url, [
        ...range(4).map(() => act(one, `block_user('${two}')`)),
        ...range(4).map(() => act(two, `block_user('${one}')`)),
      ]);
      for (const answer of answers) expect(answer).toMatchObject(DONE);
      expect([await ids(one), await ids(two)]).toEqual([[two], [one]]);
    }
  });
});

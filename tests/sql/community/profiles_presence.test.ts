import { describe, expect, it } from "vitest";

import { createDatabase, newId, race, raceAll, range, until } from "../support.ts";
import { type Answer, People } from "./people.ts";

const { sql, url } = await createDatabase();
const people = new People(sql);
const act = await people.actAtOnce();

const DONE = { success: true, error: null };

/** What a user's profile shows to everybody. */
async function shown(user: string): Promise<string> {
  const [row] = await sql`select presence_status, status from public.profiles where id = ${user}`;
  expect(row!.status).toBe(row!.presence_status);
  return row!.status;
}

/** What is true now, as another user is told. */
async function statusOf(user: string, reader?: string): Promise<string> {
  const [row] = await people.as(
    reader ?? await people.newUser(),
    (transaction) => transaction`select status from public.get_presence(${[user]})`,
  );
  return row!.status;
}

/** Lets time pass since a user's last activity. */
async function wait(user: string, seconds: number): Promise<void> {
  await sql`
    update private.presence set last_seen_at = last_seen_at - make_interval(secs => ${seconds}) where user_id = ${user}`;
}

const beat = (user: string, salon?: string) =>
  people.call(user, "rpc_update_activity", salon === undefined ? {} : { p_current_salon_id: salon });
const choose = (user: string, status: string | null, until: Date | null = null) =>
  people.call(user, "rpc_set_manual_status", { p_status: status, p_until: until });
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000);

describe("a status", () => {
  it.each(
    [
      // seconds since the last activity, chosen, seconds until the choice ends, offline after
      [0, null, null, 300, "online"],
      [149, null, null, 300, "online"],
      [150, null, null, 300, "away"],
      [299, null, null, 300, "away"],
      [300, null, null, 300, "offline"],
      [119, null, null, 120, "online"],
      [120, null, null, 120, "offline"],
      [3_000, null, null, 7_200, "online"],
      [10, "busy", null, 300, "busy"],
      [200, "busy", null, 300, "busy"],
      [300, "busy", null, 300, "offline"],
      [10, "offline", null, 300, "offline"],
      [10, "away", 60, 300, "away"],
      [10, "away", -1, 300, "online"],
      [10, "away", 0, 300, "online"],
      [null, "online", null, 300, "offline"],
    ] as const,
  )(
    "%s s after the last activity, chosen: %s for %s s, offline after %s s, is %s",
    async (seen, chosen, until, after, status) => {
      const [row] = await sql`
      select private.presence_at(
        row(${newId()}, false, '{}', '{}', ${after}::integer, ${chosen}::text, ${
        at(until)
      }::timestamptz)::public.profile_private,
        ${at(seen === null ? null : -seen)}::timestamptz, false, '2026-01-01T00:00:00Z') as it`;
      expect(row!.it).toBe(status);

      function at(seconds: number | null): string | null {
        return seconds === null ? null : new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString();
      }
    },
  );

  it("follows the activity, for readers without any job, and in the profile once the job has run (platform 21)", async () => {
    const user = await people.newUser();
    expect(await statusOf(user)).toBe("offline");
    expect(await beat(user)).toMatchObject({ ...DONE, status: "online" });
    expect([await statusOf(user), await shown(user)]).toEqual(["online", "online"]);
    await wait(user, 200);
    expect([await statusOf(user), await shown(user)]).toEqual(["away", "online"]);
    await sql`select public.check_inactive_users()`;
    expect(await shown(user)).toBe("away");
    await wait(user, 200);
    expect([await statusOf(user), await shown(user)]).toEqual(["offline", "away"]);
    await sql`select public.check_inactive_users()`;
    expect(await shown(user)).toBe("offline");
    expect(await beat(user)).toMatchObject({ status: "online" });
    expect(await shown(user)).toBe("online");
  });

  it("is the same for who was blocked, as in the profile: a difference would tell of the block", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    await beat(user);
    await people.call(user, "block_user", { p_user_id: other });
    expect([await statusOf(user, other), await statusOf(user), await shown(user)]).toEqual([
      "online",
      "online",
      "online",
    ]);
  });

  it("is told of 500 users at once, and of those alone who have a profile", async () => {
    const [reader, known] = await people.newUsers(2) as [string, string];
    const asked = [...range(499).map(() => newId()), known, reader];
    const rows = await people.as(
      reader,
      (transaction) => transaction`select * from public.get_presence(${asked})`,
    );
    expect([...rows]).toEqual([{ user_id: known, status: "offline" }]);
    // REST takes an array with bounds for one, of which a slice up to 500 would have more.
    const many = range(1000).map(() => newId());
    const bounded = `[-999:0]={${[...many.slice(1), known].join(",")}}`;
    const found = await people.as(
      reader,
      (transaction) => transaction`select * from public.get_presence(${bounded}::text::uuid[])`,
    );
    expect([...found]).toEqual([]);
    expect(await people.refusal(null, "select * from public.get_presence('{}')")).toBe("42501");
  });
});

describe("a heartbeat", () => {
  const versionsOf = async (user: string) => {
    const [row] = await sql`
      select presence.xmin::text as presence, profiles.xmin::text as profile, profiles.updated_at
      from private.presence join public.profiles on id = user_id where user_id = ${user}`;
    return row!;
  };

  it("writes a narrow row once a minute, and no profile unless the status changes (community 20; platform 21)", async () => {
    const user = await people.newUser();
    await beat(user);
    const first = await versionsOf(user);
    for (const _ of range(5)) await beat(user);
    expect(await versionsOf(user)).toEqual(first);
    await wait(user, 60);
    await beat(user);
    const later = await versionsOf(user);
    expect(later.presence).not.toBe(first.presence);
    expect({ ...later, presence: null }).toEqual({ ...first, presence: null });
    const [table] =
      await sql`select relpersistence as kind, relreplident as identity from pg_class where oid = 'private.presence'::regclass`;
    expect(table!.kind).toBe("u");
    expect(await sql`select from pg_publication_tables where tablename = 'presence'`).toHaveLength(0);
  });

  it("notes the salon that is open, for its owner alone, at most every 5 seconds", async () => {
    const user = await people.newUser();
    const mine = () =>
      people.as(user, async (transaction) => (await transaction`select * from public.my_profile`)[0]!);
    const [one, two] = [newId(), newId()];
    await beat(user, one);
    await beat(user, two);
    expect((await mine()).current_salon_id).toBe(one);
    await wait(user, 6);
    await beat(user);
    expect((await mine()).current_salon_id).toBe(one);
    await beat(user, two);
    expect(await mine()).toMatchObject({
      current_salon_id: two,
      status: "online",
      last_activity: expect.any(Date),
    });
    const columns =
      await sql`select attname from pg_attribute where attrelid = 'public.profiles'::regclass and attnum > 0`;
    for (
      const name of ["last_activity", "current_salon_id", "status_updated_at", "email", "stripe_customer_id"]
    ) {
      expect(columns.map(({ attname }) => attname)).not.toContain(name);
    }
  });

  it("by the names of earlier clients is the same, for the caller and for nobody else", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    expect(await people.call(user, "update_user_activity", { p_user_id: user })).toMatchObject({
      status: "online",
    });
    for (const name of ["update_user_activity", "handle_user_signin", "handle_user_signout"]) {
      expect(await people.call(user, name, { p_user_id: other })).toMatchObject({
        success: false,
        error: "forbidden",
      });
    }
    expect(await shown(other)).toBe("offline");
  });

  it("of a user who has no profile says what to do", async () => {
    const user = await people.newUser();
    await sql`delete from public.profiles where id = ${user}`;
    expect(await beat(user)).toMatchObject({ success: false, error: "not_found" });
    expect(await choose(user, "busy")).toMatchObject({ success: false, error: "not_found" });
    await people.call(user, "ensure_profile");
    expect(await beat(user)).toMatchObject(DONE);
  });
});

describe("a user who signs out", () => {
  it("is offline at once, and back as it was when it signs in", async () => {
    const user = await people.newUser();
    await choose(user, "busy");
    expect(await people.call(user, "handle_user_signout")).toMatchObject({ ...DONE, status: "offline" });
    expect([await statusOf(user), await shown(user)]).toEqual(["offline", "offline"]);
    expect(await people.call(user, "handle_user_signin")).toMatchObject({ ...DONE, status: "busy" });
    expect([await statusOf(user), await shown(user)]).toEqual(["busy", "busy"]);
    await people.call(user, "handle_user_signout");
    expect(await beat(user)).toMatchObject({ status: "busy" }); // Another of its devices.
  });
});

describe("a status that a user chooses", () => {
  it("stands until its end, whatever the activity, and for the owner says that it was chosen", async () => {
    const user = await people.newUser();
    expect(await choose(user, "busy", inSeconds(60))).toMatchObject({ ...DONE, status: "busy" });
    await beat(user);
    expect([await statusOf(user), await shown(user)]).toEqual(["busy", "busy"]);
    const mine = () =>
      people.as(user, async (transaction) => (await transaction`select * from public.my_profile`)[0]!);
    expect(await mine()).toMatchObject({ is_manual_status: true, manual_status: "busy" });
    await sql`update public.profile_private set manual_until = now() - interval '1 second' where user_id = ${user}`;
    expect(await statusOf(user)).toBe("online");
    expect(await mine()).toMatchObject({ is_manual_status: false, presence_status: "online" });
    await sql`select public.check_inactive_users()`;
    expect(await shown(user)).toBe("online");
  });

  it("is taken back with null, and replaced by the next one", async () => {
    const user = await people.newUser();
    await choose(user, "offline");
    expect(await shown(user)).toBe("offline");
    expect(await choose(user, "away")).toMatchObject({ status: "away", until: null });
    expect(await choose(user, null)).toMatchObject({ ...DONE, status: "online" });
  });

  it("keeps nobody there for ever who is gone", async () => {
    const user = await people.newUser();
    await choose(user, "online");
    await wait(user, 301);
    expect(await statusOf(user)).toBe("offline");
  });

  it.each(
    [
      ["there", null],
      ["busy", inSeconds(-1)],
      ["busy", inSeconds(367 * 86_400)],
      [null, inSeconds(60)],
    ] as const,
  )("is not %s until %s", async (status, end) => {
    const user = await people.newUser();
    expect(await choose(user, status, end)).toMatchObject({ success: false, error: "invalid_request" });
  });

  it("changes 60 times an hour, and another's does meanwhile", async () => {
    const [user, other] = await people.newUsers(2) as [string, string];
    for (const index of range(60)) {
      expect(await choose(user, index % 2 ? "busy" : "away")).toMatchObject(DONE);
    }
    expect(await choose(user, "online")).toMatchObject({
      error: "rate_limited",
      retry_after_s: expect.any(Number),
    });
    expect(await people.call(user, "handle_user_signout")).toMatchObject({ error: "rate_limited" });
    expect(await choose(other, "busy")).toMatchObject(DONE);
    expect(await beat(user)).toMatchObject(DONE);
  });
});

describe("check_inactive_users", () => {
  it("is for servers; whoever asks by the name of earlier clients makes nobody look at all users", async () => {
    const [user, gone] = await people.newUsers(2) as [string, string];
    expect(await people.refusal(user, "select public.check_inactive_users()")).toBe("42501");
    await beat(gone);
    await wait(gone, 400);
    expect(await people.call(user, "rpc_check_inactive_users")).toMatchObject({ ...DONE, updated: 0 });
    expect([await statusOf(gone), await shown(gone)]).toEqual(["offline", "online"]);
    await sql`select public.check_inactive_users()`;
    expect(await shown(gone)).toBe("offline");
  });

  it("takes as many as it is told, and says how many", async () => {
    const { sql } = await createDatabase();
    const people = new People(sql);
    const users = await people.newUsers(5);
    for (const user of users) await people.call(user, "rpc_update_activity");
    await sql`update private.presence set last_seen_at = now() - interval '1 hour'`;
    const count = async (limit: number) =>
      (await sql`select public.check_inactive_users(${limit}) as it`)[0]!.it;
    expect([await count(3), await count(3), await count(3)]).toEqual([3, 2, 0]);
    expect(await sql`select from public.profiles where presence_status <> 'offline'`).toHaveLength(0);
  });

  it("leaves who comes back while it runs", async () => {
    const user = await people.newUser();
    await beat(user);
    await wait(user, 400);
    const [one, two] = await Promise.all([sql.reserve(), sql.reserve()]);
    try {
      // A heartbeat of the kind that does not lock the profile, not committed when the job reads.
      await one`begin`;
      await one`update private.presence set last_seen_at = clock_timestamp() where user_id = ${user}`;
      const [{ pid }] = await two<[{ pid: number }]>`select pg_backend_pid() as pid`;
      const job = two`select public.check_inactive_users() as it`.execute();
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      await one`commit`;
      await job;
    } finally {
      await one`rollback`;
      one.release();
      two.release();
    }
    expect([await statusOf(user), await shown(user)]).toEqual(["online", "online"]);
  });

  it.each([
    ["signs out", "select private.enter_presence($1, null, true, clock_timestamp())"],
    ["blocks", "select from public.profiles where id = $1 for key share"],
    ["changes its profile", "update public.profiles set city = 'Nancy' where id = $1"],
  ])("and Auth, which deletes an account that %s meanwhile, lock in one order", async (_, statement) => {
    const user = await people.newUser();
    await people.call(user, "handle_user_signin"); // Makes the row of the limit.
    const [one, two] = await Promise.all([sql.reserve(), sql.reserve()]);
    try {
      const [{ pid }] = await two<[{ pid: number }]>`select pg_backend_pid() as pid`;
      await one`begin`;
      await one`select private.community_limit(${user}, 'presence', 60, 3600)`;
      const deleted = two`delete from auth.users where id = ${user}`.then(() => "deleted", String);
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      await one.unsafe(statement, [user]);
      await one`commit`;
      expect(await deleted).toBe("deleted");
    } finally {
      await one`rollback`;
      one.release();
      two.release();
    }
    expect(await sql`select from public.profiles where id = ${user}`).toHaveLength(0);
  });

  it("and heartbeats, choices and the end of accounts at once leave no deadlock and nothing wrong", async () => {
    await sql.unsafe(`
      create function tests.delete_account(p_user_id uuid) returns jsonb language sql as $$
        delete from auth.users where id = p_user_id returning '{}'::jsonb
      $$`);
    for (const _ of range(10)) {
      const users = await people.newUsers(4);
      for (const user of users) {
        await beat(user);
        await wait(user, 400);
      }
      const server = (name: string) => ({ name, args: {} });
      const results = await race<Answer>(url, [
        ...users.map((user) => act(user, "rpc_update_activity()")),
        ...users.map((user) => act(user, "rpc_set_manual_status('busy')")),
        server("check_inactive_users"),
        server("check_inactive_users"),
        ...users.map((user) => act(user, "handle_user_signout()")),
        { name: "forget_user", args: { p_user_id: users[0] } },
        { name: "tests.delete_account", args: { p_user_id: users[1] } },
      ]);
      expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
      for (const user of users.slice(2)) expect(await shown(user)).toBe(await statusOf(user));
    }
    await sql`select pg_stat_force_next_flush()`;
    const [row] =
      await sql`select deadlocks::integer as count from pg_stat_database where datname = current_database()`;
    expect(row!.count).toBe(0);
  });
});

describe("after a crash, which empties the table of presence", () => {
  it("everybody is offline for readers, and in profiles once the job has run; who comes back is there", async () => {
    const { sql } = await createDatabase();
    const people = new People(sql);
    const [gone, back] = await people.newUsers(2) as [string, string];
    for (const user of [gone, back]) await people.call(user, "rpc_update_activity");
    await sql`truncate private.presence`;
    const [row] = await people.as(
      back,
      (transaction) => transaction`select status from public.get_presence(${[gone]})`,
    );
    expect(row!.status).toBe("offline");
    expect(await people.call(back, "rpc_update_activity")).toMatchObject({ status: "online" });
    expect((await sql`select private.settle_presence() as it`)[0]!.it).toBe(1);
    const rows = await sql`select id, presence_status as status from public.profiles`;
    expect(new Map(rows.map(({ id, status }) => [id, status]))).toEqual(
      new Map([[gone, "offline"], [back, "online"]]),
    );
  });

  it("a heartbeat that comes while the job waits is not undone", async () => {
    const user = await people.newUser();
    await beat(user);
    await sql`delete from private.presence where user_id = ${user}`;
    const answers = await raceAll<unknown>(url, [
      ...range(4).map(() => ({ name: "private.settle_presence", args: {} })),
      act(user, "rpc_update_activity()"),
    ]);
    expect(answers.at(-1)).toMatchObject({ status: "online" });
    await sql`select private.settle_presence()`;
    expect(await shown(user)).toBe("online");
  });
});

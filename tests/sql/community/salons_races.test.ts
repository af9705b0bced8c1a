import { afterEach, describe, expect, it } from "vitest";

import { type Arguments, type Call, newId, raceAll, range, run, until } from "../support.ts";
import { by, createCommunity, type SalonOutcome } from "./salons_support.ts";

const community = await createCommunity();
const { url, sql } = community;

afterEach(async () => {
  expect(await community.problems()).toEqual([]);
  expect(await community.deadlocks()).toBe(0);
});

/** Rounds of a race whose order the machine decides, so that each order comes up. */
const ROUNDS = range(5);

function count(outcomes: SalonOutcome[], error: string | null): number {
  return outcomes.filter((one) => one.error === error).length;
}

/** Runs a call that began while another one had not been committed, and was answered afterwards. */
async function overlapping(first: Call, second: Call): Promise<SalonOutcome[]> {
  const [one, two] = await Promise.all([sql.reserve(), sql.reserve()]);
  try {
    const [{ pid }] = await two<[{ pid: number }]>`select pg_backend_pid() as pid`;
    await one`begin`;
    const before = await run<SalonOutcome>(one, first);
    const outcome = run<SalonOutcome>(two, second);
    let isOver = false;
    outcome.finally(() => isOver = true).catch(() => {});
    await until(async () =>
      isOver || (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
    );
    await one`commit`;
    return [before, await outcome];
  } finally {
    await one`rollback`; // Where it failed: the others are not to wait for it.
    one.release();
    two.release();
  }
}

describe("joining at once", () => {
  it("50 with an invitation for 10 are 10 (community 24) (platform 25)", async () => {
    const salon = await community.open({ p_visibility: "private" });
    const code = await salon.invite({ p_max_uses: 10 });
    const users = await community.users(50);
    const outcomes = await raceAll<SalonOutcome>(
      url,
      users.map((user) => by(user, "join_salon_via_code", { p_code: code })),
    );
    expect([count(outcomes, null), count(outcomes, "not_found")]).toEqual([10, 40]);
    expect((await salon.row()).member_count).toBe(11);
    expect(Object.keys(await salon.roles())).toHaveLength(11);
  });

  it("10 times by one takes one use of an invitation", async () => {
    for (const _ of ROUNDS) {
      const salon = await community.open();
      const code = await salon.invite({ p_max_uses: 5 });
      const user = await community.user();
      const outcomes = await raceAll<SalonOutcome>(
        url,
        range(10).map(() => by(user, "join_salon_via_code", { p_code: code })),
      );
      expect(count(outcomes, null)).toBe(10);
      expect(outcomes.filter(({ is_new }) => is_new)).toHaveLength(1);
      const [row] = await sql`select uses from private.salon_invitations where salon_id = ${salon.id}`;
      expect(row!.uses).toBe(1);
    }
  });

  it("lets no more into a salon than it may have", async () => {
    await sql`update private.salon_settings set members_per_salon = 4`;
    const salon = await community.open();
    const users = await community.users(10);
    const outcomes = await raceAll<SalonOutcome>(
      url,
      users.map((user) => by(user, "join_salon", { p_salon_id: salon.id })),
    );
    await sql`update private.salon_settings set members_per_salon = 10000`;
    expect([count(outcomes, null), count(outcomes, "salon_limit_reached")]).toEqual([3, 7]);
  });

  it("lets a user into no more salons than it may be in, joined and made", async () => {
    for (const _ of ROUNDS) {
      const salons = await Promise.all(range(4).map(() => community.open()));
      const user = await community.user();
      await community.open({ owner: user });
      await sql`update private.salon_settings set memberships_per_user = 2`;
      const outcomes = await raceAll<SalonOutcome>(
        url,
        salons.flatMap(({ id }) => [
          by(user, "join_salon", { p_salon_id: id }),
          by(user, "create_salon_with_code", { p_name: "x" }),
        ]),
      );
      await sql`update private.salon_settings set memberships_per_user = 500`;
      expect([count(outcomes, null), count(outcomes, "salon_limit_reached")]).toEqual([1, 7]);
    }
  });

  it("makes no more salons than a user may make, and one of a request", async () => {
    await sql`update private.salon_settings set salons_per_user = 3`;
    const [user, retrying] = await community.users(2) as [string, string];
    const outcomes = await raceAll<SalonOutcome>(
      url,
      range(8).map(() => by(user, "create_salon_with_code", { p_name: "x" })),
    );
    await sql`update private.salon_settings set salons_per_user = 20`;
    expect([count(outcomes, null), count(outcomes, "salon_limit_reached")]).toEqual([3, 5]);
    const retries = await raceAll<SalonOutcome>(
      url,
      range(8).map(() => by(retrying, "create_salon_with_code", { p_name: "x", p_request_id: "one" })),
    );
    expect(new Set(retries.map(({ salon_id }) => salon_id)).size).toBe(1);
    expect(await sql`select from public.salons where owner_id = ${retrying}`).toHaveLength(1);
  });

  it("and leaving at once leaves the count right (community 21) (platform 23)", async () => {
    for (const _ of ROUNDS) {
      const salon = await community.open();
      const [members, users] = [
        await Promise.all(range(5).map(() => salon.join())),
        await community.users(5),
      ];
      const outcomes = await raceAll<SalonOutcome>(url, [
        ...members.slice(0, 2).map((user) => salon.call(user, "leave_salon")),
        ...users.map((user) => by(user, "join_salon", { p_salon_id: salon.id })),
        salon.call(salon.owner, "kick_salon_member", { p_member_id: members[2] }),
        salon.call(salon.owner, "ban_from_salon", { p_member_id: members[3] }),
      ]);
      expect(count(outcomes, null)).toBe(9);
      expect((await salon.row()).member_count).toBe(7);
    }
  });
});

describe("a ban and a join at once", () => {
  it("leave the banned one outside, whichever comes first", async () => {
    for (const _ of ROUNDS) {
      const salon = await community.open();
      const user = await community.user();
      const [ban, join] = await raceAll<SalonOutcome>(url, [
        salon.call(salon.owner, "ban_from_salon", { p_member_id: user }),
        by(user, "join_salon_via_code", { p_code: salon.code }),
      ]);
      expect(ban!.error).toBeNull();
      expect([null, "banned"]).toContain(join!.error);
      expect(Object.keys(await salon.roles())).toEqual([salon.owner]);
    }
  });

  it("refuse who waited for the ban, and take out who came before it", async () => {
    const salon = await community.open();
    const [late, early] = await community.users(2) as [string, string];
    const ban = (user: string) => salon.call(salon.owner, "ban_from_salon", { p_member_id: user });
    const join = (user: string) => by(user, "join_salon", { p_salon_id: salon.id });
    const first = await overlapping(ban(late), join(late));
    expect(first.map(({ error }) => error)).toEqual([null, "banned"]);
    const second = await overlapping(join(early), ban(early));
    expect(second.map(({ error }) => error)).toEqual([null, null]);
    expect(Object.keys(await salon.roles())).toEqual([salon.owner]);
  });
});

describe("ownership", () => {
  it("is handed over once by two transfers at once", async () => {
    for (const _ of ROUNDS) {
      const salon = await community.open();
      const [one, two] = [await salon.join(), await salon.join()];
      const outcomes = await raceAll<SalonOutcome>(
        url,
        [one, two].map((user) => salon.call(salon.owner, "transfer_salon", { p_member_id: user })),
      );
      expect([count(outcomes, null), count(outcomes, "forbidden")]).toEqual([1, 1]);
      const heir = [one, two][outcomes.findIndex(({ success }) => success)]!;
      expect((await salon.row()).owner_id).toBe(heir);
      expect(Object.values(await salon.roles()).filter((role) => role === "owner")).toHaveLength(1);
    }
  });

  it("stays with somebody when the owner leaves while it hands over", async () => {
    const seen = new Set<string>();
    for (const _ of range(10)) {
      const salon = await community.open();
      const heir = await salon.join();
      const [transfer, leave] = await raceAll<SalonOutcome>(url, [
        salon.call(salon.owner, "transfer_salon", { p_member_id: heir }),
        salon.call(salon.owner, "leave_salon"),
      ]);
      expect(transfer!.error).toBeNull();
      seen.add(leave!.error ?? "left");
      expect(await salon.roles()).toEqual(
        leave!.success ? { [heir]: "owner" } : { [heir]: "owner", [salon.owner]: "moderator" },
      );
    }
    for (const outcome of seen) expect(["left", "owner_stays"]).toContain(outcome);
  });

  it("is left by who waited for the transfer to be done", async () => {
    const salon = await community.open();
    const heir = await salon.join();
    const outcomes = await overlapping(
      salon.call(salon.owner, "transfer_salon", { p_member_id: heir }),
      salon.call(salon.owner, "leave_salon"),
    );
    expect(outcomes.map(({ error }) => error)).toEqual([null, null]);
    expect(await salon.roles()).toEqual({ [heir]: "owner" });
  });

  it("is not handed to who leaves, is kicked or is banned meanwhile", async () => {
    for (const round of range(9)) {
      const salon = await community.open();
      const [heir, moderator] = [await salon.join(), await salon.join("moderator")];
      const going = [
        salon.call(heir, "leave_salon"),
        salon.call(moderator, "kick_salon_member", { p_member_id: heir }),
        salon.call(moderator, "ban_from_salon", { p_member_id: heir }),
      ][round % 3]!;
      const [transfer, gone] = await raceAll<SalonOutcome>(url, [
        salon.call(salon.owner, "transfer_salon", { p_member_id: heir }),
        going,
      ]);
      // Either the heir was gone, or it is the owner, who stays and whom no moderator removes.
      expect([transfer!.error, gone!.error]).toEqual(
        transfer!.success ? [null, round % 3 === 0 ? "owner_stays" : "forbidden"] : ["not_found", null],
      );
    }
  });

  it("is not used by who lost it while waiting", async () => {
    for (const name of ["delete_salon", "archive_salon"]) {
      const salon = await community.open();
      const heir = await salon.join();
      const outcomes = await overlapping(
        salon.call(salon.owner, "transfer_salon", { p_member_id: heir }),
        salon.call(salon.owner, name),
      );
      expect(outcomes.map(({ error }) => error)).toEqual([null, "forbidden"]);
      expect((await salon.row()).is_active).toBe(true);
    }
  });
});

describe("a moderator who is demoted", () => {
  it("decides nothing that waited for it, and leaves no invitation open", async () => {
    for (
      const [name, args] of [["kick_salon_member", {}], ["create_salon_invitation", null], ["set_slow_mode", {
        p_seconds: 9,
      }]] as const
    ) {
      const salon = await community.open();
      const [moderator, member] = [await salon.join("moderator"), await salon.join()];
      const outcomes = await overlapping(
        salon.call(salon.owner, "set_salon_role", { p_member_id: moderator, p_role: "member" }),
        salon.call(
          moderator,
          name,
          name === "kick_salon_member" ? { p_member_id: member } : { ...args },
        ),
      );
      expect(outcomes.map(({ error }) => error)).toEqual([null, "forbidden"]);
    }
  });
});

describe("who may not", () => {
  it("locks no salon of others, whatever it asks for", async () => {
    const salon = await community.open({ p_visibility: "private" });
    const banned = await salon.join();
    await salon.do(salon.owner, "ban_from_salon", { p_member_id: banned });
    const [stranger, member] = [await community.user(), await salon.join()];
    const wanted: [string, string, Arguments][] = [
      [stranger, "leave_salon", {}],
      [stranger, "join_salon", {}],
      ...["create_salon_invitation", "renew_salon_code", "archive_salon", "delete_salon"].flatMap((name) =>
        [stranger, member].map((user): [string, string, Arguments] => [user, name, {}])
      ),
      [stranger, "revoke_salon_invitation", { p_invitation_id: newId() }],
      [stranger, "mute_salon_member", { p_member_id: member }],
      [stranger, "transfer_salon", { p_member_id: stranger }],
    ];
    const calls = wanted.map(([user, name, args]) => salon.call(user, name, args));
    calls.push(by(banned, "join_salon_via_code", { p_code: salon.code }));
    await sql.begin(async (holder) => {
      // Whoever wants the salon would wait for this, and be told no by the time limit.
      await holder`select from public.salons where id = ${salon.id} for update`;
      for (const call of calls) {
        await sql.begin(async (transaction) => {
          await transaction`set local lock_timeout = '2s'`;
          await run(transaction, call);
        });
      }
      await expect(sql.begin(async (transaction) => {
        await transaction`set local lock_timeout = '10ms'`;
        await run(transaction, salon.call(member, "leave_salon"));
      })).rejects.toMatchObject({ code: "55P03" });
    });
  });
});

describe("a salon that is deleted", () => {
  it("takes in none of 20 who join meanwhile", async () => {
    for (const _ of ROUNDS) {
      const salon = await community.open();
      const users = await community.users(20);
      const [gone, ...joins] = await raceAll<SalonOutcome>(url, [
        salon.call(salon.owner, "delete_salon"),
        ...users.map((user) => by(user, "join_salon_via_code", { p_code: salon.code })),
      ]);
      expect(gone!.error).toBeNull();
      expect(count(joins, null) + count(joins, "not_found")).toBe(20);
      expect(await salon.roles()).toEqual({});
    }
  });

  it("keeps nothing that 20 write meanwhile, and no number is missing", async () => {
    for (const _ of range(3)) {
      const salon = await community.open();
      const members = await Promise.all(range(20).map(() => salon.join()));
      const [gone, ...sends] = await raceAll<SalonOutcome>(url, [
        salon.call(salon.owner, "delete_salon"),
        ...members.map((user) =>
          salon.call(user, "send_message", { p_content: "hello", p_client_id: newId() })
        ),
      ]);
      expect(gone!.error).toBeNull();
      expect(count(sends, null) + count(sends, "not_found")).toBe(20);
      expect(await community.problems()).toEqual([]);
      while ((await sql`select private.purge_deleted_salons() as count`)[0]!.count > 0) continue;
      expect(await sql`select from public.chat_messages where salon_id = ${salon.id}`).toHaveLength(0);
    }
  });
});

describe("the rows of a salon that was deleted", () => {
  const purge = (limit: number) => sql`select private.purge_deleted_salons(${limit}) as count`;

  it("go in steps, and wait for nobody who has some of them", async () => {
    while ((await purge(1000))[0]!.count > 0) continue;
    const salon = await community.open();
    const ids: number[] = [];
    for (const index of range(6)) {
      const sent = await salon.do(salon.owner, "send_message", {
        p_content: `${index}`,
        p_client_id: newId(),
      });
      ids.push(sent.id as number);
      await community.do(salon.owner, "handle_message_reaction", { p_message_id: sent.id, p_emoji: "👍" });
    }
    await community.do(salon.owner, "pin_message", { p_message_id: ids[0] });
    await salon.do(salon.owner, "delete_salon");
    await sql.begin(async (transaction) => {
      // As whoever forgets a user: reactions first, pins after them.
      await transaction`delete from public.message_reactions where message_id = ${ids[0]!}`;
      await sql.begin(async (purging) => {
        await purging`set local lock_timeout = '2s'`;
        await purging`select private.purge_deleted_salons(1000)`;
      });
      await transaction`update public.message_pins set pinned_by = null where salon_id = ${salon.id}`;
    });
    expect(await sql`select from public.salons where id = ${salon.id}`).toHaveLength(1);
    const steps: number[] = [];
    do steps.push((await purge(4))[0]!.count); while (steps.at(-1)! > 0);
    expect(Math.max(...steps)).toBeLessThanOrEqual(5);
    for (const table of ["public.salons where id", "public.chat_messages where salon_id"]) {
      expect(await sql.unsafe(`select from ${table} = '${salon.id}'`)).toHaveLength(0);
    }
  });
});

describe("who changes several rows at once through REST", () => {
  it.each([
    ["salons", "update public.salons set description = 'x'", "public.salons where id"],
    [
      "memberships",
      "update public.salon_members set notifications_enabled = false",
      "public.salon_members where salon_id",
    ],
  ])("locks its %s in the order of all others", async (_, change, row) => {
    const user = await community.user();
    const ids = [newId(), newId()].sort();
    // The one that is locked first by all others lies behind.
    for (const id of ids.toReversed()) {
      await sql`insert into public.salons (id, name, owner_id) values (${id}, 'x', ${user})`;
      await sql`insert into public.salon_members (salon_id, user_id, role) values (${id}, ${user}, 'owner')`;
      await sql`select private.give_salon_code(${id})`;
    }
    const [one, two] = await Promise.all([sql.reserve(), sql.reserve()]);
    try {
      const [{ pid }] = await two<[{ pid: number }]>`select pg_backend_pid() as pid`;
      await one`begin`;
      await one.unsafe(`select from ${row} = '${ids[0]}' for update`);
      await two`begin`;
      await community.be(two, user);
      const changed = two.unsafe(change).then(({ count }) => count, String);
      await until(async () =>
        (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0
      );
      await one.unsafe(`select from ${row} = '${ids[1]}' for update`);
      await one`commit`;
      expect(await changed).toBe(2);
    } finally {
      await one`rollback`;
      await two`rollback`;
      one.release();
      two.release();
    }
  });
});

describe("an account that is deleted", () => {
  it("is in no salon that it joins meanwhile, and leaves one owner in each", async () => {
    await sql.unsafe(`
      create or replace function public.delete_account(p_user_id uuid) returns jsonb language plpgsql as $$
      begin
        delete from auth.users where id = p_user_id;
        return '{"error": null, "success": true}';
      end;
      $$`);
    for (const _ of ROUNDS) {
      const [user, heir] = await community.users(2) as [string, string];
      const own = await community.open({ owner: user });
      await community.do(heir, "join_salon", { p_salon_id: own.id });
      const others = await Promise.all(range(4).map(() => community.open()));
      const [deleted, ...joins] = await raceAll<SalonOutcome>(url, [
        { name: "delete_account", args: { p_user_id: user } },
        ...others.map(({ id }) => by(user, "join_salon", { p_salon_id: id })),
      ]);
      expect(deleted!.error).toBeNull();
      expect(count(joins, null) + count(joins, "unauthorized")).toBe(4);
      expect(await sql`select from public.salon_members where user_id = ${user}`).toHaveLength(0);
      expect(await own.roles()).toEqual({ [heir]: "owner" });
    }
  });

  it("two of one salon leave it to the third, without a deadlock", async () => {
    for (const _ of ROUNDS) {
      const [one, two] = await community.users(2) as [string, string];
      const salons = await Promise.all(
        range(4).map((index) => community.open({ owner: index % 2 ? one : two })),
      );
      for (const salon of salons) {
        for (const user of [one, two]) await community.do(user, "join_salon", { p_salon_id: salon.id });
      }
      const third = await community.user();
      for (const salon of salons) await community.do(third, "join_salon", { p_salon_id: salon.id });
      await raceAll(url, [one, two].map((user) => ({ name: "delete_account", args: { p_user_id: user } })));
      for (const salon of salons) expect(await salon.roles()).toEqual({ [third]: "owner" });
    }
  });
});

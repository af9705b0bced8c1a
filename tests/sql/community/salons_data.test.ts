import { describe, expect, it } from "vitest";

import { range, run } from "../support.ts";
import { createCommunity } from "./salons_support.ts";

const community = await createCommunity();
const { sql } = community;

describe("a user who is forgotten", () => {
  it("leaves its salons, and what it owned to the moderator who was there longest, else to the member", async () => {
    const owner = await community.user();
    const [first, second, alone] = [
      await community.open({ owner }),
      await community.open({ owner }),
      await community.open({ owner }),
    ];
    await first.join();
    const heir = await first.join("moderator");
    await first.join("moderator");
    const member = await second.join();
    await second.join();
    const visited = await community.open();
    await community.do(owner, "join_salon", { p_salon_id: visited.id });
    await sql`select public.forget_user(${owner})`;
    expect((await first.row()).owner_id).toBe(heir);
    expect((await second.row()).owner_id).toBe(member);
    expect((await alone.row()).deleted_at).not.toBeNull();
    expect(await sql`select from public.salon_members where user_id = ${owner}`).toHaveLength(0);
    expect((await visited.row()).member_count).toBe(1);
    expect(await community.problems()).toEqual([]);
    await sql`select public.forget_user(${owner})`; // May be repeated.
  });

  it("is in no table of salons any more, whatever it did and whatever was done to it", async () => {
    const salon = await community.open();
    const [user, member] = [await salon.join("moderator"), await salon.join()];
    const other = await community.open();
    await community.do(user, "join_salon", { p_salon_id: other.id });
    await salon.do(user, "create_salon_invitation");
    await salon.do(user, "add_salon_word", { p_word: "ham" });
    await salon.do(user, "ban_from_salon", { p_member_id: await community.user() });
    await salon.do(user, "mute_salon_member", { p_member_id: member });
    await other.do(other.owner, "kick_salon_member", { p_member_id: user, p_reason: "his name" });
    await other.do(other.owner, "ban_from_salon", { p_member_id: user });
    await community.open({ owner: user }).then((own) => own.do(user, "delete_salon"));
    await community.open({ owner: user });
    await community.do(user, "join_salon_via_code", { p_code: "00000000" });
    await sql`delete from auth.users where id = ${user}`;
    const tables = await sql`
      select format('%I.%I', relnamespace::regnamespace, relname) as name from pg_class
      where relkind in ('r', 'p') and relnamespace in ('public'::regnamespace, 'private'::regnamespace)
        and (relname like 'salon%' or relname = 'rate_limits')`;
    expect(tables.length).toBeGreaterThanOrEqual(10);
    for (const { name } of tables) {
      const rows = await sql.unsafe(`select to_jsonb(kept)::text as text from ${name} as kept`);
      expect(rows.filter(({ text }) => text.includes(user) || text.includes("his name")), name).toEqual([]);
    }
    expect(await community.problems()).toEqual([]);
  });

  it("gets all of it in an export", async () => {
    const salon = await community.open({ p_name: "Export" });
    const user = await salon.join("moderator");
    await salon.do(user, "create_salon_invitation", { p_max_uses: 3 });
    await salon.do(user, "set_slow_mode", { p_seconds: 5 });
    const other = await community.open();
    await other.do(other.owner, "ban_from_salon", { p_member_id: user, p_reason: "spam" });
    const { memberships } = await run<{ memberships: unknown }>(sql, {
      name: "export_user_data",
      args: { p_user_id: user },
    });
    expect(memberships).toMatchObject({
      salons: [{ salon_id: salon.id, name: "Export", role: "moderator" }],
      invitations: [{ salon_id: salon.id, max_uses: 3, uses: 0 }],
      bans: [{ salon_id: other.id, until: "infinity", reason: "spam" }],
      removals: [],
      decisions: [
        { action: "set_role", is_by_user: false },
        { action: "slow_mode", is_by_user: true },
        { action: "ban", is_by_user: false, reason: "spam" },
      ],
    });
  });
});

describe("verify_community", () => {
  it("finds nothing where all is well, and the nightly audit says so", async () => {
    await community.open();
    expect(await community.problems()).toEqual([]);
    const [row] = await sql`select private.audit_community() as found`;
    expect(row!.found).toEqual({ problems: 0, first: [] });
    const [job] = await sql`select command, expected_result from private.jobs where name = 'audit_community'`;
    expect(job).toMatchObject({ command: "private.audit_community", expected_result: { problems: 0 } });
  });

  it.each([
    [
      "member_count is the number of members",
      "update public.salons set member_count = member_count + 1 where id = $1",
    ],
    [
      "member_count is the number of members",
      "alter table public.salon_members disable trigger count_gone_members; delete from public.salon_members where salon_id = $1 and role = 'member'",
    ],
    [
      "a salon has one owner, the member of that role",
      "update public.salon_members set role = 'moderator' where salon_id = $1 and role = 'owner'",
    ],
    [
      "a salon has one owner, the member of that role",
      "update public.salons set owner_id = gen_random_uuid() where id = $1",
    ],
    ["a salon has a share code", "delete from private.salon_codes where salon_id = $1"],
    [
      "a deleted salon has no members and no code",
      "update public.salons set owner_id = null, is_active = false, deleted_at = now() where id = $1",
    ],
    [
      "whoever is banned is no member",
      "insert into private.salon_bans (salon_id, user_id, until) select salon_id, user_id, 'infinity' from public.salon_members where salon_id = $1",
    ],
    [
      "a member is not remembered as gone",
      "insert into private.salon_absences (salon_id, user_id) select salon_id, user_id from public.salon_members where salon_id = $1",
    ],
    [
      "an invitation is by the owner or a moderator",
      "insert into private.salon_invitations (salon_id, created_by, code_digest, max_uses, expires_at) select salon_id, user_id, 'x', 1, now() from public.salon_members where salon_id = $1 and role = 'member'",
    ],
    [
      "a member has an account",
      "insert into public.salon_members (salon_id, user_id) values ($1, gen_random_uuid())",
    ],
  ])("finds that it is broken that %s", async (invariant, damage) => {
    const salon = await community.open();
    await salon.join();
    class Undo extends Error {}
    await expect(sql.begin(async (transaction) => {
      await transaction.unsafe(damage.replaceAll("$1", `'${salon.id}'`));
      const found = await transaction`select * from public.verify_community() where invariant = ${invariant}`;
      expect(found.map(({ subject }) => subject)).toContain(salon.id);
      const [audit] = await transaction`select private.audit_community() as found`;
      expect(audit!.found.problems).toBeGreaterThan(0);
      throw new Undo();
    })).rejects.toThrow(Undo);
  });
});

describe("jobs", () => {
  it("delete invitations, bans and mutes that are over, kicks of a year ago, and nothing else", async () => {
    const salon = await community.open();
    const users = await community.users(6);
    await salon.do(salon.owner, "create_salon_invitation");
    await sql`
      insert into private.salon_invitations (salon_id, created_by, code_digest, max_uses, expires_at)
      values (${salon.id}, ${salon.owner}, 'over', 1, now() - interval '2 hours')`;
    await sql`
      insert into private.salon_bans (salon_id, user_id, until)
      values (${salon.id}, ${users[0]!}, now() - interval '2 hours'), (${salon.id}, ${users[
      1
    ]!}, 'infinity')`;
    await sql`
      insert into private.salon_absences (salon_id, user_id, removed_at, muted_until)
      values (${salon.id}, ${users[1]!}, null, now() - interval '2 hours'),
        (${salon.id}, ${users[2]!}, null, 'infinity'),
        (${salon.id}, ${users[3]!}, now() - interval '11 months', now() - interval '2 hours'),
        (${salon.id}, ${users[4]!}, now() - interval '13 months', now() - interval '2 hours'),
        (${salon.id}, ${users[5]!}, now() - interval '13 months', 'infinity')`;
    const [row] = await sql`select private.cleanup_salon_admissions() as count`;
    expect(row!.count).toBe(4);
    const [left] = await sql`
      select (select count(*)::integer from private.salon_invitations where salon_id = ${salon.id}) as invitations,
        (select count(*)::integer from private.salon_bans where salon_id = ${salon.id}) as bans,
        (select count(*)::integer from private.salon_absences where salon_id = ${salon.id}) as absences`;
    expect(left).toEqual({ invitations: 1, bans: 1, absences: 3 });
  });

  it("delete decisions of a year ago, in steps", async () => {
    const salon = await community.open();
    await sql`
      insert into private.salon_decisions (salon_id, action, created_at)
      select ${salon.id}, 'mute', now() - number * interval '1 month' from generate_series(0, 20) as number`;
    const steps = [];
    for (const _ of range(4)) {
      steps.push((await sql`select private.cleanup_salon_decisions(4) as count`)[0]!.count);
    }
    expect(steps).toEqual([4, 4, 1, 0]);
  });
});

describe("a code", () => {
  it("is evenly spread over 32 characters that are not misread", async () => {
    const [row] = await sql`select private.random_code(20000) as code`;
    const counts = new Map<string, number>();
    for (const character of row!.code as string) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect([...counts.keys()].sort().join("")).toBe("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    // 625 of each, with a standard deviation of 25.
    for (const count of counts.values()) expect(Math.abs(count - 625)).toBeLessThan(175);
  });
});

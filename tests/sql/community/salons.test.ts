import { afterEach, describe, expect, it } from "vitest";

import { newId, range } from "../support.ts";
import { createCommunity } from "./salons_support.ts";

const community = await createCommunity();
const { sql } = community;

afterEach(async () => {
  expect(await community.problems()).toEqual([]);
});

describe("create_salon_with_code", () => {
  it("makes a salon with its maker as owner, and a code of 80 random bits to pass on, in groups to be dictated", async () => {
    const owner = await community.user();
    const made = await community.do(owner, "create_salon_with_code", {
      p_name: "  The \t Kitchen ",
      p_description: "  What we eat  ",
      p_category: " Food ",
      p_city: "Lyon",
      p_visibility: "private",
    });
    expect(made).toMatchObject({
      success: true,
      error: null,
      share_code: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/),
    });
    const [row] = await sql`select * from public.salons where id = ${made.salon_id!}`;
    expect(row).toMatchObject({
      name: "The Kitchen",
      description: "What we eat",
      category: "food",
      city: "Lyon",
      color_theme: "#8B5CF6",
      owner_id: owner,
      visibility: "private",
      is_active: true,
      member_count: 1,
    });
  });

  it("makes one salon of a request that is repeated, and none of another's", async () => {
    const [owner, other] = await community.users(2) as [string, string];
    const args = { p_name: "Kitchen", p_request_id: newId() };
    const first = await community.do(owner, "create_salon_with_code", args);
    expect(await community.do(owner, "create_salon_with_code", args)).toEqual(first);
    const others = await community.do(other, "create_salon_with_code", args);
    expect(others.success).toBe(true);
    expect(others.salon_id).not.toBe(first.salon_id);
    await community.do(owner, "delete_salon", { p_salon_id: first.salon_id });
    expect(await community.do(owner, "create_salon_with_code", args)).toMatchObject({
      success: false,
      error: "idempotency_key_reused",
    });
  });

  it.each([
    ["no name", { p_name: null }],
    ["an empty name", { p_name: " \t " }],
    ["a long name", { p_name: "x".repeat(101) }],
    ["a long description", { p_name: "x", p_description: "x".repeat(2001) }],
    ["a color that is none", { p_name: "x", p_color_theme: "red" }],
    ["an unknown visibility", { p_name: "x", p_visibility: "secret" }],
    ["an empty request id", { p_name: "x", p_request_id: "" }],
  ])("refuses %s", async (_, args) => {
    const user = await community.user();
    expect(await community.do(user, "create_salon_with_code", args)).toMatchObject({
      success: false,
      error: "invalid_request",
    });
    expect(await community.read(user, "select * from my_salons")).toEqual([]);
  });

  it("refuses whoever has made as many as one may, until one is deleted or made by hand-over", async () => {
    await sql`update private.salon_settings set salons_per_user = 2`;
    const [owner, other] = await community.users(2) as [string, string];
    const salons = [await community.open({ owner }), await community.open({ owner })];
    const refused = await community.do(owner, "create_salon_with_code", { p_name: "third" });
    expect(refused).toMatchObject({ success: false, error: "salon_limit_reached" });
    // What others hand over takes nothing from one's own share, so nobody can use it up.
    await community.do(other, "join_salon_via_code", { p_code: salons[0]!.code });
    for (const salon of salons) {
      await community.do(other, "join_salon_via_code", { p_code: salon.code });
      expect((await salon.do(owner, "transfer_salon", { p_member_id: other })).success).toBe(true);
    }
    expect((await community.do(other, "create_salon_with_code", { p_name: "own" })).success).toBe(true);
    expect((await community.do(owner, "create_salon_with_code", { p_name: "third" })).success).toBe(false);
    await salons[0]!.do(other, "delete_salon");
    expect((await community.do(owner, "create_salon_with_code", { p_name: "third" })).success).toBe(true);
    await sql`update private.salon_settings set salons_per_user = 20`;
  });

  it("is refused to a token whose account was deleted", async () => {
    const user = await community.user();
    await sql`delete from auth.users where id = ${user}`;
    expect(await community.do(user, "create_salon_with_code", { p_name: "x" })).toMatchObject({
      error: "unauthorized",
    });
  });
});

describe("a share code", () => {
  it("lets in whoever has it, in whichever way it is typed, as a member alone (community 4) (platform 4)", async () => {
    const salon = await community.open({ p_visibility: "private" });
    const misread = salon.code.toLowerCase().replaceAll("0", "o").replaceAll("1", "l");
    const ways = [misread, misread.replaceAll("-", " "), salon.code.replaceAll("-", "")];
    for (const typed of ways) {
      const user = await community.user();
      const joined = await community.do(user, "join_salon_via_code", { p_code: typed });
      expect(joined).toMatchObject({ success: true, salon_id: salon.id, role: "member", is_new: true });
    }
    expect((await salon.row()).member_count).toBe(1 + ways.length);
  });

  it("lets nobody in once it was renewed", async () => {
    const salon = await community.open();
    const { share_code } = await salon.do(salon.owner, "renew_salon_code");
    const user = await community.user();
    expect(await community.do(user, "join_salon_via_code", { p_code: salon.code })).toMatchObject({
      error: "not_found",
    });
    expect((await community.do(user, "join_salon_via_code", { p_code: share_code })).success).toBe(true);
  });

  it("is renewed by owner and moderators alone", async () => {
    const salon = await community.open();
    const [moderator, member] = [await salon.join("moderator"), await salon.join()];
    expect((await salon.do(moderator, "renew_salon_code")).success).toBe(true);
    for (const user of [member, await community.user()]) {
      expect(await salon.do(user, "renew_salon_code")).toMatchObject({ success: false, error: "forbidden" });
    }
  });

  it("can be guessed wrongly ten times an hour, and right as often as one likes (community 24)", async () => {
    const user = await community.user();
    for (const _ of range(12)) {
      const salon = await community.open();
      expect((await community.do(user, "join_salon_via_code", { p_code: salon.code })).success).toBe(true);
    }
    for (const _ of range(10)) {
      expect(await community.do(user, "join_salon_via_code", { p_code: "00000000" })).toMatchObject({
        error: "not_found",
      });
    }
    const salon = await community.open();
    const refused = await community.do(user, "join_salon_via_code", { p_code: salon.code });
    expect(refused).toMatchObject({ success: false, error: "rate_limited" });
    expect(refused.retry_after_s).toBeGreaterThan(0);
    // Nobody else is in the way of that.
    expect(
      (await community.do(await community.user(), "join_salon_via_code", { p_code: salon.code })).success,
    )
      .toBe(true);
  });

  it("is not in a table or column that a client reads but in the views of its members (community 24) (platform 7)", async () => {
    const salon = await community.open();
    const [member, stranger] = [await salon.join(), await community.user()];
    const [mine] = await community.read(member, "select * from my_salons");
    expect(mine).toMatchObject({ id: salon.id, share_code: salon.code });
    const [seen] = await community.read(
      stranger,
      `select * from salons_with_details where id = '${salon.id}'`,
    );
    expect(seen).toMatchObject({ id: salon.id, share_code: null });
    const columns = await sql`
      select attrelid::regclass::text as table from pg_attribute
      where attname in ('share_code', 'code', 'code_digest') and attrelid in (
        select oid from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace)`;
    expect(columns.map((column) => column.table).filter((name) => name.includes("salon"))).toEqual([]);
    await expect(community.read(member, "select * from private.salon_codes")).rejects.toThrow(
      /permission denied/,
    );
    await expect(community.read(member, "select * from private.salon_invitations")).rejects.toThrow(
      /permission denied/,
    );
  });
});

describe("an invitation", () => {
  it("lets in as many as it is for, and answers the next as an unknown code (community 24) (platform 25)", async () => {
    const salon = await community.open({ p_visibility: "private" });
    const code = await salon.invite({ p_max_uses: 2 });
    const users = await community.users(3);
    const outcomes = [];
    for (const user of users) {
      outcomes.push(await community.do(user, "join_salon_via_code", { p_code: code }));
    }
    expect(outcomes.map(({ success }) => success)).toEqual([true, true, false]);
    const unknown = await community.do(users[2]!, "join_salon_via_code", { p_code: newId() });
    expect(outcomes[2]).toEqual(unknown);
  });

  it("is not used up by whoever is a member already, nor does it change a role (community 24)", async () => {
    const salon = await community.open();
    const code = await salon.invite({ p_max_uses: 1 });
    const moderator = await salon.join("moderator");
    for (const [user, role] of [[salon.owner, "owner"], [moderator, "moderator"]] as const) {
      expect(await community.do(user, "join_salon_via_code", { p_code: code })).toMatchObject({
        success: true,
        role,
        is_new: false,
      });
    }
    const [row] = await sql`select uses from private.salon_invitations where salon_id = ${salon.id}`;
    expect(row!.uses).toBe(0);
  });

  it("is used up by nobody for the others: who leaves and comes back takes one use (community 24)", async () => {
    const salon = await community.open({ p_visibility: "private" });
    const code = await salon.invite({ p_max_uses: 2 });
    const [first, second, third] = await community.users(3) as [string, string, string];
    const join = (user: string) => community.do(user, "join_salon_via_code", { p_code: code });
    for (const _ of range(3)) {
      expect(await join(first)).toMatchObject({ success: true, is_new: true });
      await salon.do(first, "leave_salon");
    }
    expect(await join(second)).toMatchObject({ success: true, is_new: true });
    for (const user of [first, third]) expect(await join(user)).toMatchObject({ error: "not_found" });
    const [row] = await sql`
      select uses, (select count(*)::integer from private.salon_invitation_uses where invitation_id = id) as users
      from private.salon_invitations where salon_id = ${salon.id}`;
    expect(row).toEqual({ uses: 2, users: 2 });
  });

  it("is not used up by a join that is refused (community 24)", async () => {
    const salon = await community.open();
    const code = await salon.invite({ p_max_uses: 1 });
    const banned = await salon.join();
    await salon.do(salon.owner, "ban_from_salon", { p_member_id: banned });
    expect(await community.do(banned, "join_salon_via_code", { p_code: code })).toMatchObject({
      error: "banned",
    });
    expect((await community.do(await community.user(), "join_salon_via_code", { p_code: code })).success)
      .toBe(true);
  });

  it("lets nobody in once it is over or revoked, and answers as an unknown code does (community 24)", async () => {
    const salon = await community.open();
    const [over, revoked] = [await salon.invite(), await salon.invite()];
    await sql`
      update private.salon_invitations set expires_at = now() - interval '1 second'
      where salon_id = ${salon.id} and code_digest = encode(sha256(${over}::bytea), 'hex')`;
    const { invitations } = await salon.do(salon.owner, "list_salon_invitations");
    expect(invitations).toHaveLength(1);
    const [{ invitation_id }] = invitations as [{ invitation_id: string }];
    await salon.do(salon.owner, "revoke_salon_invitation", { p_invitation_id: invitation_id });
    const user = await community.user();
    const unknown = await community.do(user, "join_salon_via_code", { p_code: newId() });
    for (const code of [over, revoked]) {
      expect(await community.do(user, "join_salon_via_code", { p_code: code })).toEqual(unknown);
    }
  });

  it("has a code of 120 random bits, which nobody keeps (platform 7)", async () => {
    const salon = await community.open();
    const codes = [await salon.invite(), await salon.invite()];
    for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{24}$/);
    expect(new Set(codes).size).toBe(2);
    const [row] = await sql`
      select string_agg(to_jsonb(kept)::text, ' ') as text from private.salon_invitations as kept
      where salon_id = ${salon.id}`;
    for (const code of codes) expect(row!.text).not.toContain(code);
  });

  it("is made by owner and moderators, and ends with their right to make one", async () => {
    const salon = await community.open();
    const [moderator, member] = [await salon.join("moderator"), await salon.join()];
    expect(await salon.do(member, "create_salon_invitation")).toMatchObject({ error: "forbidden" });
    expect(await salon.do(await community.user(), "create_salon_invitation")).toMatchObject({
      error: "forbidden",
    });
    const { code } = await salon.do(moderator, "create_salon_invitation");
    await salon.do(salon.owner, "set_salon_role", { p_member_id: moderator, p_role: "member" });
    expect(await community.do(await community.user(), "join_salon_via_code", { p_code: code })).toMatchObject(
      {
        error: "not_found",
      },
    );
  });

  it.each([
    [{ p_max_uses: 0 }],
    [{ p_max_uses: 1001 }],
    [{ p_max_uses: null }],
    [{ p_expires_in_s: 59 }],
    [{ p_expires_in_s: 2592001 }],
    [{ p_expires_in_s: null }],
  ])("is refused with %j", async (args) => {
    const salon = await community.open();
    expect(await salon.do(salon.owner, "create_salon_invitation", args)).toMatchObject({
      success: false,
      error: "invalid_request",
    });
  });

  it("is one of as many as a salon may have open", async () => {
    const salon = await community.open();
    await sql`
      insert into private.salon_invitations (salon_id, created_by, code_digest, max_uses, expires_at)
      select ${salon.id}, ${salon.owner}, gen_random_uuid()::text, 1, now() + interval '1 day'
      from generate_series(1, 50)`;
    expect(await salon.do(salon.owner, "create_salon_invitation")).toMatchObject({
      error: "salon_limit_reached",
    });
  });
});

describe("a public salon", () => {
  it("is joined from the directory without a code; a private one answers as if there were none", async () => {
    const [open, closed] = [await community.open(), await community.open({ p_visibility: "private" })];
    const user = await community.user();
    expect(await community.do(user, "join_salon", { p_salon_id: open.id })).toMatchObject({
      success: true,
      role: "member",
    });
    const unknown = await community.do(user, "join_salon", { p_salon_id: newId() });
    expect(unknown).toMatchObject({ success: false, error: "not_found" });
    expect(await community.do(user, "join_salon", { p_salon_id: closed.id })).toEqual(unknown);
  });

  it("is full with as many members as it may have", async () => {
    await sql`update private.salon_settings set members_per_salon = 2`;
    const salon = await community.open();
    await salon.join();
    expect(await community.do(await community.user(), "join_salon", { p_salon_id: salon.id })).toMatchObject({
      error: "salon_limit_reached",
    });
    await sql`update private.salon_settings set members_per_salon = 10000`;
  });
});

describe("leave_salon", () => {
  it("takes a member out, who may come back, and may be repeated", async () => {
    const salon = await community.open();
    const member = await salon.join();
    for (const _ of range(2)) expect((await salon.do(member, "leave_salon")).success).toBe(true);
    expect(await salon.roles()).toEqual({ [salon.owner]: "owner" });
    expect((await community.do(member, "join_salon_via_code", { p_code: salon.code })).success).toBe(true);
    expect((await salon.row()).member_count).toBe(2);
  });

  it("keeps the owner, who hands the salon over first (community 5)", async () => {
    const salon = await community.open();
    expect(await salon.do(salon.owner, "leave_salon")).toMatchObject({
      success: false,
      error: "owner_stays",
    });
    const member = await salon.join();
    await salon.do(salon.owner, "transfer_salon", { p_member_id: member });
    expect((await salon.do(salon.owner, "leave_salon")).success).toBe(true);
    expect(await salon.roles()).toEqual({ [member]: "owner" });
  });

  it("takes back the invitations of a moderator", async () => {
    const salon = await community.open();
    const moderator = await salon.join("moderator");
    const { code } = await salon.do(moderator, "create_salon_invitation");
    await salon.do(moderator, "leave_salon");
    expect(await community.do(await community.user(), "join_salon_via_code", { p_code: code })).toMatchObject(
      {
        error: "not_found",
      },
    );
  });

  it("is limited, as each coming and going is told to all members", async () => {
    const salon = await community.open();
    const member = await salon.join();
    const outcomes = [];
    for (const _ of range(31)) outcomes.push(await salon.do(member, "leave_salon"));
    expect(outcomes.filter(({ success }) => success)).toHaveLength(30);
    expect(outcomes.at(-1)).toMatchObject({ error: "rate_limited" });
  });
});

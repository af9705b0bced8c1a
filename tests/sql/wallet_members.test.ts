import { afterEach, describe, expect, it } from "vitest";

import { add, createDatabase, newId, range, run } from "./support.ts";
import {
  accept,
  act,
  digestOf,
  invite,
  remove,
  type Role,
  setCap,
  setRole,
  type Team,
  Teams,
  type WalletOutcome,
} from "./wallet_support.ts";

const { sql, ledger } = await createDatabase();
const teams = new Teams(sql);

afterEach(async () => {
  expect(await ledger.problems()).toEqual([]);
});

const DONE = { success: true, error: null };

/** An invitation's row. */
async function invitation(code: string) {
  const [row] = await sql`
    select uses, role, email, expires_at from private.wallet_invitations where code_digest = ${
    digestOf(code)
  }`;
  return row;
}

async function newCode(team: Team, more: Record<string, unknown> = {}, by = team.owner): Promise<string> {
  const code = newId();
  expect(await teams.do(invite(by, team.wallet, code, more))).toMatchObject(DONE);
  return code;
}

/** A user of Auth, whose address is confirmed or not. */
async function userWith(email: string, { isConfirmed = true } = {}): Promise<string> {
  const user = newId();
  await sql`
    insert into auth.users (id, email, email_confirmed_at)
    values (${user}, ${email}, ${isConfirmed ? new Date() : null})`;
  return user;
}

describe("a wallet", () => {
  it("has who makes it as its owner, and is made once for one request", async () => {
    const owner = newId();
    const create = (user: string, id: string | null, name = " Kitchen ") =>
      teams.do({ name: "create_wallet", args: { p_user_id: user, p_name: name, p_request_id: id } });
    const first = await create(owner, "one");
    expect(first).toMatchObject(DONE);
    expect(await create(owner, "one")).toEqual(first);
    expect((await create(owner, "two")).wallet_id).not.toBe(first.wallet_id);
    expect(await create(newId(), "one")).toMatchObject(DONE); // Another's id is none of its own.
    const [listed] = await teams.do<unknown[]>({ name: "list_wallets", args: { p_user_id: owner } });
    expect(listed).toMatchObject({ wallet_id: first.wallet_id, name: "Kitchen", role: "owner", balance: 0 });
    expect(await create(owner, null, "  ")).toMatchObject({ error: "invalid_request" });
    expect(await create(owner, null, "x".repeat(101))).toMatchObject({ error: "invalid_request" });
  });

  it("is one of as many as a user may have made and be in", async () => {
    const { sql, ledger } = await createDatabase();
    const teams = new Teams(sql);
    await sql`update private.wallet_settings set wallets_per_user = 2, memberships_per_user = 3`;
    const owner = newId();
    const create = () => teams.do({ name: "create_wallet", args: { p_user_id: owner, p_name: "x" } });
    const [one] = [await create(), await create()];
    expect(await create()).toMatchObject({ error: "wallet_limit_reached" });
    expect(await teams.do(act("close_wallet", owner, one.wallet_id!))).toEqual(DONE);
    expect(await create()).toMatchObject(DONE);
    for (const _ of range(1)) await (await teams.open()).join("member", owner);
    await expect((await teams.open()).join("member", owner)).rejects.toThrow("wallet_limit_reached");
    expect(await ledger.problems()).toEqual([]);
  });

  it("is closed by an owner once it owns nothing, and takes no request any more", async () => {
    const team = await teams.open({ tokens: 1 });
    const member = await team.join("admin");
    const close = (user: string) => teams.do(act("close_wallet", user, team.wallet));
    expect(await close(member)).toMatchObject({ error: "forbidden" });
    expect(await close(team.owner)).toMatchObject({ error: "wallet_not_empty" });
    await ledger.consume(team.wallet, 1);
    const code = await newCode(team);
    expect(await close(team.owner)).toEqual(DONE);
    expect(await team.admit(member)).toMatchObject({ error: "forbidden" });
    expect(await ledger.hold(team.wallet, 1, newId())).toMatchObject({ error: "account_paused" });
    expect(await teams.do(accept(newId(), code))).toMatchObject({ error: "not_found" });
    expect(await teams.do({ name: "list_wallets", args: { p_user_id: team.owner } })).toEqual([]);
  });

  it("is not closed while it owes something, which nobody would pay", async () => {
    const team = await teams.open();
    const pay = newId();
    await run(sql, add(team.wallet, 5, newId(), { p_source: pay }));
    await ledger.consume(team.wallet, 5);
    await run(sql, { name: "claw_back_grant", args: { p_source: pay, p_amount: 5, p_reversal_id: newId() } });
    const close = () =>
      teams.do<{ error: string; message: string }>(act("close_wallet", team.owner, team.wallet));
    expect(await close()).toMatchObject({
      error: "wallet_not_empty",
      message: expect.stringContaining("owes 5"),
    });
    await ledger.add(team.wallet, 5);
    expect(await close()).toEqual(DONE);
  });

  it("is renamed by its owners and admins", async () => {
    const team = await teams.open();
    const rename = async (role: Role, name: unknown = "New") =>
      teams.do(act("rename_wallet", await team.join(role), team.wallet, { p_name: name }));
    expect(await rename("owner")).toEqual(DONE);
    expect(await rename("admin")).toEqual(DONE);
    expect(await rename("member")).toMatchObject({ error: "forbidden" });
    expect(await rename("owner", null)).toMatchObject({ error: "invalid_request" });
  });

  it("has its caps set by its owners alone", async () => {
    const team = await teams.open();
    const set = (user: string) =>
      teams.do({
        name: "set_spend_caps",
        args: { p_user_id: team.wallet, p_daily_tokens: 5, p_monthly_tokens: null, p_actor_id: user },
      });
    expect(await set(team.owner)).toEqual(DONE);
    for (const user of [await team.join("admin"), await team.join("member"), newId()]) {
      expect(await set(user)).toMatchObject({ error: "forbidden" });
    }
    const limits = (user: string) =>
      teams.do<unknown>({ name: "account_limits", args: { p_user_id: team.wallet, p_actor_id: user } });
    expect(await limits(await team.join("viewer"))).toMatchObject({ daily_cap_tokens: 5, plan: "default" });
    expect(await limits(newId())).toBeNull();
  });

  it("tells its members who is in it and what each spent, and nobody else", async () => {
    const team = await teams.open({ tokens: 100 });
    const [member, viewer] = [await team.join("member"), await team.join("viewer")];
    for (
      const [user, cost, operation] of [[member, 3, "a"], [member, 4, "b"], [team.owner, 5, "a"]] as const
    ) {
      const id = newId();
      await team.admit(user, cost, id, { p_operation_type: operation });
      await ledger.settle(team.wallet, id, cost);
    }
    await ledger.consume(team.wallet, 1, newId(), "b");
    expect(await teams.do<unknown>(act("list_wallet_members", viewer, team.wallet))).toMatchObject([
      { user_id: team.owner, role: "owner", spent_this_month: 5 },
      { user_id: member, role: "member", spent_this_month: 7 },
      { user_id: viewer, role: "viewer", spent_this_month: 0 },
    ]);
    expect(await teams.do<unknown>(act("wallet_usage", viewer, team.wallet))).toMatchObject({
      tokens: 13,
      by_member: [
        { user_id: member, requests: 2, tokens: 7 },
        { user_id: team.owner, requests: 1, tokens: 5 },
        { user_id: null, requests: 1, tokens: 1 },
      ],
      by_feature: [
        { operation_type: "a", requests: 2, tokens: 8 },
        { operation_type: "b", requests: 2, tokens: 5 },
      ],
    });
    const before = act("wallet_usage", viewer, team.wallet, { p_month: "2020-02-14" });
    expect(await teams.do<unknown>(before)).toEqual({
      month: "2020-02",
      tokens: 0,
      by_member: [],
      by_feature: [],
    });
    for (const name of ["list_wallet_members", "wallet_usage", "list_wallet_invitations"]) {
      expect(await teams.do<unknown>(act(name, newId(), team.wallet)), name).toBeNull();
    }
  });
});

describe("an invitation", () => {
  it("lets in as many as it says, with the role and cap that it says", async () => {
    const team = await teams.open();
    const code = await newCode(team, { p_max_uses: 2, p_role: "viewer", p_monthly_cap_tokens: 9 });
    const [one, two] = [newId(), newId()];
    expect(await teams.do(accept(one, code))).toEqual({ ...DONE, wallet_id: team.wallet, role: "viewer" });
    expect(await teams.do(accept(two, code))).toMatchObject(DONE);
    expect(await teams.do(accept(newId(), code))).toMatchObject({ error: "not_found" });
    expect(await team.member(one)).toMatchObject({ role: "viewer", cap: 9 });
  });

  it("has one answer for every code that opens nothing", async () => {
    const team = await teams.open();
    const [expired, full, withdrawn, anothers] = [
      await newCode(team),
      await newCode(team),
      await newCode(team),
      await newCode(team, { p_email: "Ada@Example.com" }),
    ];
    await sql`
      update private.wallet_invitations set expires_at = now() - interval '1 second'
      where code_digest = ${digestOf(expired)}`;
    await teams.do(accept(newId(), full));
    const [row] = await sql`select id from private.wallet_invitations where code_digest = ${
      digestOf(withdrawn)
    }`;
    await teams.do(
      act("withdraw_wallet_invitation", team.owner, team.wallet, { p_invitation_id: row!.id }),
    );
    const unknown = await teams.do(accept(newId(), "no code at all"));
    expect(unknown).toMatchObject({ success: false, error: "not_found" });
    for (const code of [expired, full, withdrawn, anothers]) {
      expect(await teams.do(accept(newId(), code))).toEqual(unknown);
    }
  });

  it("for an e-mail address lets in who has confirmed that address, in any case of its letters", async () => {
    const team = await teams.open();
    const email = `Ada.${newId()}@Example.com`;
    const code = await newCode(team, { p_email: email });
    const others = [
      await userWith("eve@example.com"),
      await userWith(email, { isConfirmed: false }),
      newId(),
    ];
    for (const user of others) {
      expect(await teams.do(accept(user, code))).toMatchObject({ error: "not_found" });
    }
    expect((await invitation(code))!.uses).toBe(0);
    expect(await teams.do(accept(await userWith(email.toLowerCase()), code))).toMatchObject(DONE);
  });

  it("costs who is a member already nothing, and changes no role: neither up nor down", async () => {
    const team = await teams.open();
    const admin = await team.join("admin");
    const code = await newCode(team, { p_role: "viewer" });
    expect(await teams.do(accept(admin, code))).toMatchObject({ ...DONE, role: "admin" });
    const up = await newCode(team, { p_role: "admin" });
    const member = await team.join("member");
    expect(await teams.do(accept(member, up))).toMatchObject({ ...DONE, role: "member" });
    expect([(await invitation(code))!.uses, (await invitation(up))!.uses]).toEqual([0, 0]);
  });

  it("lets who left by itself in again at no further use, also once it is used up", async () => {
    const team = await teams.open();
    const code = await newCode(team);
    const member = newId();
    await teams.do(accept(member, code));
    await teams.do(remove(member, team.wallet, member));
    expect(await teams.do(accept(newId(), code))).toMatchObject({ error: "not_found" });
    expect(await teams.do(accept(member, code))).toMatchObject(DONE);
    expect((await invitation(code))!.uses).toBe(1);
  });

  it("does not let in again who was removed, unless it was made afterwards", async () => {
    const team = await teams.open();
    const code = await newCode(team, { p_max_uses: 5 });
    const member = newId();
    await teams.do(accept(member, code));
    await teams.do(remove(team.owner, team.wallet, member));
    expect(await teams.do(accept(member, code))).toMatchObject({ error: "not_found" });
    expect(await teams.do(accept(newId(), code))).toMatchObject(DONE);
    expect(await teams.do(accept(member, await newCode(team)))).toMatchObject(DONE);
  });

  it("does not let in again who had left before it was removed, unless it was made afterwards", async () => {
    const team = await teams.open();
    const code = await newCode(team, { p_max_uses: 5 });
    const member = newId();
    await teams.do(accept(member, code));
    await teams.do(remove(member, team.wallet, member));
    expect(await teams.do(remove(await team.join("member"), team.wallet, member))).toEqual(DONE); // Nobody's to say.
    expect(await teams.do(accept(member, code))).toMatchObject(DONE);
    await teams.do(remove(member, team.wallet, member));
    expect(await teams.do(remove(team.owner, team.wallet, member))).toEqual(DONE);
    expect(await teams.do(accept(member, code))).toMatchObject({ error: "not_found" });
    expect(await teams.do(accept(member, await newCode(team)))).toMatchObject(DONE);
  });

  it.each(
    [
      ["admin", "viewer"],
      ["admin", "member"],
      ["member", "viewer"],
    ] as const,
  )(
    "to be %s gives who was made a %s, left and comes back its role only if made since",
    async (invited, left) => {
      const team = await teams.open();
      const member = newId();
      const code = await newCode(team, { p_role: invited, p_max_uses: 5 });
      await teams.do(accept(member, code));
      await teams.do(setRole(team.owner, team.wallet, member, left));
      const another = await newCode(team, { p_role: invited });
      await teams.do(remove(member, team.wallet, member));
      for (const kept of [code, another]) {
        expect(await teams.do(accept(member, kept))).toMatchObject({ ...DONE, role: left });
        expect(await team.roles()).toMatchObject({ [member]: left });
        await teams.do(remove(member, team.wallet, member));
      }
      const since = await newCode(team, { p_role: invited });
      expect(await teams.do(accept(member, since))).toMatchObject({ ...DONE, role: invited });
    },
  );

  it("gives who was more and left what it says", async () => {
    const team = await teams.open();
    const member = await team.join("owner");
    const code = await newCode(team, { p_role: "viewer" });
    await teams.do(remove(member, team.wallet, member));
    expect(await teams.do(accept(member, code))).toMatchObject({ ...DONE, role: "viewer" });
  });

  it("to what who made it may not invite to any more is over", async () => {
    const team = await teams.open();
    const [demoted, handed] = [await team.join("owner"), team.owner];
    const codes = [];
    for (const by of [demoted, handed]) {
      codes.push(
        [
          await newCode(team, { p_role: "admin" }, by),
          await newCode(team, { p_role: "member" }, by),
        ] as const,
      );
    }
    await teams.do(setRole(handed, team.wallet, demoted, "admin"));
    await teams.do(act("transfer_wallet", handed, team.wallet, { p_member_id: await team.join() }));
    for (const [toAdmin, toMember] of codes) {
      expect(await teams.do(accept(newId(), toAdmin))).toMatchObject({ error: "not_found" });
      expect(await teams.do(accept(newId(), toMember))).toMatchObject({ ...DONE, role: "member" });
    }
  });

  it("is over when who made it may invite no more", async () => {
    const team = await teams.open();
    const [demoted, removed] = [await team.join("admin"), await team.join("admin")];
    const codes = [await newCode(team, {}, demoted), await newCode(team, {}, removed)];
    await teams.do(setRole(team.owner, team.wallet, demoted, "member"));
    await teams.do(remove(team.owner, team.wallet, removed));
    for (const code of codes) {
      expect(await teams.do(accept(newId(), code))).toMatchObject({ error: "not_found" });
    }
  });

  it("is made by owners, by admins for members and viewers, and by nobody else", async () => {
    const team = await teams.open();
    const by = async (role: Role, invited: string) =>
      (await teams.do(invite(await team.join(role), team.wallet, newId(), { p_role: invited }))).error;
    expect(await by("owner", "admin")).toBeNull();
    expect(await by("admin", "admin")).toBe("forbidden");
    expect(await by("admin", "member")).toBeNull();
    expect(await by("member", "viewer")).toBe("forbidden");
    expect(await by("viewer", "viewer")).toBe("forbidden");
    expect(await by("owner", "owner")).toBe("invalid_request");
    expect(await teams.do(invite(newId(), team.wallet, newId()))).toMatchObject({ error: "forbidden" });
  });

  it.each([
    { p_max_uses: 0 },
    { p_max_uses: 1_001 },
    { p_max_uses: null },
    { p_time_to_live: "31 days" },
    { p_time_to_live: "0 seconds" },
    { p_code_digest: "the code itself" },
    { p_monthly_cap_tokens: -1 },
    { p_email: "no address" },
    { p_email: "a@example.com", p_max_uses: 2 },
    { p_role: null },
  ])("is refused with %o", async (more) => {
    const team = await teams.open();
    expect(await teams.do(invite(team.owner, team.wallet, newId(), more)))
      .toMatchObject({ error: "invalid_request" });
  });

  it("asked for again by the same request is the same one with another code", async () => {
    const team = await teams.open();
    const [lost, code] = [newId(), newId()];
    const first = await teams.do(invite(team.owner, team.wallet, lost, { p_request_id: "key" }));
    const second = await teams.do(invite(team.owner, team.wallet, code, { p_request_id: "key" }));
    expect(second.invitation_id).toBe(first.invitation_id);
    expect(await teams.do(accept(newId(), lost))).toMatchObject({ error: "not_found" });
    expect(await teams.do(accept(newId(), code))).toMatchObject(DONE);
  });

  it("is no other's under the same request id", async () => {
    const team = await teams.open();
    const [code, admin] = [newId(), await team.join("admin")];
    await teams.do(
      invite(team.owner, team.wallet, code, { p_request_id: "key", p_role: "admin", p_max_uses: 5 }),
    );
    for (
      const [by, more] of [
        [admin, { p_role: "member" }],
        [team.owner, { p_role: "member", p_max_uses: 5 }],
        [team.owner, { p_role: "admin", p_max_uses: 6 }],
        [team.owner, { p_role: "admin", p_max_uses: 5, p_monthly_cap_tokens: 1 }],
        [team.owner, { p_role: "admin", p_max_uses: 1, p_email: "a@example.com" }],
      ] as const
    ) {
      const other = newId();
      expect(await teams.do(invite(by, team.wallet, other, { p_request_id: "key", ...more })))
        .toMatchObject({ error: "idempotency_key_reused" });
      expect(await teams.do(accept(newId(), other))).toMatchObject({ error: "not_found" });
    }
    expect(await teams.do(accept(newId(), code))).toMatchObject({ ...DONE, role: "admin" });
  });

  it("is one of as many as a wallet may have open, and keeps to as many members as it may have", async () => {
    const { sql } = await createDatabase();
    const teams = new Teams(sql);
    await sql`update private.wallet_settings set invitations_per_wallet = 2, members_per_wallet = 3`;
    const team = await teams.open();
    const code = newId();
    const make = (code = newId()) => teams.do(invite(team.owner, team.wallet, code, { p_max_uses: 9 }));
    expect([await make(code), await make()]).toMatchObject([DONE, DONE]);
    expect(await make()).toMatchObject({ error: "wallet_limit_reached" });
    await sql`update private.wallet_invitations set expires_at = now() where code_digest <> ${
      digestOf(code)
    }`;
    expect(await make()).toMatchObject(DONE);
    const outcomes: WalletOutcome[] = [];
    for (const _ of range(3)) outcomes.push(await teams.do(accept(newId(), code)));
    expect(outcomes).toMatchObject([DONE, DONE, { error: "wallet_limit_reached" }]);
    const [row] = await sql`select uses from private.wallet_invitations where code_digest = ${
      digestOf(code)
    }`;
    expect(row!.uses).toBe(2);
  });

  it("is listed without its code, and deleted with its address once it is over", async () => {
    const team = await teams.open();
    const code = await newCode(team, { p_email: "ada@example.com" });
    const listed = await teams.do<unknown[]>(act("list_wallet_invitations", team.owner, team.wallet));
    expect(listed).toMatchObject([{ role: "member", email: "ada@example.com", uses: 0, max_uses: 1 }]);
    expect(JSON.stringify(listed)).not.toContain(digestOf(code));
    await sql`
      update private.wallet_invitations set expires_at = now() - interval '2 hours'
      where code_digest = ${digestOf(code)}`;
    expect(await teams.do<unknown>({ name: "private.cleanup_wallet_invitations", args: {} })).toBe(1);
    expect(await invitation(code)).toBeUndefined();
  });
});

describe("roles", () => {
  // Who does it, to whom, to which role, and what comes of it.
  it.each<[Role, Role, Role, string | null]>([
    ["owner", "member", "admin", null],
    ["owner", "admin", "owner", null],
    ["owner", "owner", "viewer", null],
    ["admin", "member", "viewer", null],
    ["admin", "viewer", "member", null],
    ["admin", "member", "admin", "forbidden"],
    ["admin", "admin", "member", "forbidden"],
    ["admin", "owner", "member", "forbidden"],
    ["member", "viewer", "member", "forbidden"],
    ["viewer", "viewer", "owner", "forbidden"],
  ])("by %s of %s to %s: %s", async (by, of, to, error) => {
    const team = await teams.open();
    const [actor, member] = [await team.join(by), await team.join(of)];
    expect((await teams.do(setRole(actor, team.wallet, member, to))).error).toBe(error);
    expect((await team.member(member))!.role).toBe(error === null ? to : of);
  });

  it.each<[Role, Role, string | null]>([
    ["owner", "owner", null],
    ["owner", "admin", null],
    ["admin", "member", null],
    ["admin", "viewer", null],
    ["admin", "admin", "forbidden"],
    ["admin", "owner", "forbidden"],
    ["member", "viewer", "forbidden"],
  ])("decide who may remove, and set caps: %s of %s: %s", async (by, of, error) => {
    const team = await teams.open();
    const [actor, member] = [await team.join(by), await team.join(of)];
    expect((await teams.do(setCap(actor, team.wallet, member, 5))).error).toBe(error);
    expect((await team.member(member))!.cap).toBe(error === null ? 5 : null);
    expect((await teams.do(remove(actor, team.wallet, member))).error).toBe(error);
    expect((await team.member(member))!.is_member).toBe(error !== null);
    expect((await teams.do(remove(actor, team.wallet, member))).error).toBe(error);
  });

  it("let nobody raise itself: neither its role nor its cap", async () => {
    const team = await teams.open();
    for (const role of ["admin", "member", "viewer"] as const) {
      const user = await team.join(role);
      expect(await teams.do(setRole(user, team.wallet, user, "owner"))).toMatchObject({ error: "forbidden" });
      expect(await teams.do(setCap(user, team.wallet, user, null))).toMatchObject({ error: "forbidden" });
    }
  });

  it("are given by no stranger, and to none", async () => {
    const team = await teams.open();
    const stranger = newId();
    for (const call of [setRole, (by: string, wallet: string, of: string) => remove(by, wallet, of)]) {
      expect(await teams.do(call(stranger, team.wallet, team.owner, "viewer"))).toMatchObject({
        error: "forbidden",
      });
      expect(await teams.do(call(team.owner, team.wallet, stranger, "viewer"))).toMatchObject({
        error: "not_found",
      });
    }
    expect(await teams.do(setCap(team.owner, team.wallet, stranger, 1))).toMatchObject({
      error: "not_found",
    });
    expect(await teams.do(setCap(team.owner, team.wallet, team.owner, -1))).toMatchObject({
      error: "invalid_request",
    });
  });

  it("pass on to another: the owner hands the wallet over, and is an admin then", async () => {
    const team = await teams.open();
    const member = await team.join("member");
    const transfer = (by: string, to: string) =>
      teams.do(act("transfer_wallet", by, team.wallet, { p_member_id: to }));
    expect(await transfer(member, member)).toMatchObject({ error: "forbidden" });
    expect(await transfer(team.owner, newId())).toMatchObject({ error: "not_found" });
    expect(await transfer(team.owner, member)).toEqual(DONE);
    expect(await team.roles()).toEqual({ [team.owner]: "admin", [member]: "owner" });
  });
});

describe("the last owner", () => {
  it("can neither leave nor be demoted, until there is another", async () => {
    const team = await teams.open();
    const leave = () => teams.do(remove(team.owner, team.wallet, team.owner));
    expect(await leave()).toMatchObject({ error: "last_owner" });
    expect(await teams.do(setRole(team.owner, team.wallet, team.owner, "admin")))
      .toMatchObject({ error: "last_owner" });
    expect(await teams.do(setRole(team.owner, team.wallet, team.owner, "owner"))).toEqual(DONE);
    await team.join("owner");
    expect(await leave()).toEqual(DONE);
    expect(await leave()).toEqual(DONE);
  });

  it("who is forgotten is followed by the oldest admin, else the oldest member", async () => {
    const team = await teams.open();
    const [viewer, member, younger, admin] = [
      await team.join("viewer"),
      await team.join("member"),
      await team.join("member"),
      await team.join("admin"),
    ];
    await sql`select forget_user(${team.owner})`;
    expect(await team.roles()).toEqual({
      [viewer]: "viewer",
      [member]: "member",
      [younger]: "member",
      [admin]: "owner",
    });
    await sql`select forget_user(${admin})`;
    expect(await team.roles()).toEqual({ [viewer]: "viewer", [member]: "owner", [younger]: "member" });
  });

  it("who is forgotten and leaves viewers alone behind closes the wallet, whose ledger stays", async () => {
    const team = await teams.open({ tokens: 10 });
    const viewer = await team.join("viewer");
    await sql`select forget_user(${team.owner})`;
    expect(await team.roles()).toEqual({});
    expect(await ledger.hold(team.wallet, 1, newId())).toMatchObject({ error: "account_paused" });
    expect(await ledger.balance(team.wallet)).toMatchObject({ balance: 10, entries: 1 });
    const [row] = await sql`select name, closed_at from private.wallets where id = ${team.wallet}`;
    expect(row).toMatchObject({ name: "", closed_at: expect.any(Date) });
    expect((await team.member(viewer))!.is_member).toBe(false);
  });
});

describe("a user's data", () => {
  it("has its teams in the export, and after it is forgotten no team and no address", async () => {
    const email = `${newId()}@example.com`;
    const user = await userWith(email);
    const [team, other] = [await teams.open(), await teams.open()];
    await team.join("admin", user);
    await newCode(team, { p_email: "friend@example.com" }, user);
    const forUser = await newCode(other, { p_email: email });
    const [exported] = await sql`select export_user_data(${user}) -> 'ledger' -> 'wallets' as it`;
    expect(exported!.it).toMatchObject({
      memberships: [{ wallet_id: team.wallet, name: "Kitchen", role: "admin", removed_at: null }],
      invitations: [{ wallet_id: team.wallet, email: "friend@example.com" }],
    });
    await sql`select forget_user(${user})`;
    const [left] = await sql`
      select count(*)::integer as count from private.wallet_invitations
      where email in (${email}, 'friend@example.com') or code_digest = ${digestOf(forUser)}`;
    expect(left!.count).toBe(0);
    expect((await team.member(user))!.is_member).toBe(false);
  });

  it("once forgotten comes into no team again, though its token is good for a while yet", async () => {
    const team = await teams.open();
    const code = await newCode(team);
    const user = newId();
    await sql`select forget_user(${user})`;
    expect(await teams.do(accept(user, code))).toMatchObject({ error: "account_paused" });
    expect(await teams.do({ name: "create_wallet", args: { p_user_id: user, p_name: "x" } }))
      .toMatchObject({ error: "account_paused" });
  });
});

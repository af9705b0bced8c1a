import { afterEach, describe, expect, it } from "vitest";

import { createDatabase, newId, range, release, settle } from "./support.ts";
import { admit, remove, type Role, setCap, Teams } from "./wallet_support.ts";

const { sql, ledger } = await createDatabase();
const teams = new Teams(sql);

afterEach(async () => {
  expect(await ledger.problems()).toEqual([]);
  expect([...await sql`select * from verify_token_chain()`]).toEqual([]);
});

/** What a user reads as role authenticated, by the policies alone. */
async function readAs(user: string, table: string): Promise<Record<string, unknown>[]> {
  return await sql.begin(async (transaction) => {
    await transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: user })}, true)`;
    await transaction`set local role authenticated`;
    return [...await transaction`select * from public.${transaction(table)}`];
  });
}

describe("a request that a team's wallet pays", () => {
  it("holds and charges the wallet, says who acted, and leaves the member's own balance alone", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    await ledger.add(member, 5);
    const id = newId();
    expect(await team.admit(member, 10, id)).toMatchObject({ success: true, attempt: 1, held: 10 });
    expect(await team.member(member)).toMatchObject({ held: 10, spent: 0 });
    expect(await ledger.settle(team.wallet, id, 7)).toMatchObject({ success: true, charged: 7, balance: 93 });
    expect(await team.member(member)).toMatchObject({ held: 0, spent: 7 });
    expect(await ledger.balance(member)).toMatchObject({ balance: 5, held: 0 });
    const [entry] = await sql`
      select user_id, actor_id, delta::integer from token_balance_history where request_id = ${id}`;
    expect(entry).toEqual({ user_id: team.wallet, actor_id: member, delta: -7 });
  });

  it("has the same life in a batch", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    const ids = range(3).map(newId);
    const operations = ids.map((id) => ({
      operation: "admit",
      request_id: id,
      user_id: member,
      wallet_id: team.wallet,
      token_amount: 10,
      operation_type: "meal-analyzer",
      fingerprint: "content",
    }));
    const [row] = await sql`select run_token_operations(${sql.json(operations)}) as it`;
    expect(row!.it).toMatchObject([{ success: true }, { success: true }, { success: true }]);
    const ends = [
      { operation: "settle", request_id: ids[0]!, user_id: team.wallet, attempt: 1, token_amount: 4 },
      { operation: "release", request_id: ids[1]!, user_id: team.wallet, attempt: 1 },
    ];
    const [ended] = await sql`select run_token_operations(${sql.json(ends)}) as it`;
    expect(ended!.it).toMatchObject([{ charged: 4 }, { charged: 0 }]);
    expect(await team.member(member)).toMatchObject({ held: 10, spent: 4 });
    expect(await ledger.balance(team.wallet)).toMatchObject({ balance: 96, held: 10 });
    expect(await ledger.balance(member)).toEqual({ balance: 0, held: 0, entries: 0 });
  });

  it("gives back what its member held when it is released, and when it outlives its time", async () => {
    const team = await teams.open({ tokens: 20 });
    const member = await team.join();
    const [released, expired] = [newId(), newId()];
    await team.admit(member, 10, released);
    await team.admit(member, 10, expired);
    await teams.do(release(team.wallet, released));
    expect(await team.member(member)).toMatchObject({ held: 10 });
    await ledger.outlive(expired);
    expect(await team.admit(member, 20)).toMatchObject({ success: true });
    expect(await team.member(member)).toMatchObject({ held: 20 });
  });

  it("is paid by the member's own wallet where that one is named", async () => {
    const user = newId();
    await ledger.add(user, 10);
    const id = newId();
    expect(await teams.do(admit(user, user, 4, id))).toMatchObject({ success: true, held: 4 });
    expect(await ledger.lock(id)).toMatchObject({ user_id: user, actor_id: null });
  });

  it("is not repeated under its id by another member, from another wallet or by a server: that is refused", async () => {
    const [team, other] = [await teams.open({ tokens: 10 }), await teams.open({ tokens: 10 })];
    const member = await team.join();
    await other.join("member", member);
    const id = newId();
    await team.admit(member, 2, id);
    await ledger.settle(team.wallet, id, 2, { p_response_head: '{"data":1,"usage":{' });
    const reused = { error: "idempotency_key_reused" };
    expect(await team.admit(await team.join(), 2, id)).toMatchObject(reused);
    expect(await other.admit(member, 2, id)).toMatchObject(reused);
    expect(await ledger.hold(member, 2, id)).toMatchObject(reused);
    expect(await ledger.hold(team.wallet, 2, id)).toMatchObject(reused);
    expect(await team.admit(member, 2, id)).toMatchObject({ success: true, duplicate: true, charged: 2 });
  });

  it("is refused to a stranger in the same words as for a wallet that does not exist, and makes no row", async () => {
    const team = await teams.open({ tokens: 10 });
    const [stranger, nowhere] = [newId(), newId()];
    const [there, not, nobodys] = [
      await team.admit(stranger, 2, "a stranger's"),
      await teams.do(admit(stranger, nowhere, 2, "a stranger's")),
      await ledger.hold(nowhere, 2, "a stranger's", { p_actor_id: stranger }),
    ];
    expect(there).toMatchObject({ error: "forbidden", balance: null });
    // What its own limits say is the stranger's.
    expect({ ...not, limits: null }).toEqual({ ...there, limits: null });
    expect({ ...nobodys, limits: null }).toEqual({ ...there, limits: null });
    expect(await sql`select from token_balances where user_id in (${stranger}, ${nowhere})`).toHaveLength(0);
    expect(await sql`select from token_consumption_locks where request_id = 'a stranger''s'`).toHaveLength(0);
  });

  it("is refused to a stranger before anything is told of the wallet: neither its pause nor its caps", async () => {
    const team = await teams.open({ tokens: 10 });
    await sql`select set_spend_caps(${team.wallet}, 0, 0)`;
    await sql`select pause_account(${team.wallet}, 'a secret')`;
    expect(await team.admit(newId())).toMatchObject({ error: "forbidden" });
    expect(
      await teams.do({
        name: "admit_reading",
        args: { p_request_id: newId(), p_user_id: newId(), p_least_amount: 1, p_wallet_id: team.wallet },
      }),
    ).toMatchObject({ error: "forbidden" });
    await sql`select resume_account(${team.wallet})`;
  });

  it.each<[Role, string | null]>([["owner", null], ["admin", null], ["member", null], [
    "viewer",
    "forbidden",
  ]])(
    "may be asked for by a role: %s",
    async (role, error) => {
      const team = await teams.open({ tokens: 10 });
      const member = await team.join(role);
      expect(await team.admit(member)).toMatchObject({ error });
      expect(await ledger.hold(team.wallet, 1, newId(), { p_actor_id: member })).toMatchObject({ error });
      expect(
        await teams.do({
          name: "admit_reading",
          args: { p_request_id: newId(), p_user_id: member, p_least_amount: 1, p_wallet_id: team.wallet },
        }),
      ).toMatchObject(error === null ? { success: true } : { error });
    },
  );

  it("takes from the limits of who acts, and is refused while the member or the wallet is paused", async () => {
    const team = await teams.open({ tokens: 10 });
    const [one, two] = [await team.join(), await team.join()];
    await sql`insert into private.token_plans values ('one', '{"user": {"quota": 1, "window_s": 3600}}') on conflict do nothing`;
    await sql`select set_account_plan(${one}, 'one')`;
    expect(await team.admit(one)).toMatchObject({ success: true });
    expect(await team.admit(one)).toMatchObject({ error: "rate_limited" });
    expect(await team.admit(two)).toMatchObject({ success: true });
    await sql`select pause_account(${two}, 'spam')`;
    expect(await team.admit(two)).toMatchObject({ error: "account_paused" });
    await sql`select resume_account(${two})`;
    await sql`select pause_account(${team.wallet}, 'a chargeback')`;
    const refused = await team.admit(two);
    expect(refused).toMatchObject({ error: "account_paused" });
    expect(refused.message).toContain("a chargeback");
  });

  it("takes from the limits of who acts where it is refused, too: nobody asks for others' wallets without end", async () => {
    const team = await teams.open({ tokens: 10 });
    await sql`
      insert into private.token_plans
      values ('refused', '{"user": {"quota": 1, "window_s": 3600}, "stored_recording": {"quota": 1, "window_s": 3600}}')`;
    const viewer = await team.join("viewer");
    for (const asking of [newId(), viewer]) {
      await sql`select set_account_plan(${asking}, 'refused')`;
      expect(await team.admit(asking)).toMatchObject({
        error: "forbidden",
        limits: [{ name: "user" }, null],
      });
      expect(await team.admit(asking)).toMatchObject({ error: "rate_limited" });
      const read = () =>
        teams.do({
          name: "admit_reading",
          args: { p_request_id: newId(), p_user_id: asking, p_least_amount: 1, p_wallet_id: team.wallet },
        });
      expect(await read()).toMatchObject({ error: "forbidden" });
      expect(await read()).toMatchObject({ error: "rate_limited" });
    }
    expect(await teams.do(admit(null as never, team.wallet))).toMatchObject({ error: "forbidden" });
  });

  it("keeps to the wallet's own caps, and not to those of its member", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    await sql`select set_spend_caps(${member}, 0, 0)`;
    await sql`select set_spend_caps(${team.wallet}, 5, null)`;
    expect(await team.admit(member, 4)).toMatchObject({ success: true });
    expect(await team.admit(member, 2)).toMatchObject({ error: "spend_cap_reached", cap: "daily", held: 4 });
  });
});

describe("a member's cap", () => {
  it("refuses what would go over it, says until when, and lets the others go on", async () => {
    const team = await teams.open({ tokens: 100 });
    const [one, two] = [await team.join(), await team.join()];
    await teams.do(setCap(team.owner, team.wallet, one, 10));
    const id = newId();
    await team.admit(one, 6, id);
    expect(await team.admit(one, 5)).toMatchObject({
      error: "member_cap_reached",
      cap_tokens: 10,
      spent: 0,
      held: 6,
      required: 5,
      charged: 0,
    });
    await ledger.settle(team.wallet, id, 6);
    const refused = await team.admit(one, 5);
    expect(refused).toMatchObject({ error: "member_cap_reached", spent: 6, held: 0 });
    const [row] = await sql`
      select (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC' as it`;
    expect(new Date(refused.resets_at!)).toEqual(row!.it);
    expect(await team.admit(one, 4)).toMatchObject({ success: true });
    expect(await team.admit(two, 50)).toMatchObject({ success: true });
  });

  it("counts no charge that was refunded, nor the part of one", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    await teams.do(setCap(team.owner, team.wallet, member, 10));
    const id = newId();
    await team.admit(member, 10, id);
    await ledger.settle(team.wallet, id, 10);
    expect(await team.admit(member, 4)).toMatchObject({ error: "member_cap_reached" });
    const [row] = await sql`select refund_tokens(${id}, ${newId()}, 4) as it`;
    expect(row!.it).toMatchObject({ success: true, refunded: 4 });
    expect(await team.member(member)).toMatchObject({ spent: 6 });
    expect(await team.admit(member, 4)).toMatchObject({ success: true });
    const [usage] = await sql`select wallet_usage(${team.owner}, ${team.wallet}) as it`;
    expect(usage!.it).toMatchObject({ tokens: 6, by_member: [{ user_id: member, requests: 1, tokens: 6 }] });
  });

  it("counts a month of its own: what was spent in the one before is none of this one's", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    await teams.do(setCap(team.owner, team.wallet, member, 10));
    const id = newId();
    await team.admit(member, 10, id);
    await ledger.settle(team.wallet, id, 10);
    await sql`update private.wallet_members set month = month - interval '1 month' where user_id = ${member}`;
    const next = newId();
    expect(await team.admit(member, 10, next)).toMatchObject({ success: true });
    await ledger.settle(team.wallet, next, 3);
    expect(await team.member(member)).toMatchObject({ spent: 3, held: 0 });
    // As it was before: the audit compares with the entries, which are all of this month.
    await sql`update private.wallet_members set spent = 13 where user_id = ${member}`;
  });

  it("is not renewed by leaving and coming back, whatever the invitation says", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    await teams.do(setCap(team.owner, team.wallet, member, 5));
    const id = newId();
    await team.admit(member, 5, id);
    await ledger.settle(team.wallet, id, 5);
    await teams.do(remove(member, team.wallet, member));
    expect(await team.admit(member)).toMatchObject({ error: "forbidden" });
    await team.join("member", member);
    expect(await team.member(member)).toMatchObject({ cap: 5, spent: 5, is_member: true });
    expect(await team.admit(member)).toMatchObject({ error: "member_cap_reached" });
  });

  it("does not stand in the way of holds that outlived their time", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    await teams.do(setCap(team.owner, team.wallet, member, 5));
    const id = newId();
    await team.admit(member, 5, id);
    await ledger.outlive(id);
    expect(await team.admit(member, 5)).toMatchObject({ success: true });
  });
});

describe("a member who goes", () => {
  it("is charged for what runs as it would have been, and has its next request refused", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    const id = newId();
    await team.admit(member, 10, id);
    await teams.do(remove(team.owner, team.wallet, member));
    expect(await team.admit(member)).toMatchObject({ error: "forbidden" });
    const settled = await ledger.settle(team.wallet, id, 8, { p_response_head: '{"data":1,"usage":{' });
    expect(settled).toMatchObject({ success: true, charged: 8, balance: 92 });
    expect(await team.admit(member, 10, id)).toMatchObject({ success: true, duplicate: true, charged: 8 });
    expect(await team.member(member)).toMatchObject({ held: 0, spent: 8, is_member: false });
  });

  it("is charged where it was held, when it moves to another team while its requests run", async () => {
    const [one, two] = [await teams.open({ tokens: 100 }), await teams.open({ tokens: 100 })];
    const member = await one.join();
    const ids = range(6).map(newId);
    for (const id of ids.slice(0, 3)) await one.admit(member, 10, id);
    await teams.do(remove(one.owner, one.wallet, member));
    await two.join("member", member);
    for (const id of ids.slice(3)) await two.admit(member, 10, id);
    for (const [index, id] of ids.entries()) {
      const wallet = index < 3 ? one.wallet : two.wallet;
      const elsewhere = index < 3 ? two.wallet : one.wallet;
      expect(await ledger.settle(elsewhere, id, index + 1)).toMatchObject({ error: "hold_not_current" });
      expect(await ledger.settle(wallet, id, index + 1)).toMatchObject({ charged: index + 1 });
    }
    expect(await ledger.balance(one.wallet)).toMatchObject({ balance: 94, held: 0 });
    expect(await ledger.balance(two.wallet)).toMatchObject({ balance: 85, held: 0 });
    expect([await one.member(member), await two.member(member)]).toMatchObject([{ spent: 6 }, { spent: 15 }]);
  });

  it("and is forgotten leaves no answer behind, and its running requests are released, but nobody else's", async () => {
    const team = await teams.open({ tokens: 100 });
    const [one, two] = [await team.join(), await team.join()];
    const [answered, running, others] = [newId(), newId(), newId()];
    await team.admit(one, 10, answered);
    await ledger.settle(team.wallet, answered, 4, { p_response_head: '{"data":1,"usage":{' });
    await team.admit(one, 10, running);
    await team.admit(two, 10, others);
    await sql`select forget_user(${one})`;
    await sql`select forget_user(${one})`;
    expect(await ledger.lock(answered)).toMatchObject({ response: null, fingerprint: null });
    expect(await ledger.lock(running)).toMatchObject({ status: "released" });
    expect(await ledger.lock(others)).toMatchObject({ status: "held", fingerprint: "content" });
    expect(await ledger.balance(team.wallet)).toMatchObject({ balance: 96, held: 10 });
    expect(await team.member(one)).toMatchObject({ held: 0, spent: 4, is_member: false });
    expect(await team.admit(one)).toMatchObject({ error: "forbidden" });
  });
});

const walletOf = (row: Record<string, unknown>) => row.wallet_id ?? row.user_id;

describe("row level security", () => {
  const TABLES = ["token_balances", "token_balance_history", "token_accounts"];

  it.each<[Role]>([["owner"], ["admin"], ["member"], ["viewer"]])(
    "shows the wallet's balance, history and caps to a member: %s",
    async (role) => {
      const team = await teams.open({ tokens: 10 });
      const member = await team.join(role);
      await sql`select set_spend_caps(${team.wallet}, 5, null)`;
      for (const table of TABLES) {
        expect((await readAs(member, table)).map(walletOf), table).toContain(team.wallet);
      }
    },
  );

  it("shows no member the team's grants, which name their payments", async () => {
    const team = await teams.open({ tokens: 10 });
    const member = await team.join("admin");
    await sql`select add_tokens(${member}, 5, 'test')`;
    expect((await readAs(member, "token_grants")).map(walletOf)).toEqual([member]);
  });

  it("shows nothing of it to others: strangers, members of other teams, and who was removed", async () => {
    const team = await teams.open({ tokens: 10 });
    const removed = await team.join();
    await sql`select set_spend_caps(${team.wallet}, 5, null)`;
    await teams.do(remove(team.owner, team.wallet, removed));
    const others = [newId(), removed, (await teams.open()).owner];
    for (const user of others) {
      for (const table of [...TABLES, "token_grants", "token_consumption_locks"]) {
        expect((await readAs(user, table)).map(walletOf), table).not.toContain(team.wallet);
      }
    }
  });

  it("shows a stored answer to who asked alone, also after it has left", async () => {
    const team = await teams.open({ tokens: 10 });
    const [one, two] = [await team.join(), await team.join("admin")];
    const id = newId();
    await team.admit(one, 2, id);
    await ledger.settle(team.wallet, id, 2, { p_response_head: '{"data":"mine","usage":{' });
    const server = newId();
    await ledger.hold(team.wallet, 1, server);
    await teams.do(settle(team.wallet, server, 1));
    for (const user of [team.owner, two]) expect(await readAs(user, "token_consumption_locks")).toEqual([]);
    expect(await readAs(one, "token_consumption_locks")).toMatchObject([{ request_id: id, actor_id: one }]);
    await teams.do(remove(one, team.wallet, one));
    expect(await readAs(one, "token_consumption_locks")).toMatchObject([{ request_id: id }]);
  });

  it("shows nobody the tables of wallets themselves", async () => {
    const { owner } = await teams.open();
    for (const table of ["wallets", "wallet_members", "wallet_invitations", "wallet_settings"]) {
      for (const role of ["anon", "authenticated", "service_role"]) {
        const reading = sql.begin(async (transaction) => {
          await transaction`select set_config('request.jwt.claims', ${JSON.stringify({ sub: owner })}, true)`;
          await transaction.unsafe(`set local role ${role}`);
          await transaction.unsafe(`select * from private.${table}`);
        });
        await expect(reading, `${table} as ${role}`).rejects.toMatchObject({ code: "42501" });
      }
    }
  });
});

describe("the audit", () => {
  it("finds what a member holds and spends to be another sum than its requests'", async () => {
    const team = await teams.open({ tokens: 10 });
    const member = await team.join();
    const id = newId();
    await team.admit(member, 2, id);
    await team.admit(member, 3);
    await ledger.settle(team.wallet, id, 2);
    const falsify = (change: string) =>
      sql.unsafe(`update private.wallet_members set ${change} where user_id = '${member}'`);
    await falsify("held = held + 1, spent = spent - 1");
    expect(await ledger.problems()).toMatchObject([
      {
        invariant: "a member's held is the sum of its open holds",
        user_id: team.wallet,
        details: { member_id: member, held: 4, sum_of_holds: 3 },
      },
      {
        invariant: "what a member spent in a month is the sum of its charges, without what was refunded",
        user_id: team.wallet,
        details: { member_id: member, spent: 1, sum_of_charges: 2 },
      },
    ]);
    await falsify("held = held - 1, spent = spent + 1");
  });

  it("finds who acted to be another than was chained", async () => {
    const team = await teams.open({ tokens: 10 });
    const id = newId();
    await team.admit(team.owner, 2, id);
    await ledger.settle(team.wallet, id, 2);
    const changeActor = async (actor: string) => {
      const [found] = await sql`
        select tableoid::regclass::text as name from token_balance_history where request_id = ${id}`;
      await sql.unsafe(`alter table ${found!.name} disable trigger user`);
      await sql.unsafe(`update ${found!.name} set actor_id = '${actor}' where request_id = '${id}'`);
      await sql.unsafe(`alter table ${found!.name} enable trigger user`);
    };
    await changeActor(newId());
    expect([...await sql`select user_id, request_id from verify_token_chain()`])
      .toEqual([{ user_id: team.wallet, request_id: id }]);
    await changeActor(team.owner);
  });
});

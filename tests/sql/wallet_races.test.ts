import { afterEach, describe, expect, it } from "vitest";

import {
  type Call,
  consume,
  createDatabase,
  newId,
  type Outcome,
  overlapping,
  race,
  raceAll,
  range,
  release,
  settle,
} from "./support.ts";
import {
  accept,
  act,
  admit,
  type AdmitOutcome,
  digestOf,
  invite,
  remove,
  setCap,
  setRole,
  Teams,
  type WalletOutcome,
} from "./wallet_support.ts";

const { url, sql, ledger } = await createDatabase();
const teams = new Teams(sql);

afterEach(async () => {
  expect(await ledger.problems()).toEqual([]);
  expect([...await sql`select * from verify_token_chain()`]).toEqual([]);
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql`
    select deadlocks::integer as count from pg_stat_database where datname = current_database()`;
  expect(row!.count).toBe(0);
});

function count(outcomes: { error: string | null }[], error: string | null): number {
  return outcomes.filter((one) => one.error === error).length;
}

/** Rounds of a race whose order the machine decides, so that each order comes up. */
const ROUNDS = range(5);

describe("members at once", () => {
  it("20 of a team on a balance for 7 are 7 who are served", async () => {
    const team = await teams.open({ tokens: 7 });
    const members = await Promise.all(range(20).map(() => team.join()));
    const ids = members.map(() => newId());
    const outcomes = await raceAll<AdmitOutcome>(
      url,
      members.map((member, index) => admit(member, team.wallet, 1, ids[index])),
    );
    expect([count(outcomes, null), count(outcomes, "insufficient_tokens")]).toEqual([7, 13]);
    const held = ids.filter((_, index) => outcomes[index]!.success);
    await raceAll(url, held.map((id) => settle(team.wallet, id, 1)));
    expect(await ledger.balance(team.wallet)).toMatchObject({ balance: 0, held: 0 });
  });

  it("of two teams in batches that cross are as many as the balances pay, without a deadlock", async () => {
    const [one, two] = [await teams.open({ tokens: 15 }), await teams.open({ tokens: 15 })];
    const members = await Promise.all(range(10).map(() => one.join()));
    for (const member of members) await two.join("member", member);
    // Each by another member: only the wallets are in the way of each other.
    const batches = members.map((member, index): Call => {
      const wallets = index % 2 ? [one.wallet, two.wallet] : [two.wallet, one.wallet];
      const operations = [...wallets, ...wallets].map((wallet) => ({
        operation: "admit",
        request_id: newId(),
        user_id: member,
        wallet_id: wallet,
        token_amount: 1,
        operation_type: "x",
        fingerprint: "content",
      }));
      return { name: "run_token_operations", args: { p_operations: operations } };
    });
    const outcomes = (await raceAll<AdmitOutcome[]>(url, batches)).flat();
    expect([count(outcomes, null), count(outcomes, "insufficient_tokens")]).toEqual([30, 10]);
  });

  it("10 requests of one at its cap for 3 are 3 that are served, and others go on", async () => {
    for (const _ of ROUNDS) {
      const team = await teams.open({ tokens: 100 });
      const [capped, free] = [await team.join(), await team.join()];
      await teams.do(setCap(team.owner, team.wallet, capped, 3));
      const calls = [capped, free].flatMap((member) => range(10).map(() => admit(member, team.wallet)));
      const outcomes = await raceAll<AdmitOutcome>(url, calls);
      expect([count(outcomes.slice(0, 10), null), count(outcomes.slice(0, 10), "member_cap_reached")])
        .toEqual([3, 7]);
      expect(count(outcomes.slice(10), null)).toBe(10);
      expect(await team.member(capped)).toMatchObject({ held: 3 });
    }
  });

  it("10 retries of one request are one hold, counted once for its member", async () => {
    for (const _ of ROUNDS) {
      const team = await teams.open({ tokens: 100 });
      const member = await team.join();
      const id = newId();
      const outcomes = await raceAll<AdmitOutcome>(
        url,
        range(10).map(() => admit(member, team.wallet, 5, id)),
      );
      expect([count(outcomes, null), count(outcomes, "request_in_progress")]).toEqual([1, 9]);
      expect(await team.member(member)).toMatchObject({ held: 5 });
      const ends = [settle(team.wallet, id, 4), release(team.wallet, id), settle(team.wallet, id, 4)];
      await raceAll(url, ends);
      expect((await team.member(member))!.held).toBe(0);
    }
  });

  it("and a server that charges their wallet in one step spend no token twice", async () => {
    const team = await teams.open({ tokens: 10 });
    const member = await team.join();
    const calls = range(10).flatMap(() => [admit(member, team.wallet), consume(team.wallet, 1, newId())]);
    const outcomes = await raceAll<Outcome>(url, calls);
    expect([count(outcomes, null), count(outcomes, "insufficient_tokens")]).toEqual([10, 10]);
  });
});

describe("an invitation", () => {
  it("has its last use taken by one of two who accept at once", async () => {
    for (const _ of ROUNDS) {
      const team = await teams.open();
      const code = newId();
      await teams.do(invite(team.owner, team.wallet, code, { p_max_uses: 3 }));
      for (const _ of range(2)) await teams.do(accept(newId(), code));
      const users = range(2).map(newId);
      const outcomes = await raceAll<WalletOutcome>(url, users.map((user) => accept(user, code)));
      expect([count(outcomes, null), count(outcomes, "not_found")]).toEqual([1, 1]);
      expect(Object.keys(await team.roles())).toHaveLength(4);
    }
  });

  it("is used once by one who accepts it many times at once", async () => {
    const team = await teams.open();
    const code = newId();
    await teams.do(invite(team.owner, team.wallet, code, { p_max_uses: 5 }));
    const user = newId();
    const outcomes = await raceAll<WalletOutcome>(url, range(8).map(() => accept(user, code)));
    expect(count(outcomes, null)).toBe(8);
    const [row] = await sql`select uses from private.wallet_invitations where code_digest = ${
      digestOf(code)
    }`;
    expect(row!.uses).toBe(1);
  });

  it("of many wallets at once lets a user into no more than it may be in", async () => {
    const { url, sql } = await createDatabase();
    const teams = new Teams(sql);
    await sql`update private.wallet_settings set memberships_per_user = 3`;
    const codes = await Promise.all(
      range(8).map(async () => {
        const team = await teams.open();
        const code = newId();
        await teams.do(invite(team.owner, team.wallet, code));
        return code;
      }),
    );
    const user = newId();
    const outcomes = await raceAll<WalletOutcome>(url, codes.map((code) => accept(user, code)));
    expect([count(outcomes, null), count(outcomes, "wallet_limit_reached")]).toEqual([3, 5]);
  });
});

describe("the last owner", () => {
  it("is left when two owners leave at once, or demote each other", async () => {
    for (const _ of ROUNDS) {
      const team = await teams.open();
      const other = await team.join("owner");
      const leaving = [remove(team.owner, team.wallet, team.owner), remove(other, team.wallet, other)];
      const outcomes = await raceAll<WalletOutcome>(url, leaving);
      expect([count(outcomes, null), count(outcomes, "last_owner")]).toEqual([1, 1]);
      expect(Object.values(await team.roles())).toEqual(["owner"]);
    }
    for (const _ of ROUNDS) {
      const team = await teams.open();
      const other = await team.join("owner");
      await raceAll<WalletOutcome>(url, [
        setRole(team.owner, team.wallet, other, "member"),
        setRole(other, team.wallet, team.owner, "member"),
      ]);
      expect(Object.values(await team.roles()).toSorted()).toEqual(["member", "owner"]);
    }
  });

  it("is there when owners leave, are demoted, hand over and are forgotten at once", async () => {
    for (const _ of range(4)) {
      const team = await teams.open();
      const [two, three, four] = await Promise.all(range(3).map(() => team.join("owner")));
      const member = await team.join("member");
      const calls: Call[] = [
        remove(team.owner, team.wallet, team.owner),
        setRole(two!, team.wallet, two!, "viewer"),
        act("transfer_wallet", three!, team.wallet, { p_member_id: member }),
        { name: "forget_user", args: { p_user_id: four! } },
      ];
      await raceAll<unknown>(url, calls);
      expect(Object.values(await team.roles())).toContain("owner");
    }
  });
});

describe("a member who is removed", () => {
  it("while it asks is either served and charged, or refused: nothing between", async () => {
    for (const _ of ROUNDS) {
      const team = await teams.open({ tokens: 100 });
      const member = await team.join();
      const ids = range(6).map(newId);
      const calls = [
        ...ids.map((id) => admit(member, team.wallet, 1, id)),
        remove(team.owner, team.wallet, member),
      ];
      const outcomes = (await raceAll<AdmitOutcome>(url, calls)).slice(0, ids.length);
      const served = ids.filter((_, index) => outcomes[index]!.success);
      expect(count(outcomes, "forbidden")).toBe(ids.length - served.length);
      await raceAll(url, served.map((id) => settle(team.wallet, id, 1)));
      expect(await ledger.balance(team.wallet)).toMatchObject({ balance: 100 - served.length, held: 0 });
      expect(await team.member(member)).toMatchObject({ held: 0, spent: served.length, is_member: false });
    }
  });

  it("or forgotten comes into no team that it was being let into, whichever is first", async () => {
    const team = await teams.open();
    const [one, two] = [newId(), newId()];
    const codes = [newId(), newId()];
    for (const code of codes) await teams.do(invite(team.owner, team.wallet, code));
    const forget = (user: string): Call => ({ name: "forget_user", args: { p_user_id: user } });
    expect(await overlapping<WalletOutcome>(sql, forget(one), accept(one, codes[0]!))).toMatchObject({
      error: "account_paused",
    });
    await overlapping<WalletOutcome>(sql, accept(two, codes[1]!), forget(two));
    for (const user of [one, two]) expect((await team.member(user))?.is_member ?? false).toBe(false);
  });

  it("or forgotten while it is let in, asks and is charged leaves nothing held", async () => {
    for (const _ of ROUNDS) {
      const team = await teams.open({ tokens: 100 });
      const member = await team.join();
      const [code, running] = [newId(), newId()];
      await teams.do(invite(team.owner, team.wallet, code));
      await team.admit(member, 1, running);
      const results = await race<unknown>(url, [
        { name: "forget_user", args: { p_user_id: member } },
        accept(member, code),
        admit(member, team.wallet),
        settle(team.wallet, running, 1, { p_response_head: '{"data":1,"usage":{' }),
      ]);
      expect(results.filter((one) => one.status === "rejected")).toEqual([]);
      expect(await team.member(member)).toMatchObject({ held: 0, is_member: false });
      expect((await ledger.lock(running))!.response).toBeNull();
    }
  });
});

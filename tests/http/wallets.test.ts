import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { connect, type SignedInUser, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { type Answer, call, expectCharged, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";
import { openSwitchboard } from "./support/model_switchboard.ts";
import { act, openTeams, read, type Role, withWallet } from "./support/wallets.ts";

const PLENTY = 1_000;

const sql = connect({ connections: 2 });
const { newUser, accountOf, expectUntouched } = openAccounts();
const { newTeam } = openTeams();
const switchboard = openSwitchboard();
let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions({ AI_BASE_URL: switchboard.baseUrl });
});

const newKey = () => crypto.randomUUID();

function analyse(user: SignedInUser, wallet?: string, { key, body }: { key?: string; body?: unknown } = {}) {
  return call("meal-analyzer", {
    user,
    key,
    headers: wallet === undefined ? {} : withWallet(wallet),
    body: body ?? { description: "two bowls of lentil soup" },
  });
}

async function newTeamOf(roles: Exclude<Role, "owner">[], tokens = PLENTY) {
  const team = await newTeam(await newUser(), tokens);
  const users: SignedInUser[] = [];
  for (const role of roles) {
    const user = await newUser();
    await team.join(user, role);
    users.push(user);
  }
  return { ...team, users };
}

/** A refusal without what is of its request. */
function wordsOf({ status, body }: Answer): unknown {
  return { status, ...body, request_id: undefined };
}

describe("a team", () => {
  it("is made, invited into, and its members spend from its wallet and not from their own", async () => {
    const [owner, member] = [await newUser(), await newUser(5)];
    const { wallet, join } = await newTeam(owner, PLENTY);
    await join(member);
    const { charged, requestId, balance } = expectCharged(await analyse(member, wallet));
    expect(balance).toBe(PLENTY - charged);
    await expectUntouched(member, 5);
    expect(await accountOf({ id: wallet })).toMatchObject({
      balance,
      held: 0,
      charges: [{ charged, request_id: requestId }],
    });

    const listed = await read(member, "list");
    expect(listed.body.wallets).toMatchObject([{
      wallet_id: wallet,
      name: "Kitchen",
      role: "member",
      balance,
    }]);
    const members = await read(owner, "members", { wallet_id: wallet });
    expect(members.body.members).toMatchObject([
      { user_id: owner.id, role: "owner", spent_this_month: 0 },
      { user_id: member.id, role: "member", spent_this_month: charged },
    ]);
    const usage = await read(owner, "usage", { wallet_id: wallet });
    expect(usage.body).toMatchObject({
      tokens: charged,
      by_member: [{ user_id: member.id, requests: 1, tokens: charged }],
      by_feature: [{ operation_type: "meal-analyzer", requests: 1, tokens: charged }],
    });
  });

  it("sees its balance, limits, history and why it was charged; nobody else does", async () => {
    const { wallet, owner, users: [member, viewer] } = await newTeamOf(["member", "viewer"]);
    const stranger = await newUser();
    const { charged, requestId, balance } = expectCharged(await analyse(member!, wallet));
    const paths = ["balance", "account/limits", `account/why?request_id=${requestId}`, "account/ledger"];
    const get = (user: SignedInUser, path: string) =>
      call(path, { method: "GET", user, headers: withWallet(wallet) });
    for (const user of [owner, member!, viewer!]) {
      const [owned, limits, why, ledger] = await Promise.all(paths.map((path) => get(user, path)));
      expect(owned!.body).toMatchObject({
        balance,
        entries: [{ delta: -charged, actor_id: member!.id }, {}],
      });
      expect(limits!.body).toMatchObject({ plan: "default", daily_cap_tokens: null });
      expect(why!.body).toMatchObject({ user_id: wallet, actor_id: member!.id, charged });
      expect(ledger!.text.split("\r\n")).toHaveLength(4);
      expect(ledger!.text.split("\r\n")[2]).toMatch(new RegExp(`,${member!.id}$`));
    }
    for (const path of paths) {
      const refused = await get(stranger, path);
      if (path.includes("why")) expectRefusal(refused, 404, "not_found");
      else expectRefusal(refused, 403, "forbidden");
    }
    for (const action of ["members", "usage", "invitations"]) {
      expectRefusal(await read(stranger, action, { wallet_id: wallet }), 403, "forbidden");
    }
    expectRefusal(await read(member!, "invitations", { wallet_id: wallet }), 403, "forbidden");
  });

  it("reads its wallet's rows over REST, and each member its own answers alone; others read nothing", async () => {
    const { wallet, owner, users: [member, viewer] } = await newTeamOf(["member", "viewer"]);
    expectCharged(await analyse(member!, wallet, { key: newKey() }));
    const rowsOf = async (user: SignedInUser, table: string) =>
      (await user.client.from(table).select("*").eq("user_id", wallet)).data!.length;
    for (const user of [owner, member!, viewer!]) {
      expect(await rowsOf(user, "token_balances")).toBe(1);
      expect(await rowsOf(user, "token_balance_history")).toBe(2);
      expect(await rowsOf(user, "token_consumption_locks")).toBe(user === member ? 1 : 0);
    }
    const stranger = await newUser();
    for (const table of ["token_balances", "token_balance_history", "token_consumption_locks"]) {
      expect(await rowsOf(stranger, table)).toBe(0);
    }
    await act(owner, "remove", { wallet_id: wallet, member_id: member!.id });
    expect(await rowsOf(member!, "token_balance_history")).toBe(0);
  });

  it("has caps of its own, which an owner sets, and a pause of its own", async () => {
    const { wallet, owner, users: [admin] } = await newTeamOf(["admin"]);
    const cap = (user: SignedInUser) =>
      call("account/caps", {
        user,
        headers: withWallet(wallet),
        body: { daily_cap_tokens: 1, monthly_cap_tokens: null },
      });
    expectRefusal(await cap(admin!), 403, "forbidden");
    expect((await cap(owner)).body).toMatchObject({ daily_cap_tokens: 1 });
    expectRefusal(await analyse(admin!, wallet), 402, "spend_cap_reached");
    await sql`select public.pause_account(${wallet}, 'a chargeback')`;
    expectRefusal(await analyse(admin!, wallet), 403, "account_paused");
    await expectUntouched({ id: wallet }, PLENTY);
  });
});

describe("the header Tessera-Wallet", () => {
  it("may be sent by a page of another origin", async () => {
    const response = await fetch(`${stack.url}/functions/v1/meal-analyzer`, {
      method: "OPTIONS",
      headers: { Origin: "https://app.example", "Access-Control-Request-Headers": "tessera-wallet" },
    });
    expect(response.headers.get("Access-Control-Allow-Headers")).toContain("tessera-wallet");
    await response.body?.cancel();
  });

  it("that is no id, or several, is refused before anything runs", async () => {
    const user = await newUser(PLENTY);
    for (const wallet of ["my team", "", `${crypto.randomUUID()}, ${crypto.randomUUID()}`]) {
      expectRefusal(await analyse(user, wallet), 400, "invalid_request");
    }
    await expectUntouched(user, PLENTY);
  });

  it("with the user's own id is the user's own wallet: the same key is the same request", async () => {
    const user = await newUser(PLENTY);
    const key = newKey();
    const first = await analyse(user, undefined, { key });
    const again = await analyse(user, user.id.toUpperCase(), { key });
    expect(again.text).toBe(first.text);
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
  });

  it("of another team's wallet, another user's or nobody's is refused in the same words", async () => {
    const [user, other] = [await newUser(PLENTY), await newUser(PLENTY)];
    const { wallet } = await newTeamOf([]);
    const answers = [];
    for (const id of [wallet, other.id, crypto.randomUUID()]) answers.push(await analyse(user, id));
    for (const answer of answers) {
      expectRefusal(answer, 403, "forbidden");
      expect(wordsOf(answer)).toEqual(wordsOf(answers[0]!));
    }
    for (const one of [user, other, { id: wallet }]) await expectUntouched(one, PLENTY);
  });

  it("makes a request with the same key another one, and a retry with the same wallet a replay", async () => {
    const [one, two] = [await newTeamOf(["member"]), await newTeamOf([])];
    const [member] = one.users;
    await two.join(member!);
    const key = newKey();
    const first = await analyse(member!, one.wallet, { key });
    const charged = expectCharged(first).charged;
    const retry = await analyse(member!, one.wallet.toUpperCase(), { key });
    expect(retry.text).toBe(first.text);
    expect(retry.headers.get("Idempotent-Replayed")).toBe("true");
    const elsewhere = await analyse(member!, two.wallet, { key, body: { description: "an apple" } });
    expect(elsewhere.headers.get("Idempotent-Replayed")).toBeNull();
    expect(expectCharged(elsewhere).requestId).not.toBe(expectCharged(first).requestId);
    const owners = await analyse(one.owner, one.wallet, { key, body: { description: "a pear" } });
    expect(owners.headers.get("Idempotent-Replayed")).toBeNull();
    const both = charged + expectCharged(owners).charged;
    expect((await accountOf({ id: one.wallet })).balance).toBe(PLENTY - both);
  });

  it("is not looked at by what has no price and asks nothing of a wallet", async () => {
    const answer = await call("wallets/list", {
      method: "GET",
      user: await newUser(),
      headers: withWallet("my team"),
    });
    expect(answer.status).toBe(200);
  });
});

describe("a member", () => {
  it("who is a viewer, or was removed, is refused", async () => {
    const { wallet, owner, users: [viewer, removed] } = await newTeamOf(["viewer", "member"]);
    expectRefusal(await analyse(viewer!, wallet), 403, "forbidden");
    expectCharged(await analyse(removed!, wallet));
    await act(owner, "remove", { wallet_id: wallet, member_id: removed!.id });
    expectRefusal(await analyse(removed!, wallet), 403, "forbidden");
  });

  it("at its cap gets 403 with when it ends, while the others go on", async () => {
    const { wallet, owner, users: [capped, free] } = await newTeamOf(["member", "member"]);
    const set = { wallet_id: wallet, member_id: capped!.id, monthly_cap_tokens: 1 };
    expect((await act(owner, "cap", set)).body).toEqual({ success: true });
    const refused = await analyse(capped!, wallet);
    expectRefusal(refused, 403, "member_cap_reached");
    expect(refused.body.details).toMatchObject({ cap_tokens: 1, spent: 0, held: 0 });
    expect(Date.parse(refused.body.details.resets_at)).toBeGreaterThan(Date.now());
    expectCharged(await analyse(free!, wallet));
  });

  it("who moves to another team while its request runs is charged where it was held", async () => {
    const [one, two] = [await newTeamOf(["member"]), await newTeamOf([])];
    const [member] = one.users;
    const text = `text ${newKey()}`;
    const paused = switchboard.pause(text);
    const echo = (wallet: string) =>
      call("echo", { base: functions.url, user: member!, headers: withWallet(wallet), body: { text } });
    const running = echo(one.wallet);
    await paused.arrived;
    await act(one.owner, "remove", { wallet_id: one.wallet, member_id: member!.id });
    await two.join(member!);
    expectRefusal(await echo(one.wallet), 403, "forbidden");
    paused.release();
    const { charged } = expectCharged(await running);
    expect((await accountOf({ id: one.wallet })).balance).toBe(PLENTY - charged);
    await expectUntouched({ id: two.wallet }, PLENTY);
    const moved = expectCharged(await echo(two.wallet));
    expect((await accountOf({ id: two.wallet })).balance).toBe(PLENTY - moved.charged);
  });
});

describe("an invitation", () => {
  it("has one answer for a code that is unknown, over, used up or another's: the same status and body", async () => {
    const { wallet, owner } = await newTeamOf([]);
    const codeOf = async (
      more: Record<string, unknown> = {},
    ): Promise<{ code: string; invitation_id: string }> =>
      (await act(owner, "invite", { wallet_id: wallet, ...more })).body;
    const [full, expired, others, withdrawn] = [
      await codeOf(),
      await codeOf(),
      await codeOf({ email: "somebody@example.com" }),
      await codeOf(),
    ];
    await act(await newUser(), "accept", { code: full!.code });
    await sql`
      update private.wallet_invitations set expires_at = now() - interval '1 second'
      where id = ${expired!.invitation_id}`;
    await act(owner, "withdraw", { wallet_id: wallet, invitation_id: withdrawn!.invitation_id });
    const user = await newUser();
    const unknown = await act(user, "accept", { code: "0123456789-abcdefghij_" });
    expectRefusal(unknown, 404, "not_found");
    for (const { code } of [full!, expired!, others!, withdrawn!]) {
      expect(wordsOf(await act(user, "accept", { code }))).toEqual(wordsOf(unknown));
    }
  });

  it("for an e-mail address is accepted by the user who has confirmed it", async () => {
    const { wallet, owner } = await newTeamOf([]);
    const user = await newUser();
    const { data } = await user.client.auth.getUser();
    const { body } = await act(owner, "invite", {
      wallet_id: wallet,
      email: data.user!.email!.toUpperCase(),
    });
    const { body: { invitations } } = await read(owner, "invitations", { wallet_id: wallet });
    expect(invitations).toMatchObject([{ email: data.user!.email, uses: 0 }]);
    expectRefusal(await act(await newUser(), "accept", { code: body.code }), 404, "not_found");
    expect((await act(user, "accept", { code: body.code })).body).toEqual({
      wallet_id: wallet,
      role: "member",
    });
  });

  it("is kept without its code", async () => {
    const { wallet, owner } = await newTeamOf([]);
    const { body } = await act(owner, "invite", { wallet_id: wallet });
    expect(body.code).toMatch(/^[\w-]{22}$/);
    const rows = await sql`select * from private.wallet_invitations where id = ${body.invitation_id}`;
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(body.code);
  });
});

describe("who runs a wallet", () => {
  it("makes it once for one key, renames it, hands it over, leaves it", async () => {
    const owner = await newUser();
    const create = (key: string) => call("wallets/create", { user: owner, key, body: { name: "Kitchen" } });
    const key = newKey();
    const { wallet_id } = (await create(key)).body;
    expect((await create(key)).body).toEqual({ wallet_id });
    expect((await create(newKey())).body.wallet_id).not.toBe(wallet_id);

    expect((await act(owner, "rename", { wallet_id, name: " Office " })).body).toEqual({ success: true });
    expect((await read(owner, "list")).body.wallets[0]).toMatchObject({ name: "Office" });
    expectRefusal(await act(owner, "leave", { wallet_id }), 409, "last_owner");
    expectRefusal(
      await act(owner, "role", { wallet_id, member_id: owner.id, role: "member" }),
      409,
      "last_owner",
    );

    const member = await newUser();
    const { code } = (await act(owner, "invite", { wallet_id })).body;
    await act(member, "accept", { code });
    expect((await act(owner, "transfer", { wallet_id, member_id: member.id })).body).toEqual({
      success: true,
    });
    expect((await act(owner, "leave", { wallet_id })).body).toEqual({ success: true });
    expect((await act(owner, "leave", { wallet_id })).body).toEqual({ success: true });
    expectRefusal(await act(owner, "rename", { wallet_id, name: "Mine" }), 403, "forbidden");
    expect((await act(member, "close", { wallet_id })).body).toEqual({ success: true });
    expect((await read(member, "list")).body.wallets).toEqual([]);
  });

  it("does not close it while it owns tokens", async () => {
    const { wallet, owner } = await newTeamOf([], 1);
    expectRefusal(await act(owner, "close", { wallet_id: wallet }), 409, "wallet_not_empty");
  });

  it.each([
    ["create", { name: " " }],
    ["create", { name: "x".repeat(101) }],
    ["invite", { wallet_id: crypto.randomUUID(), role: "owner" }],
    ["invite", { wallet_id: crypto.randomUUID(), email: "a@example.com", max_uses: 2 }],
    ["invite", { wallet_id: "mine" }],
    ["accept", { code: "short" }],
    ["cap", { wallet_id: crypto.randomUUID(), member_id: crypto.randomUUID(), monthly_cap_tokens: -1 }],
  ])("is told what is wrong with %s %o", async (action, body) => {
    const refused = await act(await newUser(), action, body);
    expectRefusal(refused, 400, "invalid_request");
    expect(refused.body.details[0].path).toMatch(/\S/);
  });

  it("is told what is wrong with a month", async () => {
    const refused = await read(await newUser(), "usage", {
      wallet_id: crypto.randomUUID(),
      month: "2026-13",
    });
    expectRefusal(refused, 400, "invalid_request");
  });
});

import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { createTesseraClient } from "../../client/mod.ts";
import { projectFolder } from "../../scripts/local/paths.ts";
import { connect, type SignedInUser, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";
import { openTeams, withWallet } from "./support/wallets.ts";

const sql = connect({ connections: 2 });
const { newUser } = openAccounts();
const { newTeam } = openTeams();
const IN_TWO_DAYS = new Date(Date.now() + 2 * 86_400_000).toISOString();

const get = (path: string, user?: Pick<SignedInUser, "token">, headers = {}) =>
  call(path, { method: "GET", user, headers });

/** Grants tokens with what a grant may have beside its amount. */
const grant = (wallet: string, amount: number, more: Record<string, unknown> = {}) =>
  sql`select public.add_tokens(${wallet}, ${amount}, 'test',
    p_kind => ${(more.kind ?? "paid") as string}, p_expires_at => ${(more.expires_at ?? null) as
    | string
    | null},
    p_effective_at => ${(more.effective_at ?? null) as string | null}, p_source => ${(more.source ?? null) as
    | string
    | null},
    p_request_id => ${(more.request_id ?? null) as string | null})`;

async function charged(user: SignedInUser, headers = {}) {
  return expectCharged(
    await call("meal-analyzer", { user, headers, body: { description: "two bowls of lentil soup" } }),
  );
}

/** As if a user's grant that ends had ended a moment ago, and no job had run. */
async function endGrants(user: SignedInUser) {
  await sql`
    update public.token_grants set effective_at = now() - interval '1 hour', expires_at = now()
    where wallet_id = ${user.id} and expires_at < 'infinity'`;
  await sql`update public.token_balances set next_expiry_at = now() where user_id = ${user.id}`;
}

describe("balance", () => {
  it("shows the grants in the order in which they are spent, what is left of each, and the next end", async () => {
    const user = await newUser();
    await grant(user.id, 500);
    await grant(user.id, 40, { kind: "promotion", expires_at: IN_TWO_DAYS, source: "summer" });
    await grant(user.id, 30, { effective_at: IN_TWO_DAYS });
    const { charged: tokens } = await charged(user);
    const { status, body } = await get("balance", user);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      balance: 540 - tokens,
      held: 0,
      available: 540 - tokens,
      debt: 0,
      next_expiry_tokens: 40 - tokens,
      grants: [
        { entry_number: 2, kind: "promotion", amount: 40, remaining: 40 - tokens, source: "summer" },
        {
          entry_number: 1,
          kind: "paid",
          priority: 50,
          amount: 500,
          remaining: 500,
          expires_at: null,
          source: null,
        },
      ],
      pending_grants: [{ kind: "paid", amount: 30 }],
    });
    expect(Date.parse(body.next_expiry_at)).toBe(Date.parse(IN_TWO_DAYS));
    expect(Date.parse(body.pending_grants[0].effective_at)).toBe(Date.parse(IN_TWO_DAYS));
    expect(body.grants[0]).not.toHaveProperty("id");
  });

  it("has taken off what has ended, and its entry is there, although no job has run", async () => {
    const user = await newUser();
    await grant(user.id, 100);
    await grant(user.id, 40, { kind: "promotion", expires_at: IN_TWO_DAYS });
    await endGrants(user);
    const { body } = await get("balance", user);
    expect(body).toMatchObject({ balance: 100, next_expiry_at: null, next_expiry_tokens: null });
    expect(body.grants).toHaveLength(1);
    expect(body.entries[0]).toMatchObject({ operation_type: "expiry", delta: -40, balance_after: 100 });
  });

  it("shows a debt, and that the next grant pays it first", async () => {
    const user = await newUser();
    await grant(user.id, 20, { source: user.id });
    const { charged: tokens } = await charged(user);
    await sql`select public.claw_back_grant(${user.id}, 20, ${crypto.randomUUID()})`;
    expect((await get("balance", user)).body).toMatchObject({
      balance: 0,
      available: 0,
      debt: tokens,
      grants: [],
    });
    await grant(user.id, 50);
    const { body } = await get("balance", user);
    expect(body).toMatchObject({ balance: 50 - tokens, debt: 0 });
    expect(body.entries.slice(0, 2)).toMatchObject([
      { operation_type: "debt_payment", delta: -tokens },
      { operation_type: "grant", delta: 50 },
    ]);
  });

  it("shows members a team's grants without the payment that they are from, and strangers nothing", async () => {
    const [owner, member, stranger] = [await newUser(), await newUser(), await newUser()];
    const { wallet, join: letIn } = await newTeam(owner);
    await letIn(member, "viewer");
    await grant(wallet, 70, { source: `pi_${wallet}`, expires_at: IN_TWO_DAYS });
    const { body } = await get("balance", member, withWallet(wallet));
    expect(body).toMatchObject({ balance: 70, grants: [{ remaining: 70, source: null }] });
    for (const path of ["balance", "account/grants"]) {
      expectRefusal(await get(path, stranger, withWallet(wallet)), 403, "forbidden");
    }
    const listed = await get("account/grants", member, withWallet(wallet));
    expect(listed.body).toMatchObject({ balance: 70, grants: [{ amount: 70, source: null }] });
  });
});

describe("account/grants", () => {
  it("shows every grant with what became of it, in pages", async () => {
    const user = await newUser();
    await grant(user.id, 20, { source: user.id });
    await grant(user.id, 40, { kind: "promotion", expires_at: IN_TWO_DAYS });
    await endGrants(user);
    const { charged: tokens, requestId } = await charged(user);
    await sql`select public.refund_tokens(${requestId}, ${crypto.randomUUID()}, 1)`;
    await sql`select public.claw_back_grant(${user.id}, 5, ${crypto.randomUUID()})`;
    const { body } = await get("account/grants", user);
    expect(body).toMatchObject({
      balance: 20 - tokens + 1 - 5,
      debt: 0,
      grants: [
        { entry_number: 2, kind: "promotion", amount: 40, expired: 40, remaining: 0, spent: 0 },
        {
          entry_number: 1,
          spent: tokens,
          refunded: 1,
          reversed: 5,
          remaining: 20 - tokens + 1 - 5,
          source: user.id,
        },
      ],
      next_before_entry: null,
    });
    const first = (await get("account/grants?limit=1", user)).body;
    expect(first).toMatchObject({ grants: [{ entry_number: 2 }], next_before_entry: 2 });
    const second = (await get("account/grants?limit=1&before_entry=2", user)).body;
    expect(second).toMatchObject({ grants: [{ entry_number: 1 }] });
  });

  it.each(["limit=0", "limit=101", "before_entry=0", "before_entry=x"])("refuses %s", async (query) => {
    expectRefusal(await get(`account/grants?${query}`, await newUser()), 400, "invalid_request");
  });

  it("is nobody's who is not signed in, and shows no one else's, whoever the query names", async () => {
    const [user, other] = [await newUser(5), await newUser(7)];
    expectRefusal(await get("account/grants"), 401, "unauthorized");
    const { body } = await get(`account/grants?p_wallet_id=${other.id}&user_id=${other.id}`, user);
    expect(body).toMatchObject({ balance: 5, grants: [{ amount: 5 }] });
  });

  it("is a method of the typed client, as the balance is", async () => {
    const user = await newUser();
    await grant(user.id, 12, { kind: "plan", expires_at: IN_TWO_DAYS });
    const client = createTesseraClient({
      url: stack.url,
      publishableKey: stack.publishableKey,
      accessToken: () => user.token,
    });
    const { data: balance } = await client.balance();
    const { data: listed } = await client.accountGrants({ limit: 5 });
    expect([balance.next_expiry_tokens, balance.grants[0]!.kind]).toEqual([12, "plan"]);
    expect(listed.grants[0]).toMatchObject({ remaining: 12, spent: 0 });
  });
});

describe("the ledger as a file", () => {
  it("has the entries of every kind that is no charge, and who acted", async () => {
    const owner = await newUser();
    const { wallet } = await newTeam(owner);
    await grant(wallet, 60, { source: wallet });
    await grant(wallet, 9, { effective_at: "2020-01-01", expires_at: "2020-01-02" });
    const { requestId, charged: tokens } = await charged(owner, withWallet(wallet));
    await sql`select public.refund_tokens(${requestId}, ${crypto.randomUUID()}, 1, 'cold soup')`;
    await sql`select public.claw_back_grant(${wallet}, 60, ${crypto.randomUUID()})`;
    await grant(wallet, 10);
    const { text } = await get("account/ledger", owner, withWallet(wallet));
    const rows = text.trimEnd().split("\r\n").slice(1);
    const kinds = rows.map((row) => row.split(",")[2]);
    expect(kinds).toEqual(
      ["grant", "grant", "expiry", "meal-analyzer", "refund", "clawback", "grant", "debt_payment"],
    );
    expect(rows[3]).toMatch(new RegExp(`,-${tokens},\\d+,${requestId},.*,${owner.id}$`));
    expect(rows[4]).toContain("cold soup");
    expect(rows[4]).toMatch(/,$/);
  });
});

describe("why was I charged?", () => {
  it("is answered with the grants that paid and the refunds, and hides a team's payments from its members", async () => {
    const user = await newUser();
    await grant(user.id, 2, { kind: "promotion", expires_at: IN_TWO_DAYS });
    await grant(user.id, 100, { source: user.id });
    const { requestId, charged: tokens } = await charged(user);
    await sql`select public.refund_tokens(${requestId}, 'r-${sql.unsafe(requestId)}', 1, 'cold soup')`;
    const { body } = await get(`account/why?request_id=${requestId}`, user);
    expect(body).toMatchObject({
      charged: tokens,
      refunded: 1,
      grant: null,
      grants: [
        { entry_number: 1, kind: "promotion", tokens: 2, source: null },
        { entry_number: 2, kind: "paid", tokens: tokens - 2, source: user.id },
      ],
    });
    expect(body.events.at(-1)).toMatchObject({ event: "refunded", tokens: 1, reason: "cold soup" });

    const { wallet } = await newTeam(user);
    await grant(wallet, 100, { source: wallet, request_id: `pay-${wallet}` });
    const team = await charged(user, withWallet(wallet));
    const asMember = async (id: string) =>
      (await get(`account/why?request_id=${id}`, user, withWallet(wallet))).body;
    expect((await asMember(team.requestId)).grants).toMatchObject([{ source: null }]);
    expect(await asMember(`pay-${wallet}`)).toMatchObject({
      grant: { source: null, remaining: 100 - team.charged },
    });
  });
});

describe("deno task refund", () => {
  const refund = async (...args: string[]) => {
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        join(projectFolder, "scripts", "refund.ts"),
        ...args,
        "--db-url",
        stack.databaseUrl,
      ],
      env: { NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    return { code, printed: new TextDecoder().decode(code === 0 ? stdout : stderr) };
  };

  const start = async () => {
    const user = await newUser();
    await grant(user.id, 2, { kind: "promotion", expires_at: IN_TWO_DAYS });
    await grant(user.id, 100);
    const charge = await charged(user);
    const balance = async () => (await get("balance", user)).body.balance as number;
    return { user, ...charge, readBalance: balance };
  };

  it("says what would happen and changes nothing, and does it with the line that it prints", async () => {
    const { requestId, charged: tokens, balance, readBalance } = await start();
    const trial = await refund(requestId, "--reason", "it's cold");
    expect(trial.code).toBe(0);
    expect(trial.printed).toContain(`meal-analyzer, request ${requestId}: charged ${tokens} tokens`);
    expect(trial.printed).toContain(`Would give ${tokens} tokens back`);
    expect(trial.printed).toMatch(
      /refund +\+\d+ tokens +\(102 left; \d+ of grant 2 \(paid\), 2 of grant 1 \(promotion until /,
    );
    expect(await readBalance()).toBe(balance);
    const [, line] = /deno task refund (.*)\n$/.exec(trial.printed)!;
    const args = line!.replaceAll("'\\''", "’").match(/'[^']*'|\S+/g)!.map((arg) =>
      arg.replace(/^'(.*)'$/, "$1").replaceAll("’", "'")
    );
    expect(args).toContain("it's cold");
    const done = await refund(...args);
    expect(done.printed).toContain(`Gave ${tokens} tokens back`);
    expect(await readBalance()).toBe(102);
    expect((await refund(...args)).printed).toContain("This refund was made before");
    expect(await readBalance()).toBe(102);
  });

  it("gives a part back, never more than is left, and finds a charge whose request is forgotten", async () => {
    const { user, requestId, charged: tokens, balance, readBalance } = await start();
    await sql`delete from public.token_consumption_locks where request_id = ${requestId}`;
    for (const more of [[], ["--user", user.id]]) {
      expect((await refund(requestId, "--amount", "1", "--yes", ...more)).code).toBe(0);
    }
    expect(await readBalance()).toBe(balance + 2);
    expect(await refund(requestId, "--amount", String(tokens), "--yes")).toEqual({
      code: 1,
      printed: `This request was charged ${tokens} tokens, of which 2 are refunded\n`,
    });
  });

  it("refuses what makes no sense, in words", async () => {
    expect(await refund("no-such-request")).toEqual({
      code: 1,
      printed: "There is no request no-such-request\n",
    });
    expect((await refund("x", "--amount", "1.5")).printed).toContain(
      "--amount must be a whole number of tokens from 1: current value is 1.5",
    );
    expect((await refund()).printed).toContain("deno task refund <request_id>");
    const user = await newUser();
    expect(await refund("no-such-request", "--user", user.id)).toEqual({
      code: 1,
      printed: "There is no charge of this request in the history\n",
    });
  });
});

import { describe, expect, it } from "vitest";

import { anonymousClient, grant, serviceClient, type SignedInUser } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";

const PLENTY = 1_000;
const LEDGER_TABLES = [
  "token_balances",
  "token_balance_history",
  "token_consumption_locks",
  "token_anomalies",
] as const;

const { newUser, accountOf } = openAccounts();

function balanceOf(user: SignedInUser, query = "") {
  return call(`balance${query}`, { method: "GET", user });
}

async function analyse(user: SignedInUser) {
  return expectCharged(await call("meal-analyzer", { user, body: { description: "lentil soup" } }));
}

describe("balance", () => {
  it("shows nothing owned to a user who never had tokens (mistake 30)", async () => {
    const answer = await balanceOf(await newUser());
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      balance: 0,
      held: 0,
      available: 0,
      debt: 0,
      next_expiry_at: null,
      next_expiry_tokens: null,
      grants: [],
      pending_grants: [],
      entries: [],
    });
    expect(answer.headers.get("X-Request-Id")).toMatch(/\S/);
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });

  it("shows the balance and the entries, newest first, as the charge's response stated them", async () => {
    const user = await newUser(PLENTY);
    const charge = await analyse(user);
    const { status, body } = await balanceOf(user);
    expect(status).toBe(200);
    expect(body).toMatchObject({ balance: charge.balance, held: 0, available: charge.balance });
    expect(body.entries).toMatchObject([
      {
        entry_number: 2,
        delta: -charge.charged,
        balance_after: charge.balance,
        operation_type: "meal-analyzer",
        request_id: charge.requestId,
      },
      { entry_number: 1, delta: PLENTY, balance_after: PLENTY, operation_type: "grant", request_id: null },
    ]);
    expect(body.entries[0].metadata.usage.input_tokens).toBeGreaterThan(0);
    expect(Date.parse(body.entries[0].created_at)).not.toBeNaN();
  });

  it("shows held tokens as not available", async () => {
    const user = await newUser(PLENTY);
    const hold = { p_request_id: crypto.randomUUID(), p_user_id: user.id, p_token_amount: 30 };
    await serviceClient().rpc("hold_tokens", { ...hold, p_operation_type: "test" });
    expect((await balanceOf(user)).body).toMatchObject({ balance: PLENTY, held: 30, available: PLENTY - 30 });
    await serviceClient().rpc("release_tokens", {
      p_request_id: hold.p_request_id,
      p_user_id: user.id,
      p_attempt: 1,
    });
    expect((await balanceOf(user)).body).toMatchObject({ balance: PLENTY, held: 0, available: PLENTY });
  });

  it("shows as many entries as asked for, 20 by default", async () => {
    const user = await newUser();
    for (let tokens = 1; tokens <= 25; tokens++) await grant(user.id, tokens);
    const deltas = async (query: string) =>
      (await balanceOf(user, query)).body.entries.map(({ delta }: { delta: number }) => delta);
    expect(await deltas("")).toEqual(Array.from({ length: 20 }, (_, index) => 25 - index));
    expect(await deltas("?limit=1")).toEqual([25]);
    expect(await deltas("?limit=100")).toHaveLength(25);
    expect(await deltas("?unknown=1&limit=2")).toEqual([25, 24]);
  });

  it.each(["0", "101", "-1", "1.5", "many", "", "Infinity", "NaN"])(
    "refuses limit=%s with 400 and the field's name",
    async (limit) => {
      const answer = await balanceOf(await newUser(), `?limit=${limit}`);
      expectRefusal(answer, 400, "invalid_request");
      expect(answer.body.details).toMatchObject([{ path: "limit" }]);
    },
  );

  it("shows no one else's tokens, whoever the query names (mistake 11)", async () => {
    const [user, other] = [await newUser(5), await newUser(PLENTY)];
    const answer = await balanceOf(user, `?user_id=${other.id}&userId=eq.${other.id}`);
    expect(answer.body.balance).toBe(5);
    expect(answer.body.entries).toHaveLength(1);
  });
});

describe("the same by supabase-js on the tables", () => {
  it("is what the owner reads: balance, entries and requests", async () => {
    const user = await newUser(PLENTY);
    const charge = await analyse(user);
    const { data: balances } = await user.client.from("token_balances").select("user_id, balance, held");
    expect(balances).toEqual([{ user_id: user.id, balance: charge.balance, held: 0 }]);
    const { data: entries } = await user.client.from("token_balance_history").select("delta, request_id")
      .order("entry_number", { ascending: false });
    expect(entries).toEqual((await balanceOf(user)).body.entries.map((
      { delta, request_id }: { delta: number; request_id: string },
    ) => ({ delta, request_id })));
    const { data: requests } = await user.client.from("token_consumption_locks").select("request_id, status");
    expect(requests).toEqual([{ request_id: charge.requestId, status: "settled" }]);
  });

  it.each(LEDGER_TABLES)("shows nothing of another user's %s", async (table) => {
    const [user, other] = [await newUser(PLENTY), await newUser(PLENTY)];
    await analyse(other);
    const { data: rows, error } = await user.client.from(table).select("*");
    expect(error).toBeNull();
    for (const row of rows!) expect(row.user_id).toBe(user.id);
    const { data: asked } = await user.client.from(table).select("*").eq("user_id", other.id);
    expect(asked).toEqual([]);
  });

  it.each(LEDGER_TABLES)("shows nobody who is not signed in anything of %s", async (table) => {
    const { data, error } = await anonymousClient().from(table).select("*");
    if (!error) expect(data).toEqual([]);
  });

  it.each(LEDGER_TABLES)("cannot be used to write %s (mistakes 1, 22)", async (table) => {
    const user = await newUser(PLENTY);
    await user.client.from(table).update({ user_id: user.id }).eq("user_id", user.id);
    await user.client.from(table).delete().eq("user_id", user.id);
    const { error } = await user.client.from(table).insert({ user_id: user.id });
    expect(error).not.toBeNull();
    const { error: change } = await user.client.from("token_balances").update({ balance: 9e9 }).eq(
      "user_id",
      user.id,
    );
    expect(change).not.toBeNull();
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY, held: 0 });
    expect((await balanceOf(user)).body.entries).toHaveLength(1);
  });

  it.each([
    ["add_tokens", { p_amount: 1_000_000, p_reason: "gift" }],
    ["consume_tokens_atomic", { p_request_id: "x", p_token_amount: 1, p_operation_type: "x" }],
    ["settle_tokens", { p_request_id: "x", p_attempt: 1, p_token_amount: 0 }],
    ["release_tokens", { p_request_id: "x", p_attempt: 1 }],
  ])("gives no user and nobody else the RPC %s (mistakes 1, 2b)", async (rpc, args) => {
    const user = await newUser(PLENTY);
    for (const client of [user.client, anonymousClient()]) {
      const { error } = await client.rpc(rpc, { p_user_id: user.id, ...args });
      expect(error).not.toBeNull();
    }
    expect(await accountOf(user)).toMatchObject({ balance: PLENTY, charges: [] });
  });
});

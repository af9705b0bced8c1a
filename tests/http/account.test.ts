import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { connect, grant, serviceClient, signUp, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectCharged, expectRefusal } from "./support/calls.ts";

const sql = connect({ connections: 2 });
const { newUser } = openAccounts();
const body = { description: "two bowls of lentil soup" };
const asServer = { apikey: stack.secretKey };

async function charged(user: { token: string }) {
  return expectCharged(await call("meal-analyzer", { user, body }));
}

const get = (path: string, user?: { token: string }, headers = {}) =>
  call(`account/${path}`, { method: "GET", user, headers });

describe("why was I charged?", () => {
  it("is answered with the request's life, and a price that can be added up", async () => {
    const user = await newUser(1_000);
    const { requestId, charged: tokens, balance } = await charged(user);
    const { status, body: life } = await get(`why?request_id=${requestId}`, user);
    expect(status).toBe(200);
    expect(life).toMatchObject({
      request_id: requestId,
      user_id: user.id,
      operation_type: "meal-analyzer",
      status: "settled",
      attempt: 1,
      charged: tokens,
      is_known: true,
      has_answer: true,
      anomalies: [],
      events: [{ event: "held" }, { event: "charged", tokens, balance_after: balance }],
    });
    const lines: { rate: string; tokens: number }[] = life.price_lines;
    const perCall = lines.find(({ rate }) => rate === "per_call")!.tokens;
    const rest = lines.filter(({ rate }) => rate !== "per_call").reduce((sum, one) => sum + one.tokens, 0);
    expect(perCall + Math.ceil(rest)).toBe(tokens);
    const [held, settled] = life.events.map(({ at }: { at: string }) => Date.parse(at));
    expect(held).toBeLessThanOrEqual(settled);
  });

  it("is answered for a failed request: what was held, and why it was released", async () => {
    const user = await newUser(1_000);
    const requestId = crypto.randomUUID();
    await sql`select public.hold_tokens(${requestId}, ${user.id}, 30, 'meal-analyzer')`;
    await sql`select public.release_tokens(${requestId}, ${user.id}, 1, 'provider_error')`;
    const { body: life } = await get(`why?request_id=${requestId}`, user);
    expect(life).toMatchObject({
      status: "released",
      charged: 0,
      price_lines: null,
      events: [{ event: "held", tokens: 30 }, { event: "released", tokens: 30, reason: "provider_error" }],
    });
  });

  it("is still answered from the history when the request's id was deleted", async () => {
    const user = await newUser(1_000);
    const { requestId, charged: tokens } = await charged(user);
    await sql`delete from public.token_consumption_locks where request_id = ${requestId}`;
    const { body: life } = await get(`why?request_id=${requestId}`, user);
    expect(life).toMatchObject({
      status: "settled",
      charged: tokens,
      is_known: false,
      events: [{ event: "charged" }],
    });
    const server = await get(`why?request_id=${requestId}`, undefined, asServer);
    expect(server.body).toMatchObject({ user_id: user.id, charged: tokens });
  });

  it("is answered to nobody but the user and a server", async () => {
    const [user, other] = [await newUser(1_000), await newUser(0)];
    const { requestId } = await charged(user);
    expectRefusal(await get(`why?request_id=${requestId}`, other), 404, "not_found");
    expectRefusal(await get(`why?request_id=${requestId}`), 401, "unauthorized");
    expect((await get(`why?request_id=${requestId}`, undefined, asServer)).status).toBe(200);
  });
});

describe("a user's own ledger", () => {
  it("comes whole as CSV and as JSON lines, oldest first, over more than a page of it", async () => {
    const user = await newUser(0);
    await sql`
      select public.add_tokens(${user.id}, number, 'a "quoted", reason') from generate_series(1, 1200) as number`;
    const csv = await get("ledger", user);
    expect(csv.headers.get("Content-Type")).toBe("text/csv; charset=utf-8");
    const rows = csv.text.trimEnd().split("\r\n");
    expect(rows[0]).toBe(
      "entry_number,created_at,operation_type,delta,balance_after,request_id,metadata,actor_id",
    );
    expect(rows).toHaveLength(1_201);
    expect(rows[1_200]).toMatch(
      /^1200,[^,]+,grant,1200,720600,,"\{""reason"":""a \\""quoted\\"", reason""\}",$/,
    );
    const lines = (await get("ledger?format=json", user)).text.trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    expect(lines.map(({ entry_number }) => entry_number)).toEqual(
      Array.from({ length: 1_200 }, (_, index) => index + 1),
    );
  });

  it("has no other user's entries", async () => {
    await newUser(5);
    const { text } = await get("ledger?format=json", await newUser(0));
    expect(text).toBe("");
  });
});

describe("a user's export", () => {
  const partNames = async () =>
    (await sql`select name from private.user_data where export is not null order by name`).map(({ name }) =>
      name
    );

  it("has the registered data of each module about the user, as a file, and no other user's", async () => {
    const [user, other] = [await newUser(1_000), await newUser(77)];
    const { balance } = await charged(user);
    await sql`
      insert into public.token_anomalies (user_id, anomaly_type, severity, details, occurrence)
      values (${user.id}, 'high_frequency', 'info', '{"count": 9}', ${crypto.randomUUID()})`;
    const { error } = await serviceClient().storage.from("uploads")
      .upload(`${user.id}/a/1.png`, "a picture", { contentType: "image/png" });
    if (error) throw error;
    const { status, headers, body: exported, text } = await get("export", user);
    expect(status).toBe(200);
    expect(headers.get("Content-Type")).toBe("application/json");
    expect(headers.get("Content-Disposition")).toBe('attachment; filename="account.json"');
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(exported).toMatchObject({ user_id: user.id, exported_at: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(Object.keys(exported.data)).toEqual(await partNames());
    expect(exported.data.ledger).toMatchObject({
      balance: { balance, held: 0, entries: 2 },
      anomalies: [{ anomaly_type: "high_frequency", severity: "info", details: { count: 9 } }],
      files: [{ bucket: "uploads", path: `${user.id}/a/1.png` }],
    });
    expect(text).not.toContain(other.id);
  });

  it("is complete for a user without data: every part, all empty", async () => {
    const user = await signUp();
    const { status, body: exported } = await get("export", user);
    expect(status).toBe(200);
    expect(Object.keys(exported.data)).toEqual(await partNames());
    expect(exported.data).toMatchObject({
      ledger: { balance: null, account: null, anomalies: [], files: [] },
      oauth: { grants: [], revocation_requested_at: null },
      otp: { phones: [] },
    });
  });

  it("of a forgotten user has the sums that stay, and nothing about the person", async () => {
    const user = await signUp();
    await grant(user.id, 40);
    await call("account/caps", { user, body: { daily_cap_tokens: 500, monthly_cap_tokens: 900 } });
    await sql`
      insert into private.oauth_grants (key, subject, provider, scope, renewed_at)
      values (${`test:${user.id}`}, ${user.id}, 'a-provider', 'read', now())`;
    expect((await get("export", user)).body.data.oauth.grants).toHaveLength(1);
    await call("account/forget", { headers: asServer, body: { user_id: user.id } });
    const { status, body: { data } } = await get("export", user);
    expect(status).toBe(200);
    expect(data.ledger).toMatchObject({
      balance: { balance: 40 },
      account: { plan: null, daily_cap_tokens: null, monthly_cap_tokens: null },
      anomalies: [],
      files: [],
    });
    expect(data.oauth.grants).toEqual([]);
    expect(data.otp.phones).toEqual([]);
  });

  it("is about the user in the token, whatever else is sent; a server has no account", async () => {
    const [user, other] = [await newUser(3), await newUser(5)];
    const hostile = await call(`account/export?user_id=${other.id}&p_user_id=${other.id}&p_after=ledger`, {
      method: "GET",
      user,
      headers: { "X-User-Id": other.id },
    });
    expect(hostile.body).toMatchObject({ user_id: user.id, data: { ledger: { balance: { balance: 3 } } } });
    expect(hostile.text).not.toContain(other.id);
    expectRefusal(await get("export"), 401, "unauthorized");
    expectRefusal(await get(`export?user_id=${other.id}`, undefined, asServer), 401, "unauthorized");
    expectRefusal(await call("account/export", { user, body: {} }), 405, "method_not_allowed");
  });

  it("is given ten times an hour", async () => {
    const user = await newUser(0);
    for (let count = 0; count < 10; count++) expect((await get("export", user)).status).toBe(200);
    const refused = await get("export", user);
    expectRefusal(refused, 429, "rate_limited");
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect((await get("export", await newUser(0))).status).toBe(200);
  });

  it.each([["aa_fails", "at the beginning"], ["zz_fails", "in the middle"]])(
    "of which a part cannot be read never looks like a whole one: %s",
    async (part) => {
      const user = await newUser(0);
      await sql.unsafe(`
        create function private.${part}(p_user_id uuid) returns jsonb language plpgsql stable set search_path = '' as $$
          begin if p_user_id = '${user.id}' then raise exception 'unreadable'; end if; return null; end $$;
        revoke execute on function private.${part}(uuid) from public, anon, authenticated;
        insert into private.user_data (name, forget, export, description)
        values ('${part}', 'forget_call_limits', '${part}', 'A test')`);
      try {
        const outcome = await get("export", user).then(
          ({ status, text }) => ({ status, isWhole: text.endsWith("}}") }),
          () => ({ status: 0, isWhole: false }),
        );
        if (part === "aa_fails") expect(outcome).toEqual({ status: 503, isWhole: expect.any(Boolean) });
        expect(outcome).not.toEqual({ status: 200, isWhole: true });
      } finally {
        await sql.unsafe(
          `delete from private.user_data where name = '${part}'; drop function private.${part}(uuid)`,
        );
      }
    },
  );
});

describe("a user's caps", () => {
  it("are set, shown with what was spent, and taken away", async () => {
    const user = await newUser(1_000);
    const { charged: tokens } = await charged(user);
    const set = await call("account/caps", {
      user,
      body: { daily_cap_tokens: tokens, monthly_cap_tokens: null },
    });
    expect(set.body).toMatchObject({
      plan: "default",
      daily_cap_tokens: tokens,
      spent_today: tokens,
      paused_at: null,
    });
    expectRefusal(await call("meal-analyzer", { user, body }), 402, "spend_cap_reached");
    await call("account/caps", { user, body: { daily_cap_tokens: null, monthly_cap_tokens: null } });
    expect((await get("limits", user)).body).toMatchObject({ daily_cap_tokens: null, spent_today: null });
    await charged(user);
  });

  it.each([{}, { daily_cap_tokens: -1, monthly_cap_tokens: null }, {
    daily_cap_tokens: 1.5,
    monthly_cap_tokens: 2,
  }])(
    "that are invalid are refused: %j",
    async (caps) => {
      expectRefusal(
        await call("account/caps", { user: await newUser(0), body: caps }),
        400,
        "invalid_request",
      );
    },
  );
});

describe("a user who is forgotten", () => {
  const leave = async () => {
    const user = await signUp();
    await grant(user.id, 1_000);
    const key = crypto.randomUUID();
    const answer = await call("meal-analyzer", { user, key, body });
    await call("account/caps", { user, body: { daily_cap_tokens: 500, monthly_cap_tokens: 900 } });
    for (const bucket of ["generated", "uploads"]) {
      const { error } = await serviceClient().storage.from(bucket)
        .upload(`${user.id}/a/1.png`, "a picture", { contentType: "image/png" });
      if (error) throw error;
    }
    return { user, ...expectCharged(answer) };
  };
  const left = async (id: string) => {
    const [row] = await sql`
      select (select count(*)::integer from public.token_accounts where user_id = ${id}
          and (forgotten_at is null or plan is not null or daily_cap_tokens is not null or monthly_cap_tokens is not null
            or spent_before_day <> 0 or spent_before_month <> 0)) as accounts,
        (select count(*)::integer from public.token_consumption_locks
         where user_id = ${id} and (response is not null or fingerprint is not null)) as answers,
        (select balance::integer from public.token_balances where user_id = ${id}) as balance,
        (select sum(delta)::integer from public.token_balance_history where user_id = ${id}) as sum`;
    return { ...row };
  };

  it("leaves the ledger's sums as they were, and no answer, file or setting", async () => {
    const { user, balance } = await leave();
    const answer = await call("account/forget", { headers: asServer, body: { user_id: user.id } });
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { files: 2 } });
    expect(await left(user.id)).toEqual({ accounts: 0, answers: 0, balance, sum: balance });
    for (const bucket of ["generated", "uploads"]) {
      const { data } = await serviceClient().storage.from(bucket).list(`${user.id}/a`);
      expect(data).toEqual([]);
    }
    const again = await call("account/forget", { headers: asServer, body: { user_id: user.id } });
    expect(again.body).toEqual({ files: 0 });
    expectRefusal(await call("meal-analyzer", { user, body }), 403, "account_paused");
  });

  it("is forgotten by the ledger when Auth deletes the account, too", async () => {
    const { user, balance } = await leave();
    await sql`delete from auth.users where id = ${user.id}`;
    expect(await left(user.id)).toEqual({ accounts: 0, answers: 0, balance, sum: balance });
  });

  it.each([
    ["refuses to remove", "raise exception 'no'"],
    ["says that it removed, and did not", "return null"],
  ])(
    "has a closed account although Storage %s a file, and the caller is told",
    async (_what, answer) => {
      const { user } = await leave();
      const name = `keeps_files_${user.id.replaceAll("-", "_")}`;
      await sql.unsafe(`
      create function public.${name}() returns trigger language plpgsql as $$ begin ${answer}; end $$;
      create trigger ${name} before delete on storage.objects for each row
        when (starts_with(old.name, '${user.id}/')) execute function public.${name}();`);
      const forget = () => call("account/forget", { headers: asServer, body: { user_id: user.id } });
      try {
        expectRefusal(await forget(), 503, "service_unavailable");
        expect(await left(user.id)).toMatchObject({ accounts: 0, answers: 0 });
        const caps = { daily_cap_tokens: 500, monthly_cap_tokens: null };
        expectRefusal(await call("account/caps", { user, body: caps }), 403, "account_paused");
      } finally {
        await sql.unsafe(`drop trigger ${name} on storage.objects; drop function public.${name}()`);
      }
      expect((await forget()).body).toEqual({ files: 2 });
    },
  );

  it("cannot be chosen by another user, or by itself", async () => {
    const user = await newUser(0);
    expectRefusal(await call("account/forget", { user, body: { user_id: user.id } }), 401, "unauthorized");
  });
});

describe("deno task why", () => {
  const why = async (...args: string[]) => {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(projectFolder, "scripts", "why.ts"), ...args, "--db-url", stack.databaseUrl],
      env: { NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    return { code, printed: new TextDecoder().decode(code === 0 ? stdout : stderr) };
  };

  it("tells the same story to an operator, and says so when there is none", async () => {
    const user = await newUser(1_000);
    const { requestId, charged: tokens, balance } = await charged(user);
    const { code, printed } = await why(requestId);
    expect(code).toBe(0);
    expect(printed).toContain(`meal-analyzer, request ${requestId}`);
    expect(printed).toMatch(new RegExp(`charged +${tokens} tokens +\\(${balance} left\\)`));
    expect(printed).toMatch(new RegExp(`together [\\d.]+, charged ${tokens}$`, "m"));
    expect(JSON.parse((await why(requestId, "--json")).printed)).toMatchObject({
      charged: tokens,
      status: "settled",
    });
    expect(await why("no-such-request")).toEqual({
      code: 1,
      printed: "There is no request no-such-request\n",
    });
  });
});

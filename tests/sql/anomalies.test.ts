import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createDatabase, newId, raceAll, range, run } from "./support.ts";

const { url, sql, ledger } = await createDatabase();

interface Scanned {
  skipped: boolean;
  high_frequency: number;
  cost_spike: number;
  refund_rate: number;
}

const SCAN = { name: "private.scan_token_anomalies", args: {} };
const scan = () => run<Scanned>(sql, SCAN);
const audit = () => run(sql, { name: "private.audit_token_ledger", args: {} });

beforeEach(() => scannedUntil("0 seconds"));
afterEach(() => sql`update private.anomaly_rules set pauses_account = false`);

/** As if the last scan had been so long ago. */
async function scannedUntil(ago: string): Promise<void> {
  await sql`update private.anomaly_settings set scanned_until = now() - ${ago}::interval`;
}

async function withTokens(): Promise<string> {
  const user = newId();
  await ledger.add(user, 1_000_000);
  return user;
}

/** Entries as if they had been charged then; the ledger's own functions know the present alone. */
async function chargeAt(
  user: string,
  charges: { ago: string; tokens: number; count?: number }[],
): Promise<void> {
  for (const { ago, tokens, count = 1 } of charges) {
    await sql`
      with charged as (
        update public.token_balances
        set balance = balance - ${tokens * count}, entry_count = entry_count + ${count}
        where user_id = ${user}
        returning balance + ${tokens * count} as before, entry_count - ${count} as entries_before
      )
      insert into public.token_balance_history
        (user_id, entry_number, delta, balance_after, created_at, operation_type, chain)
      select ${user}, entries_before + number, ${-tokens}, before - number * ${tokens}, now() - ${ago}::interval,
        'meal-analyzer', ''
      from charged, generate_series(1, ${count}) as number`;
  }
}

async function kinds(user: string): Promise<string[]> {
  return (await ledger.anomalies(user)).map(({ anomaly_type, severity }) => `${anomaly_type} ${severity}`);
}

/** Hours that lie in one window each, whatever the time is now. */
const USUAL = ["5 hours", "4 hours", "3 hours"].map((ago) => ({ ago, tokens: 100 }));

describe("a scan for anomalies", () => {
  it("finds a cost spike against the user's own history, once, with the evidence", async () => {
    const user = await withTokens();
    await chargeAt(user, [...USUAL, { ago: "0 seconds", tokens: 1_100 }]);
    await scan();
    await scan();
    expect(await ledger.anomalies(user)).toMatchObject([{
      anomaly_type: "cost_spike",
      severity: "critical",
      details: { tokens: 1_100, usual_tokens: 100, factor: 10, time_window: "01:00:00" },
    }]);
  });

  it.each([
    ["ten times the usual, and no more", [...USUAL, { ago: "0 seconds", tokens: 1_000 }]],
    ["less than the least that counts", [
      ...USUAL.map(({ ago }) => ({ ago, tokens: 1 })),
      { ago: "0 seconds", tokens: 999 },
    ]],
    ["a user who is new", [{ ago: "0 seconds", tokens: 100_000 }]],
    ["a user with two hours of history", [...USUAL.slice(1), { ago: "0 seconds", tokens: 100_000 }]],
    ["what was before its history", [
      ...["10 days", "9 days", "8 days"].map((ago) => ({ ago, tokens: 1 })),
      { ago: "0 seconds", tokens: 100_000 },
    ]],
  ])("takes no spike for it: %s", async (_what, charges) => {
    const user = await withTokens();
    await chargeAt(user, charges);
    await scan();
    expect(await kinds(user)).toEqual([]);
  });

  it("finds nothing more of a user who was forgotten, and the night takes what was found at that moment", async () => {
    const user = await withTokens();
    await chargeAt(user, [...USUAL, { ago: "0 seconds", tokens: 5_000, count: 70 }]);
    // As a scan that had looked before the user was forgotten, and was committed after.
    await sql`select public.record_token_anomaly(${user}, 'high_frequency', 'warning', 'then')`;
    await sql`select public.record_token_anomaly(${user}, 'ledger_mismatch', 'critical', 'then')`;
    await sql`update public.token_balances set is_closed = true where user_id = ${user}`;
    await scannedUntil("6 hours");
    await scan();
    expect(await kinds(user)).toEqual(["high_frequency warning", "ledger_mismatch critical"]);
    await sql`select private.prune_token_anomalies()`;
    expect(await kinds(user)).toEqual(["ledger_mismatch critical"]);
  });

  it("that did not run for a day catches up, and does not go back further than the last one", async () => {
    const user = await withTokens();
    await chargeAt(user, [
      ...["30 hours", "29 hours", "28 hours"].map((ago) => ({ ago, tokens: 100 })),
      { ago: "20 hours", tokens: 2_000 },
      { ago: "0 seconds", tokens: 1 },
    ]);
    await scan();
    expect(await kinds(user)).toEqual([]);
    await scannedUntil("24 hours");
    await scan();
    expect(await kinds(user)).toEqual(["cost_spike critical"]);
  });

  it("that is rolled back scans the same again", async () => {
    const user = await withTokens();
    await chargeAt(user, [...USUAL, { ago: "0 seconds", tokens: 5_000 }]);
    await expect(sql.begin(async (transaction) => {
      await run(transaction, SCAN);
      throw new Error("killed");
    })).rejects.toThrow("killed");
    expect(await kinds(user)).toEqual([]);
    await scan();
    expect(await kinds(user)).toEqual(["cost_spike critical"]);
  });

  it("finds more charges in a minute than usual, also of a minute that is over, as the detector names it", async () => {
    const user = await withTokens();
    await chargeAt(user, [{ ago: "3 minutes", tokens: 1, count: 61 }, {
      ago: "0 seconds",
      tokens: 1,
      count: 60,
    }]);
    await scannedUntil("5 minutes");
    await scan();
    await scan();
    const [found, ...more] = await ledger.anomalies(user);
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      anomaly_type: "high_frequency",
      severity: "warning",
      details: { request_count: 61, threshold: 60 },
    });
    expect(found!.occurrence).toMatch(/^00:01:00 \d+$/);
  });

  describe("of a user whose charges are given back", () => {
    /** Grants of 1000, charges of 100, and so much given back of each. */
    const refunded = async (...parts: number[]) => {
      const user = await withTokens();
      for (const part of parts) {
        const id = newId();
        await ledger.consume(user, 100, id);
        if (part > 0) await sql`select public.refund_tokens(${id}, ${newId()}, ${part})`;
      }
      await scan();
      await scan();
      return await ledger.anomalies(user);
    };

    it("finds it once where it is half of them or more, with the evidence", async () => {
      expect(await refunded(100, 40, 10)).toMatchObject([{
        anomaly_type: "refund_rate",
        severity: "warning",
        details: { refunded_tokens: 150, charged_tokens: 300, share: 0.5 },
      }]);
    });

    it("finds nothing where it is less than half, or little", async () => {
      expect(await refunded(100, 40, 9)).toEqual([]);
      expect(await refunded(99)).toEqual([]);
    });
  });

  it("at the same moment as five others finds each case once", async () => {
    const users = await Promise.all(range(5).map(withTokens));
    for (const user of users) await chargeAt(user, [...USUAL, { ago: "0 seconds", tokens: 5_000 }]);
    const outcomes = await raceAll<Scanned>(url, range(6).map(() => SCAN));
    expect(outcomes.filter(({ skipped }) => !skipped).length).toBeGreaterThan(0);
    for (const user of users) expect(await kinds(user)).toEqual(["cost_spike critical"]);
  });
});

describe("note_caller_networks", () => {
  const note = (seen: unknown) => run<number>(sql, { name: "note_caller_networks", args: { p_seen: seen } });
  const networks = (count: number, from = 0) => range(count).map((number) => `network ${from + number}`);

  it("records a user who calls from more networks than usual, however many processes report it, once", async () => {
    const [many, few] = [newId(), newId()];
    expect(await note([{ user_id: many, networks: networks(6) }, { user_id: few, networks: networks(10) }]))
      .toBe(16);
    expect(await kinds(many)).toEqual([]);
    await note([{ user_id: many, networks: networks(6, 5) }, { user_id: few, networks: networks(10) }]);
    await note([{ user_id: many, networks: networks(1) }]);
    expect(await ledger.anomalies(many)).toMatchObject([{
      anomaly_type: "many_networks",
      severity: "warning",
      details: { network_count: 11, threshold: 10, time_window: "01:00:00" },
    }]);
    expect(await kinds(few)).toEqual([]);
  });

  it("counts what was seen in the last window alone, and forgets it after a day", async () => {
    const user = newId();
    await note([{ user_id: user, networks: networks(8) }]);
    await sql`update private.caller_networks set seen_at = now() - interval '2 hours' where subject = ${user}`;
    await note([{ user_id: user, networks: networks(8, 8) }]);
    expect(await kinds(user)).toEqual([]);
    await sql`
      update private.caller_networks set seen_at = now() - interval '25 hours'
      where subject = ${user} and seen_at < now() - interval '1 hour'`;
    await run(sql, { name: "private.cleanup_caller_networks", args: {} });
    expect(await sql`select from private.caller_networks where subject = ${user}`).toHaveLength(8);
  });

  it("leaves out what does not fit, and raises nothing", async () => {
    const user = newId();
    for (const seen of [null, {}, [1, null, "x", []], [{ user_id: "nobody", networks: ["a"] }]]) {
      expect(await note(seen)).toBe(0);
    }
    const odd = ["a", "a", "", "x".repeat(65), 7];
    expect(await note([{ user_id: user, networks: odd }, { user_id: user, networks: {} }])).toBe(2);
  });

  it("takes reports of the same users at once, in any order", async () => {
    const users = range(20).map(newId);
    const report = (ids: string[]) => ({
      name: "note_caller_networks",
      args: { p_seen: ids.map((user_id) => ({ user_id, networks: networks(11) })) },
    });
    await raceAll(url, range(6).map((number) => report(number % 2 ? users : users.toReversed())));
    for (const user of users) expect(await kinds(user)).toEqual(["many_networks warning"]);
  });
});

describe("the audit of the ledger", () => {
  it("finds nothing on a ledger that adds up, and records what does not, critical, once a day", async () => {
    const database = await createDatabase();
    const user = newId();
    await database.ledger.add(user, 100);
    await database.ledger.consume(user, 10);
    const call = { name: "private.audit_token_ledger", args: {} };
    expect(await run(database.sql, call)).toEqual({ ledger_mismatch: 0, ledger_tampered: 0 });
    await database.sql`update public.token_balances set balance = balance + 5 where user_id = ${user}`;
    await database.sql`update public.token_balances set chain = '' where user_id = ${user}`;
    // Neither the entries nor the grants come to that balance.
    expect(await run(database.sql, call)).toEqual({ ledger_mismatch: 2, ledger_tampered: 1 });
    await run(database.sql, call);
    expect(await database.ledger.anomalies(user)).toMatchObject([
      {
        anomaly_type: "ledger_mismatch",
        severity: "critical",
        details: { invariant: "balance is the sum of the entries", balance: 95, sum_of_deltas: 90 },
      },
      { anomaly_type: "ledger_mismatch", severity: "critical" },
      { anomaly_type: "ledger_tampered", severity: "critical", details: { entry_number: 2 } },
    ]);
  });

  it("pauses nobody unless a rule says so", async () => {
    await audit();
    expect(await sql`select from public.token_accounts where paused_at is not null`).toHaveLength(0);
  });
});

describe("a rule", () => {
  const record = (user: string, severity: string, type = "cost_spike") =>
    run(sql, {
      name: "record_token_anomaly",
      args: {
        p_user_id: user,
        p_anomaly_type: type,
        p_severity: severity,
        p_occurrence: newId(),
        p_details: {},
      },
    });

  async function pausedFor(user: string): Promise<string | undefined> {
    const [row] = await sql`
      select pause_reason from public.token_accounts where user_id = ${user} and paused_at is not null`;
    return row?.pause_reason;
  }

  it("pauses the account of a critical anomaly of its type, and of no other", async () => {
    const [one, mild, other] = [newId(), newId(), newId()];
    await record(one, "critical");
    expect(await pausedFor(one)).toBeUndefined();
    await sql`update private.anomaly_rules set pauses_account = true where anomaly_type = 'cost_spike'`;
    await record(one, "critical");
    await record(mild, "warning");
    await record(other, "critical", "ledger_mismatch");
    expect(await pausedFor(one)).toContain("cost_spike");
    expect([await pausedFor(mild), await pausedFor(other)]).toEqual([undefined, undefined]);
  });

  it("takes hold with the scan that finds the anomaly, and the account's next request is refused", async () => {
    const user = await withTokens();
    await chargeAt(user, [...USUAL, { ago: "0 seconds", tokens: 5_000 }]);
    await sql`update private.anomaly_rules set pauses_account = true where anomaly_type = 'cost_spike'`;
    await scan();
    const request = {
      name: "admit_request",
      args: { p_request_id: newId(), p_user_id: user, p_token_amount: 1, p_operation_type: "meal-analyzer" },
    };
    expect(await run(sql, request)).toMatchObject({ success: false, error: "account_paused" });
    await run(sql, { name: "resume_account", args: { p_user_id: user } });
    expect(await run(sql, request)).toMatchObject({ success: true });
  });
});

describe("resolve_token_anomaly", () => {
  const resolve = (id: unknown, by: unknown = "ada", note: unknown = "A batch of the user's own") =>
    run<Record<string, unknown>>(sql, {
      name: "resolve_token_anomaly",
      args: { p_id: id, p_by: by, p_note: note },
    });

  async function anAnomaly(): Promise<string> {
    const user = newId();
    await sql`select public.record_token_anomaly(${user}, 'test', 'info', 'once')`;
    const [row] = await sql`select id from public.token_anomalies where user_id = ${user}`;
    return row!.id;
  }

  it("records who did it and why, unreadable for the user; the first one counts", async () => {
    const id = await anAnomaly();
    expect(await resolve(id)).toMatchObject({ success: true, duplicate: false, resolved_by: "ada" });
    expect(await resolve(id, "bob", "No")).toMatchObject({
      success: true,
      duplicate: true,
      resolved_by: "ada",
    });
    const [row] = await sql`
      select anomalies.resolved_at = resolutions.resolved_at as same, resolved_by, note
      from public.token_anomalies as anomalies join private.anomaly_resolutions as resolutions
        on resolutions.anomaly_id = anomalies.id
      where anomalies.id = ${id}`;
    expect(row).toEqual({ same: true, resolved_by: "ada", note: "A batch of the user's own" });
    const [can] = await sql`
      select has_table_privilege('authenticated', 'private.anomaly_resolutions', 'SELECT') as read`;
    expect(can!.read).toBe(false);
  });

  it("by six at once succeeds once, and all learn who did it", async () => {
    const id = await anAnomaly();
    const calls = range(6).map((number) => ({
      name: "resolve_token_anomaly",
      args: { p_id: id, p_by: `operator ${number}`, p_note: "Seen" },
    }));
    const outcomes = await raceAll<{ duplicate: boolean; resolved_by: string }>(url, calls);
    expect(outcomes.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(outcomes.map(({ resolved_by }) => resolved_by)).size).toBe(1);
  });

  it.each([
    ["an anomaly that is not there", ["9223372036854775807"], "not_found"],
    ["no anomaly", [null], "not_found"],
    ["nobody", ["1", " "], "invalid_request"],
    ["no note", ["1", "ada", null], "invalid_request"],
    ["a note of 2,001 characters", ["1", "ada", "x".repeat(2_001)], "invalid_request"],
  ])("refuses %s", async (_what, args, error) => {
    expect(await resolve(...args as [unknown])).toMatchObject({ success: false, error });
  });
});

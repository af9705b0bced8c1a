import postgres, { type Sql } from "postgres";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { LATENCY_BOUNDS_S } from "../../supabase/functions/_shared/http/request_metrics.ts";
import { createDatabase, type Database, newId, until } from "./support.ts";

type Sample = [name: string, labels: string[], value: string];
type Histogram = [name: string, labels: string[], buckets: number[], count: string, seconds: string];

let database: Database;
let sql: Sql;

beforeAll(async () => {
  database = await createDatabase();
  sql = database.sql;
});

async function read(): Promise<{ samples: Sample[]; histograms: Histogram[] }> {
  const [row] = await sql`select read_metrics() as metrics`;
  return row!.metrics;
}

/** The values of one metric, by their labels. */
async function valuesOf(name: string): Promise<Record<string, string>> {
  const { samples } = await read();
  return Object.fromEntries(
    samples.filter(([one]) => one === name).map(([, labels, value]) => [labels.join(" "), value]),
  );
}

async function rollUp(margin = "0", on: Pick<Sql, "unsafe"> = sql) {
  const [row] = await on.unsafe("select private.rollup_metrics($1::interval) as outcome", [margin]);
  return row!.outcome;
}

/** The ledger's own sums, in the form of the metrics. */
async function ledgerSays() {
  const rows = await sql`
    select operation_type, count(*)::text, (-sum(delta))::text as tokens from token_balance_history
    where operation_type not in ('grant', 'expiry', 'refund', 'clawback', 'debt_payment', 'rollover')
    group by 1 order by 1`;
  const [granted] = await sql`
    select count(*)::text, coalesce(sum(delta), 0)::text as tokens from token_balance_history
    where operation_type = 'grant'`;
  return {
    tokens_charged_total: Object.fromEntries(rows.map((row) => [row.operation_type, row.tokens])),
    charges_total: Object.fromEntries(rows.map((row) => [row.operation_type, row.count])),
    tokens_granted_total: { "": granted!.tokens },
    grants_total: { "": granted!.count },
  };
}

async function metricsSay() {
  const names = ["tokens_charged_total", "charges_total", "tokens_granted_total", "grants_total"];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await valuesOf(name)])));
}

async function counted(): Promise<number> {
  const [row] = await sql`select coalesce(sum(count), 0)::integer as count from metrics.ledger_totals`;
  return row!.count;
}

async function userWith(tokens = 1_000_000): Promise<string> {
  const user = newId();
  await database.ledger.add(user, tokens);
  return user;
}

/** Charges a user while its transaction stays open. */
async function chargeOpen(user: string, tokens: number) {
  const connection = await sql.reserve();
  await connection`begin`;
  await connection`select now()`;
  return {
    async commit() {
      await connection`select consume_tokens_atomic(${newId()}, ${user}, ${tokens}, 'slow')`;
      await connection`commit`;
      connection.release();
    },
  };
}

describe("the ledger's metrics", () => {
  it("tell what became of tokens that were granted, and of charges apart", async () => {
    const [user, pay, charge] = [newId(), newId(), newId()];
    const add = (amount: number, more: Record<string, unknown> = {}) =>
      database.ledger.add(user, amount, undefined, more);
    const clawBack = (amount: number) => sql`select claw_back_grant(${pay}, ${amount}, ${newId()})`;
    const names = [
      "tokens_granted_total",
      "tokens_expired_total",
      "tokens_refunded_total",
      "refunds_total",
      "tokens_clawed_back_total",
      "tokens_given_back_total",
      "tokens_debt_paid_total",
      "tokens_debt",
      "wallets_in_debt",
      "grants_due_seconds",
    ];
    const now = async () =>
      Object.fromEntries(
        await Promise.all(names.map(async (name) => [name, Number((await valuesOf(name))[""])])),
      );
    const before = await now();
    await add(100, { p_source: pay });
    await add(7, { p_effective_at: "2020-01-01", p_expires_at: "2020-01-02" });
    await database.ledger.consume(user, 60, charge, "soup");
    await sql`select refund_tokens(${charge}, ${newId()}, 5), refund_tokens(${charge}, ${newId()}, 5)`;
    await clawBack(90); // Of 50 that are left.
    await clawBack(-50); // 40 of debt, then 10 of those.
    await clawBack(30); // The 10, and 20 of debt.
    await add(15);
    const expected = {
      tokens_granted_total: 122,
      tokens_expired_total: 7,
      tokens_refunded_total: 10,
      refunds_total: 2,
      tokens_clawed_back_total: 60,
      tokens_given_back_total: 10,
      tokens_debt_paid_total: 15,
      tokens_debt: 5,
      wallets_in_debt: 1,
      grants_due_seconds: 0,
    };
    const since = async () => {
      const after = await now();
      return Object.fromEntries(names.map((name) => [name, after[name]! - before[name]!]));
    };
    expect(await since()).toEqual(expected);
    expect((await valuesOf("charges_total")).soup).toBe("1");
    expect(Object.keys(await valuesOf("charges_total"))).not.toContain("expiry");
    await rollUp();
    expect(await since()).toEqual(expected);
    const [verified] = await sql`select private.verify_metrics() as outcome`;
    expect(verified!.outcome).toMatchObject({ matches: true });
  });

  it("say for how long a grant waits that should have ended, and not of one that a running request keeps", async () => {
    const [user, keeping, request] = [newId(), newId(), newId()];
    for (const owner of [user, keeping]) {
      await database.ledger.add(owner, 10, undefined, { p_expires_at: "2100-01-01" });
    }
    const due = async () => Number((await valuesOf("grants_due_seconds"))[""]);
    const end = async (owner: string) => {
      await sql`
        update token_grants set effective_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'
        where wallet_id = ${owner}`;
      await sql`update token_balances set next_expiry_at = now() - interval '1 hour' where user_id = ${owner}`;
    };
    await database.ledger.hold(keeping, 10, request);
    await sql`
      update token_consumption_locks set created_at = now() - interval '90 minutes' where request_id = ${request}`;
    await end(keeping);
    expect(await due()).toBe(0);
    await end(user);
    expect(await due()).toBeGreaterThanOrEqual(3_600);
    await sql`select private.apply_due_grant_events()`;
    expect(await due()).toBe(0);
    await database.ledger.release(keeping, request);
  });

  it("are the ledger's sums while users are charged and sums are rolled up, and never go back", async () => {
    const users = await Promise.all([userWith(), userWith(), userWith()]);
    let isOver = false;
    const seen: bigint[] = [];
    const watch = async () => {
      while (!isOver) {
        const values = Object.values(await valuesOf("tokens_charged_total"));
        seen.push(values.reduce((sum, value) => sum + BigInt(value), 0n));
        await rollUp();
      }
    };
    const watching = watch();
    for (let round = 0; round < 40; round++) {
      await Promise.all(users.map(async (user, index) => {
        await database.ledger.consume(user, 1 + round * index, newId(), `feature-${index}`);
        const request = newId();
        await database.ledger.hold(user, 50, request);
        await database.ledger.settle(user, request, round);
      }));
    }
    isOver = true;
    await watching;
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual(seen.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect(await metricsSay()).toEqual(await ledgerSays());
    await rollUp();
    expect(await metricsSay()).toEqual(await ledgerSays());
    const [verified] = await sql`select private.verify_metrics() as outcome`;
    expect(verified!.outcome).toMatchObject({ matches: true });
  });

  it("have a charge that was begun before a rollup and committed after it", async () => {
    const user = await userWith();
    const slow = await chargeOpen(user, 77);
    await database.ledger.consume(user, 1, newId(), "quick");
    const first = await rollUp();
    expect(first).toMatchObject({ success: true, is_complete: true });
    await slow.commit();
    expect((await valuesOf("tokens_charged_total")).slow).toBe("77");
    await rollUp();
    expect((await valuesOf("tokens_charged_total")).slow).toBe("77");
    expect(await metricsSay()).toEqual(await ledgerSays());
  });

  it("count nothing twice when two rollups run at once", async () => {
    const user = await userWith();
    for (let one = 0; one < 20; one++) await database.ledger.consume(user, 3);
    await Promise.all([rollUp(), rollUp(), rollUp(), rollUp()]);
    expect(await metricsSay()).toEqual(await ledgerSays());
    await rollUp();
    const before = await counted();
    expect((await rollUp()).counted_rows).toBe(0);
    expect(await counted()).toBe(before);
  });

  it("have lost nothing when a rollup was killed in the middle", async () => {
    const user = await userWith();
    await database.ledger.consume(user, 5);
    const before = await counted();
    const doomed = postgres(database.url, { max: 1, onnotice: () => {} });
    await doomed`begin`;
    expect(await rollUp("0", doomed)).toMatchObject({ success: true });
    const [backend] = await doomed`select pg_backend_pid() as pid`;
    await sql`select pg_terminate_backend(${backend!.pid}, 5000)`;
    await doomed.end({ timeout: 0 });
    expect(await counted()).toBe(before);
    expect(await metricsSay()).toEqual(await ledgerSays());
    await expect.poll(async () => (await rollUp()).counted_rows).toBe(0);
    expect(await counted()).toBeGreaterThan(before);
    expect(await metricsSay()).toEqual(await ledgerSays());
  });

  it("refuse a snapshot that may be older than running transactions", async () => {
    const outcome = await sql.begin(
      "isolation level repeatable read",
      (transaction) => rollUp("0", transaction),
    );
    expect(outcome).toMatchObject({ success: false, error: "invalid_request" });
    expect(await rollUp("-1 second")).toMatchObject({ success: false, error: "invalid_request" });
    expect(await rollUp("2 days")).toMatchObject({ success: false, error: "invalid_request" });
  });

  it("leave out the newest rows, because a clock may be set back", async () => {
    const user = await userWith();
    const before = await counted();
    await database.ledger.consume(user, 5);
    await rollUp("1 hour");
    expect(await counted()).toBe(before);
    expect(await metricsSay()).toEqual(await ledgerSays());
  });

  it("show held tokens by function, and overdue holds", async () => {
    const user = await userWith();
    const request = newId();
    await database.ledger.hold(user, 40, request);
    await database.ledger.hold(user, 2, newId());
    expect(await valuesOf("tokens_held")).toEqual({ "meal-analyzer": "42" });
    expect(await valuesOf("holds_open")).toEqual({ "meal-analyzer": "2" });
    expect(await valuesOf("holds_overdue")).toEqual({ "": "0" });
    await sql`update token_consumption_locks set expires_at = now() - interval '1 minute' where request_id = ${request}`;
    expect(await valuesOf("holds_overdue")).toEqual({ "": "1" });
    expect(Number((await valuesOf("holds_overdue_seconds"))[""])).toBeGreaterThan(59);
    await sql`update token_consumption_locks set expires_at = now() - interval '1 minute' where status = 'held'`;
    await database.ledger.cleanup();
    expect(await valuesOf("tokens_held")).toEqual({});
  });

  it("count anomalies by type and severity, and those that nobody has resolved", async () => {
    const user = newId();
    for (const occurrence of ["a", "b", "c"]) {
      await sql`select record_token_anomaly(${user}, 'cost_spike', 'warning', ${occurrence})`;
    }
    await rollUp();
    await sql`update token_anomalies set resolved_at = now() where occurrence = 'a'`;
    expect((await valuesOf("anomalies_total"))["cost_spike warning"]).toBe("3");
    expect((await valuesOf("anomalies_open"))["cost_spike warning"]).toBe("2");
  });

  it("show only texts that look like names, and at most 200 functions", async () => {
    const user = await userWith();
    await database.ledger.consume(user, 9, newId(), 'a "label"\nwith everything');
    await rollUp();
    expect((await valuesOf("tokens_charged_total")).other).toBe("9");
    await sql`
      select consume_tokens_atomic(gen_random_uuid()::text, ${user}, 1, 'many-' || number)
      from generate_series(1, 210) as number`;
    await rollUp();
    const charged = await valuesOf("tokens_charged_total");
    expect(Object.keys(charged).length).toBeLessThanOrEqual(201);
    const [all] = await sql`
      select -sum(delta)::bigint as tokens from token_balance_history
      where operation_type <> all(private.operations_of_grants())`;
    expect(Object.values(charged).reduce((sum, value) => sum + BigInt(value), 0n)).toBe(BigInt(all!.tokens));
  });
});

describe("the ledger's metrics of months", () => {
  it("are caught up with after days without a rollup, and stay when their rows are archived", async () => {
    const { sql } = await createDatabase();
    const user = newId();
    await sql`select private.prepare_token_history()`;
    await sql`
      insert into token_balance_history
        (user_id, entry_number, delta, balance_after, created_at, operation_type, metadata, chain)
      select ${user}, number, case number when 1 then 5000 else -1 end, 5001 - number,
        now() - interval '9 days' + number * interval '3 minutes', case number when 1 then 'grant' else 'echo' end,
        null, '\\x00'
      from generate_series(1, 4000) as number`;
    await sql`insert into token_balances (user_id, balance, entry_count) values (${user}, 1001, 4000)`;
    await sql`update metrics.ledger_progress set counted_until = now() - interval '10 days'`;
    const charged = async () => {
      const [row] = await sql`
        select value ->> 2 as tokens from jsonb_array_elements(read_metrics() -> 'samples') as value
        where value ->> 0 = 'tokens_charged_total' and value -> 1 = '["echo"]'`;
      return row!.tokens;
    };
    expect(await charged()).toBe("3999");
    const [row] = await sql`select private.rollup_metrics() as outcome`;
    expect(row!.outcome).toMatchObject({ success: true, counted_rows: 4_000, is_complete: true });
    expect(await charged()).toBe("3999");
    for (
      const { month }
        of await sql`select distinct tableoid::regclass::text as month from token_balance_history`
    ) {
      await sql.unsafe(`alter table token_balance_history detach partition ${month}`);
    }
    expect(await sql`select from token_balance_history`).toHaveLength(0);
    expect(await charged()).toBe("3999");
    const [verified] = await sql`select private.verify_metrics() as outcome`;
    expect(verified!.outcome).toEqual({
      matches: true,
      granted: 5_000,
      charged: 3_999,
      ended: 0,
      owned: 1_001,
    });
  });
});

describe("what functions counted", () => {
  const BUCKETS = LATENCY_BOUNDS_S.length + 1;
  const buckets = (place: number) => Array.from({ length: BUCKETS }, (_, index) => index === place ? 1 : 0);

  beforeEach(async () => {
    await sql`delete from metrics.request_totals`;
  });

  async function flush(series: unknown, id: string | null = newId()) {
    const [row] = await sql`select record_request_metrics(${id}, ${sql.json(series as never)}) as outcome`;
    return row!.outcome;
  }

  it("is added once per flush, however often it is sent and from wherever", async () => {
    const ids = Array.from({ length: 20 }, newId);
    const series = [
      { name: "requests", labels: ["echo", "200"], count: 1, seconds: 0.25, buckets: buckets(3) },
      { name: "requests", labels: ["echo", "402"], count: 2, seconds: 0.5, buckets: buckets(4) },
      { name: "errors", labels: ["echo", "insufficient_tokens"], count: 2 },
      { name: "replays", labels: ["echo"], count: 1 },
    ];
    const outcomes = await Promise.all([...ids, ...ids].map((id) => flush(series.toSorted(() => 1), id)));
    expect(outcomes.filter((one) => one.success && !one.duplicate)).toHaveLength(20);
    expect(outcomes.filter((one) => one.success && one.duplicate)).toHaveLength(20);
    expect(await valuesOf("requests_total")).toEqual({ "echo 200": "20", "echo 402": "40" });
    expect(await valuesOf("request_errors_total")).toEqual({ "echo insufficient_tokens": "40" });
    expect(await valuesOf("requests_replayed_total")).toEqual({ echo: "20" });
    const { histograms } = await read();
    expect(histograms[0]).toEqual([
      "request_duration_seconds",
      ["echo", "200"],
      buckets(3).map((one) => one * 20),
      "20",
      "5",
    ]);
  });

  it("is refused as a whole if one series is invalid, and can be sent again corrected", async () => {
    const right = { name: "requests", labels: ["echo", "200"], count: 1, seconds: 1, buckets: buckets(0) };
    const wrong = [
      { ...right, name: "users" },
      { ...right, labels: ["echo"] },
      { ...right, labels: "echo" },
      { ...right, count: -1 },
      { ...right, count: 1.5 },
      { ...right, count: undefined },
      { ...right, seconds: -1 },
      { ...right, buckets: [1, 2] },
      { ...right, buckets: "many" },
    ];
    const id = newId();
    for (const one of wrong) {
      expect(await flush([right, one], id), JSON.stringify(one)).toMatchObject({
        success: false,
        error: "invalid_request",
      });
    }
    expect(await flush({})).toMatchObject({ success: false, error: "invalid_request" });
    expect(await flush([right], null)).toMatchObject({ success: false, error: "invalid_request" });
    expect(await valuesOf("requests_total")).toEqual({});
    expect(await flush([right], id)).toMatchObject({ success: true, duplicate: false });
  });

  it("has at most 2,000 series of a name, and loses no count over it", async () => {
    const series = Array.from({ length: 2_100 }, (_, index) => ({
      name: "errors",
      labels: ["echo", `code_${index}`],
      count: 2,
    }));
    for (const part of [series.slice(0, 1_050), series.slice(1_050)]) {
      await flush(part);
      await flush(part);
    }
    const values = await valuesOf("request_errors_total");
    expect(Object.keys(values)).toHaveLength(2_001);
    expect(values["other other"]).toBe("400");
  });

  it("forgets the ids of flushes after a day", async () => {
    const id = newId();
    await flush([], id);
    await sql`update metrics.flushes set flushed_at = now() - interval '25 hours' where flush_id = ${id}`;
    const fresh = newId();
    await flush([], fresh);
    await sql`select private.prune_metric_flushes()`;
    const left = await sql`select flush_id from metrics.flushes where flush_id in ${sql([id, fresh])}`;
    expect(left.map(({ flush_id }) => flush_id)).toEqual([fresh]);
  });
});

describe("a source of metrics that a module adds", () => {
  it("is read in the same snapshot as all others, however long it takes", async () => {
    const key = crypto.getRandomValues(new Int32Array(1))[0]!;
    await sql.unsafe(`
      create function metrics.moon_samples() returns jsonb language plpgsql stable set search_path = '' as $$
        begin
          perform pg_advisory_xact_lock_shared(${key});
          return jsonb_build_array(jsonb_build_array('moons', array['full'], (select count(*) from public.token_balances)::text));
        end $$;
      insert into metrics.sources (name, samples, description) values ('moon', 'moon_samples', 'Moons')`);
    const gate = await sql.reserve();
    try {
      const before = Number((await valuesOf("moons")).full);
      await gate`select pg_advisory_lock(${key})`;
      const reading = valuesOf("moons");
      await until(async () => {
        const [waiting] = await gate`
          select count(*)::integer as count from pg_locks where locktype = 'advisory' and not granted and objid = ${
          key >>> 0
        }`;
        return waiting!.count === 1;
      });
      await database.ledger.add(newId(), 1);
      await gate`select pg_advisory_unlock(${key})`;
      expect(await reading).toEqual({ full: String(before) });
      expect(await valuesOf("moons")).toEqual({ full: String(before + 1) });
      const names = (await read()).samples.map(([name]) => name);
      expect(names).toEqual(names.toSorted());
    } finally {
      gate.release();
      await sql`delete from metrics.sources where name = 'moon'`;
    }
  });
});

describe("a job's last run", () => {
  it.each([
    ["succeeded", "0"],
    ["problem", "1"],
    ["failed", "1"],
    ["lost", "1"],
  ])("that ended as %s is told as job_failed %s", async (outcome, value) => {
    await sql`
      insert into private.job_runs (job_name, started_at, ends_by, ended_at, outcome)
      values ('prune_job_runs', now(), now() + interval '1 minute', now(), ${outcome})`;
    expect((await valuesOf("job_failed")).prune_job_runs).toBe(value);
  });
});

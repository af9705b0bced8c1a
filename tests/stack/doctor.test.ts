import { join } from "node:path";
import type postgres from "postgres";
import { afterEach, describe, expect, it } from "vitest";

import { examineConfig } from "../../scripts/doctor/config.ts";
import type { Examination, Finding, Patient } from "../../scripts/doctor/finding.ts";
import { grantsExamination } from "../../scripts/doctor/grants.ts";
import { dueGrantsExamination } from "../../scripts/doctor/modules/ledger/due_grants.ts";
import { ledgerExamination } from "../../scripts/doctor/modules/ledger/ledger.ts";
import { limitsExamination } from "../../scripts/doctor/modules/ledger/limits.ts";
import { modelTrialExamination } from "../../scripts/doctor/modules/ledger/model_trial.ts";
import { modelsExamination } from "../../scripts/doctor/modules/ledger/models.ts";
import { migrationsExamination } from "../../scripts/doctor/migrations.ts";
import { examinations } from "../../scripts/doctor/examine.ts";
import { platformExamination } from "../../scripts/doctor/modules/operations/platform.ts";
import { realtimeExamination } from "../../scripts/doctor/realtime.ts";
import { receiversExamination } from "../../scripts/doctor/modules/operations/receivers.ts";
import { scheduleExamination } from "../../scripts/doctor/modules/core/schedule.ts";
import { settingsExamination } from "../../scripts/doctor/settings.ts";
import { signingKeysExamination } from "../../scripts/doctor/modules/core/signing_keys.ts";
import { functionsFolder, projectFolder } from "../../scripts/local/paths.ts";
import { openFunctions } from "../http/support/functions.ts";
import { createDatabase } from "../sql/support.ts";
import { stack } from "../support/stack.ts";

const { sql } = await createDatabase();

/** A grant that ended an hour ago, of which nobody has taken note. */
const OVERDUE_GRANT = `
  select public.add_tokens(gen_random_uuid(), 10, 'test', p_expires_at => now() + interval '1 day');
  update public.token_grants set effective_at = now() - interval '2 hours', expires_at = now() - interval '1 hour';
  update public.token_balances set next_expiry_at = now() - interval '1 hour'`;

/** The findings of an examination after a change of the database, which is undone afterwards. */
async function findingsAfter(
  examination: Examination,
  statements: string[],
  more: Partial<Patient> = {},
): Promise<Finding[]> {
  const UNDO = new Error("Undone");
  let findings: Finding[] = [];
  await sql.begin(async (transaction) => {
    for (const statement of statements) await transaction.unsafe(statement);
    findings = await examination.examine({ ...more, sql: transaction as unknown as postgres.Sql });
    throw UNDO;
  }).catch((error) => {
    if (error !== UNDO) throw error;
  });
  return findings;
}

const patient: Patient = { sql };

describe("the doctor's database", () => {
  it("warns about alerts that nobody receives, until somebody subscribes", async () => {
    const whats = async () => (await receiversExamination.examine(patient)).map(({ what }) => what);
    expect(await whats()).toEqual(["Nobody receives alerts of the type ledger_anchor"]);
    await sql`select public.create_alert_endpoint(gen_random_uuid(), 'archive.example.com', '{ledger_anchor}', 't1.x.x', '')`;
    expect(await whats()).toEqual([]);
    await sql`delete from private.alert_endpoints`;
  });

  it("is healthy after the migrations: no excessive grants, limits, room for the coming months", async () => {
    for (
      const examination of [
        grantsExamination,
        limitsExamination,
        ledgerExamination,
        dueGrantsExamination,
        realtimeExamination,
      ]
    ) {
      const findings = await examination.examine(patient);
      expect(findings.filter(({ severity }) => severity === "missing"), examination.name).toEqual([]);
    }
  });

  it.each(
    [
      [
        grantsExamination,
        "grant execute on function public.add_tokens to anon",
        "anon may execute add_tokens(",
      ],
      [
        grantsExamination,
        "grant update on public.token_balances to authenticated",
        "token_balances is open to writes",
      ],
      [
        grantsExamination,
        "alter table public.tokens disable row level security",
        "tokens has no row level security",
      ],
      [limitsExamination, "update private.token_plans set request_limits = '{}'", "as often as they like"],
      [limitsExamination, "delete from private.token_plans", "as often as they like"],
      [realtimeExamination, "drop publication supabase_realtime", "supabase_realtime is missing"],
      [
        ledgerExamination,
        `do $$ begin execute format('alter table public.token_balance_history detach partition token_history.%1$I',
          to_char(now() at time zone 'UTC', '"month_"YYYY_MM')); execute format('drop table token_history.%1$I',
          to_char(now() at time zone 'UTC', '"month_"YYYY_MM')); end $$`,
        "is not prepared",
      ],
      [
        ledgerExamination,
        `insert into public.token_anomalies (user_id, anomaly_type, severity, details, occurrence)
          values (gen_random_uuid(), 'ledger_mismatch', 'critical', '{}', 'doctor')`,
        "1 critical anomalies of type ledger_mismatch",
      ],
      [
        grantsExamination,
        "grant usage on schema private to anon; grant execute on function private.post_token_entry to anon",
        "anon may execute private.post_token_entry",
      ],
      [
        grantsExamination,
        "grant update on private.token_plans to authenticated",
        "private.token_plans is open to writes",
      ],
      [
        grantsExamination,
        "alter table private.rate_limits disable row level security",
        "private.rate_limits has no row level security",
      ],
      [
        dueGrantsExamination,
        OVERDUE_GRANT,
        "Grants of 1 wallets should have begun or ended, since",
      ],
      [
        scheduleExamination,
        "update private.jobs set command = 'private.gone' where name = 'prune_job_runs'",
        "prune_job_runs is missing",
      ],
      [
        scheduleExamination,
        "update private.jobs set created_at = now() - interval '1 year'",
        "prune_job_runs is waiting and overdue",
      ],
    ] as const,
  )("tells the illness %# by its name", async ({ examine }, statement, expected) => {
    const findings = await findingsAfter({ name: "", examine }, [statement]);
    const found = findings.find(({ what }) => what.includes(expected));
    expect(found, JSON.stringify(findings)).toMatchObject({ severity: "missing", why: expect.any(String) });
    expect(found!.fix).not.toBe("");
  });

  it("reports model failures that the operator can fix: reasoning that uses up the limit, an empty account", async () => {
    const count = (outcome: string) =>
      `insert into metrics.request_totals (name, label_values, count, seconds, buckets)
        values ('provider_calls', array['a-model', '${outcome}'], 3, 1, '{}')`;
    const findings = await findingsAfter(
      modelsExamination,
      ["ok", "only_reasoning", "out_of_funds", "refused"].map(count),
    );
    expect(findings).toMatchObject([
      { severity: "note", what: "3 of 12 calls of a-model ended as only_reasoning" },
      { severity: "note", what: "3 of 12 calls of a-model ended as out_of_funds" },
    ]);
    expect(findings[0]!.fix).toMatch(/AI_REASONING_EFFORT/);
  });

  it("waits for what a running request keeps of a grant that has ended", async () => {
    const held =
      `select public.hold_tokens('doctor', user_id, 5, 'meal-analyzer') from public.token_balances`;
    expect(await findingsAfter(dueGrantsExamination, [OVERDUE_GRANT.replace(";", `; ${held};`)])).toEqual([]);
  });

  it("is fixed by the command that a finding names", async () => {
    const [due] = await findingsAfter(dueGrantsExamination, [OVERDUE_GRANT]);
    expect(await findingsAfter(dueGrantsExamination, [OVERDUE_GRANT, due!.fix])).toEqual([]);
    const grant = "grant execute on function public.add_tokens to anon";
    const [finding] = await findingsAfter(grantsExamination, [grant]);
    expect(await findingsAfter(grantsExamination, [grant, finding!.fix])).toEqual([]);
    const unlimited = "update private.token_plans set request_limits = '{}'";
    const [limit] = await findingsAfter(limitsExamination, [unlimited]);
    expect(await findingsAfter(limitsExamination, [unlimited, limit!.fix])).toEqual([]);
  });

  it("lacks pg_cron; that is a note alone where something else has run the list, or may do so soon", async () => {
    const [server] = await sql`select pg_postmaster_start_time() > now() - interval '3 minutes' as is_young`;
    const lacking = await findingsAfter(scheduleExamination, []);
    expect(lacking.find(({ what }) => what.includes("pg_cron"))).toMatchObject(
      server!.is_young
        ? { severity: "note", why: expect.stringContaining("ask again") }
        : { severity: "missing", why: expect.stringContaining("Nothing else runs") },
    );
    const run =
      `insert into private.job_runs (job_name, started_at, ends_by) values ('prune_job_runs', now(), now())`;
    const running = await findingsAfter(scheduleExamination, [run]);
    expect(running.find(({ what }) => what.includes("pg_cron"))).toMatchObject({
      severity: "note",
      why: expect.stringContaining("Something else runs"),
    });
  });

  it("of a local stack lacks no extension, as its own process runs the list; where none does, it is told to start", async () => {
    const run =
      `insert into private.job_runs (job_name, started_at, ends_by) values ('prune_job_runs', now(), now())`;
    expect(await findingsAfter(scheduleExamination, [run], { isLocal: true })).toEqual([]);
    const missing = "update private.jobs set command = 'private.gone' where name = 'prune_job_runs'";
    const found = await findingsAfter(scheduleExamination, [run, missing], { isLocal: true });
    expect(found).toMatchObject([{ fix: expect.stringMatching(/^deno task stop; deno task start/) }]);
  });

  it("has no migration that the CLI knows of, so that every one is missing", async () => {
    const findings = await migrationsExamination.examine(patient);
    expect(findings.map(({ what }) => what)).toContain("The migration 20260101000100_ledger is not applied");
  });
});

describe("what the doctor looks at", () => {
  it("is what each module of modules.json brings: one of tomorrow is heard without a word to the doctor", async () => {
    const folder = await Deno.makeTempDir({ prefix: "tessera-doctor-" });
    try {
      await Deno.mkdir(join(folder, "scripts", "doctor", "modules"), { recursive: true });
      const file = (name: string) => join(folder, "scripts", "doctor", "modules", `${name}.ts`);
      const text = `export default [{ name: "moons", examine: () => Promise.resolve([]) }];`;
      await Deno.writeTextFile(file("tomorrow"), text);
      const module = { title: "", requires: [], migrations: [], functions: [], registries: [] };
      const modules = { tomorrow: { ...module, files: [], tests: [], docs: [] } };
      const names = async (modules: Parameters<typeof examinations>[0]) =>
        (await examinations(modules, folder)).map(({ name }) => name);
      expect(await names({ modules })).toContain("moons");
      expect(await names({ modules: {} })).not.toContain("moons");
      expect(await names({ modules: { ...modules, silent: modules.tomorrow } })).toContain("moons");
      await Deno.writeTextFile(file("empty"), "export const checks = [];");
      await expect(names({ modules: { empty: modules.tomorrow } })).rejects.toThrow("has no default export");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  it("is all of this project's modules", async () => {
    expect((await examinations()).map(({ name }) => name)).toEqual([
      "config.toml",
      "settings",
      "migrations",
      "realtime",
      "grants",
      "signing keys",
      "schedule",
      "ledger",
      "due grants",
      "limits",
      "models",
      "text model",
      "receivers of alerts",
      "platform",
      "profiles",
      "pictures",
      "messages",
      "test routes",
    ]);
  });
});

describe("the doctor's project", () => {
  const values = { AI_API_KEY: "key", AI_TIMEOUT_MS: "never" };

  it("lacks each secret that its functions need, by name", async () => {
    const names = ["AI_API_KEY", "AUTH_SITES", "OTP_PEPPERS", "OTP_PROOF_KEY"];
    const findings = await settingsExamination.examine({ sql, settings: { kind: "names", names } });
    expect(findings.map(({ what }) => what)).toEqual(["The setting TOKEN_ENCRYPTION_KEYS is missing"]);
    const [first] = await settingsExamination.examine({ sql, settings: { kind: "names", names: [] } });
    expect(first!.what).toBe("The setting AI_API_KEY is missing");
  });

  it("has an invalid value, which is named but not shown", async () => {
    const findings = await settingsExamination.examine({ sql, settings: { kind: "values", values } });
    expect(findings.map(({ what }) => what)).toContainEqual(
      expect.stringContaining("AI_TIMEOUT_MS does not fit"),
    );
    expect(JSON.stringify(findings)).not.toContain('"never"');
  });

  let server: Deno.HttpServer<Deno.NetAddr> | undefined;
  afterEach(async () => await server?.shutdown());

  it.each([
    ["signs with the legacy secret", [], 1],
    ["has signing keys", [{ kty: "EC", kid: "a", alg: "ES256" }], 0],
  ])("%s", async (_what, keys, count) => {
    server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      () => Response.json({ keys }),
    );
    const url = `http://127.0.0.1:${server.addr.port}`;
    expect(await signingKeysExamination.examine({ sql, url })).toHaveLength(count);
  });

  it("has a good block for every function, and one without folder, or verify_jwt, is found", async () => {
    expect(await examineConfig(projectFolder)).toEqual([]);
    const folder = await Deno.makeTempDir({ prefix: "tessera-config-" });
    try {
      for (const name of ["one", "two", "_part"]) {
        await Deno.mkdir(join(folder, "supabase", "functions", name), { recursive: true });
      }
      const text = `[functions.one]\nimport_map = "../deno.json"\n[functions.three]\nverify_jwt = false\n`;
      await Deno.writeTextFile(join(folder, "supabase", "config.toml"), text);
      const found = (await examineConfig(folder)).map(({ what }) => what);
      expect(found).toEqual([
        "verify_jwt is not off for one",
        "config.toml has no block for the function two",
        "config.toml has a block for three, which has no folder",
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

it("deno task doctor tells of the suite's own stack what is so: all but the limits, which tests have none of", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/doctor.ts", "--json"],
    cwd: projectFolder,
    env: { TESSERA_PORT_BASE: String(stack.portBase), TESSERA_DATA_FOLDER: stack.dataDir, NO_COLOR: "1" },
  }).output();
  const reports: { name: string; findings: Finding[] }[] = JSON.parse(new TextDecoder().decode(stdout));
  expect(code).toBe(1);
  const ill = reports.filter(({ findings }) => findings.some(({ severity }) => severity === "missing"));
  expect(ill.map(({ name }) => name)).toContain("limits");
  for (const name of ["config.toml", "settings", "signing keys", "migrations", "grants"]) {
    expect(reports.find((report) => report.name === name)?.findings, name).toEqual([]);
  }
});

describe("the doctor's text model", () => {
  const asked = { sql, url: stack.url, secretKey: stack.secretKey, asksModels: true };

  it("is asked where the functions run, when it is asked for", async () => {
    expect(await modelTrialExamination.examine(asked)).toEqual([]);
    expect(await modelTrialExamination.examine({ ...asked, url: "http://127.0.0.1:9", asksModels: false }))
      .toEqual([]);
    expect(await modelTrialExamination.examine({ sql, asksModels: true })).toMatchObject([
      { severity: "note", what: "The text model was not asked" },
    ]);
    await expect(modelTrialExamination.examine({ ...asked, secretKey: stack.publishableKey })).rejects
      .toThrow("HTTP 401");
  });

  it("that nothing answers for is told of with what the network said, and no key", async () => {
    const closed = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const { port } = closed.addr;
    closed.close();
    const functions = await openFunctions(
      { AI_BASE_URL: `http://127.0.0.1:${port}/v1`, AI_API_KEY: "a-key-of-nobody" },
      functionsFolder,
    );
    const findings = await modelTrialExamination.examine({ ...asked, url: functions.url, isLocal: true });
    expect(findings).toMatchObject([{
      severity: "missing",
      what: expect.stringMatching(/does not answer: unreachable, .*refused/),
      fix: expect.stringContaining("supabase/functions/.env"),
    }]);
    expect(JSON.stringify(findings)).not.toContain("a-key-of-nobody");
  });
});

describe("the doctor's platform", () => {
  it("is tried where the functions run; what cannot be tried without https is a note, but on the local stack", async () => {
    const tried = { sql, url: stack.url, secretKey: stack.secretKey };
    expect(await platformExamination.examine({ ...tried, isLocal: true })).toEqual([]);
    const findings = await platformExamination.examine(tried);
    expect(findings).toMatchObject([
      {
        severity: "note",
        what: expect.stringContaining("picture was not tried"),
        fix: expect.stringContaining("443"),
      },
      { severity: "note", what: expect.stringContaining("alert was not tried") },
    ]);
  });

  it("is a note without a key, and no good news with a wrong one", async () => {
    expect(await platformExamination.examine({ sql, url: stack.url })).toMatchObject([
      { severity: "note", what: "The platform was not tested" },
    ]);
    await expect(platformExamination.examine({ sql, url: stack.url, secretKey: "sb_secret_wrong" })).rejects
      .toThrow(
        "HTTP 401",
      );
  });

  it("fails if a trial is bad, and says what failed, why it matters and what to do", async () => {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () =>
        Response.json({
          trials: [{ trial: "refusing", outcome: "bad", message: "An altered envelope is opened" }],
        }),
    );
    try {
      const url = `http://127.0.0.1:${server.addr.port}`;
      expect(await platformExamination.examine({ sql, url, secretKey: "secret" })).toEqual([{
        severity: "missing",
        what: "The platform fails at refusing: An altered envelope is opened",
        why: expect.any(String),
        fix: expect.stringContaining("Store no secret"),
      }]);
    } finally {
      await server.shutdown();
    }
  });
});

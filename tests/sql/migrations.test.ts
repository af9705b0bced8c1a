import { describe, expect, it } from "vitest";

import { runSupabaseCli } from "../../scripts/local/migrate.ts";
import { stack } from "../support/stack.ts";
import { MATRIX, PREDICATES } from "../security/matrix.ts";
import { mayDo } from "../security/permissions.ts";
import { createDatabase, readMigrations } from "./support.ts";

const migrations = await readMigrations();

/** SQL without comments, and without what stands between quotes; the bodies of functions stay. */
function bare(text: string): string {
  return text.replaceAll(/--.*$/gm, "").replaceAll(/'(?:[^']|'')*'/g, "''").replaceAll(/"[^"]*"/g, '""');
}

describe("the migrations", () => {
  it("apply in their order to an empty database with the Supabase CLI, which then has none to apply", async () => {
    const { url, ledger } = await createDatabase({ migrated: false });
    const target = ["--db-url", `${url}?sslmode=disable`];
    const pairs = async () => {
      const printed = await runSupabaseCli(
        ["migration", "list", "--output-format", "json", ...target],
        stack.dataDir,
      );
      const { migrations } = JSON.parse(printed) as { migrations: { local: string; remote: string }[] };
      return migrations.map(({ local, remote }) => [local, remote]);
    };
    const versions = migrations.map(({ name }) => name.split("_")[0]);
    expect(await pairs()).toEqual(versions.map((version) => [version, ""]));
    await runSupabaseCli(["migration", "up", "--include-all", ...target], stack.dataDir);
    expect(await pairs()).toEqual(versions.map((version) => [version, version]));
    expect(await ledger.problems()).toEqual([]);
  });

  it("are all applied to the database that the suite runs on", async () => {
    const printed = await runSupabaseCli(
      ["migration", "list", "--db-url", `${stack.databaseUrl}?sslmode=disable`],
      stack.dataDir,
    );
    for (const { name } of migrations) {
      const [version] = name.split("_");
      expect(printed).toMatch(new RegExp(`${version}.*${version}`));
    }
  });

  it("have names that sort in the order of their times", () => {
    for (const { name } of migrations) expect(name).toMatch(/^\d{14}_[a-z0-9_]+\.sql$/);
    expect(new Set(migrations.map(({ name }) => name.split("_")[0])).size).toBe(migrations.length);
  });
});

/** Handlers of any error, which is then kept where it is looked at. */
const RECORDED_ERRORS: Record<string, { handlers: number; reason: string }> = {
  "20260101000052_schedule.sql": { handlers: 1, reason: "a job's error becomes the outcome of its run" },
  "20260101000100_ledger.sql": {
    handlers: 1,
    reason: "a wallet whose grants raise holds up no other wallet's: an anomaly has the error",
  },
  "20260101000125_live_balances.sql": {
    handlers: 1,
    reason:
      "no charge fails as nobody could be told of it: a warning, and a number that is missing for who listens",
  },
  "20260101000130_ledger_audit.sql": {
    handlers: 1,
    reason: "a history that makes no sense is a difference that the audit reports",
  },
  "20260101000800_profiles.sql": {
    handlers: 1,
    reason:
      "nobody is kept from signing up; a warning is in the log, and ensure_profile makes what is missing",
  },
  "20260101000620_alerts.sql": {
    handlers: 1,
    reason: "a failed scan is alerted, and is in the outcome of the run",
  },
};

/**
 * Functions that policies call with rights that the user lacks: each in a schema that no API shows, and without a
 * user as argument.
 */
const POLICY_FUNCTIONS: Record<string, string> = {
  "files.may_upload": "counts the caller's own uploads, and answers yes or no",
  ...Object.fromEntries(Object.entries(PREDICATES).map(([name, why]) => [`private.${name}`, why])),
};

/** Functions that users call, as the modules declare. */
const isForUsers = (name: string) => {
  const rule = MATRIX.routines[name.replace("public.", "")];
  return rule !== undefined && (mayDo(rule, "anon", "call") || mayDo(rule, "own", "call"));
};

describe.each(migrations)("$name", ({ name, text }) => {
  const functions = [...bare(text).matchAll(/create (?:or replace )?function\s+([^(]+)[\s\S]*?\bas \$\$/g)];

  it("is written in lower case", () => {
    expect(bare(text).replaceAll(/\b(?:AM|PM)\b/g, "").match(/\b[A-Z]+\b/g)).toBeNull();
  });

  it("gives each function an empty search_path (mistake 3)", () => {
    for (const [declaration, name] of functions) expect(declaration, name).toContain("set search_path = ''");
  });

  it("grants no security definer function to a user, but for those that are declared (mistakes 1, 2b)", () => {
    for (const [declaration, written] of functions) {
      const name = written!.trim();
      if (!declaration.includes("security definer") || name in POLICY_FUNCTIONS || isForUsers(name)) continue;
      const grants = [...bare(text).matchAll(/grant [^;]*?on function([^;]*?)\bto ([^;]*);/g)];
      for (const [, granted, roles] of grants) {
        if (granted!.includes(`${name}(`)) expect(roles).not.toMatch(/public|anon|authenticated/);
      }
    }
  });

  it("tells a user of nobody else in a function that policies call", () => {
    for (const [declaration, written] of functions) {
      const name = written!.trim();
      if (!declaration.includes("security definer") || !(name in POLICY_FUNCTIONS)) continue;
      expect(declaration, name).not.toMatch(/\(\s*p_user_id|\bp_member_id/);
      expect(name).not.toMatch(/^public\./);
    }
  });

  it("swallows no error that it does not name (mistake 17)", () => {
    const handlers = bare(text).match(/\bwhen (?:\w+ or )*others\b/g) ?? [];
    expect(handlers).toHaveLength(RECORDED_ERRORS[name]?.handlers ?? 0);
  });

  it("lets no deletion of a user cascade into money (mistake 22)", () => {
    expect(
      text.match(/create table public\.token_(balance|consumption|anomal|account)[\s\S]*?\n\)/g)?.join("") ??
        "",
    ).not.toMatch(
      /cascade|references auth/,
    );
  });

  it("gives the jobs that it registers to pg_cron", () => {
    const [, ...after] = bare(text).split("insert into private.jobs");
    for (const part of after) expect(part).toMatch(/(select|perform) private\.install_schedule\(\)/);
  });

  it("waits for a lock and never refuses because of one (mistake 16)", () => {
    expect(bare(text)).not.toMatch(/\bnowait\b/);
  });
});

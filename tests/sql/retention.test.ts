import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { createDatabase, newId } from "./support.ts";

const { sql, ledger } = await createDatabase();

interface Kept {
  table: string;
  kept: string;
  job: string | null;
}

const page = await Deno.readTextFile(join(projectFolder, "docs", "retention.md"));
const documented: Kept[] = page.split("<!-- retention -->")[1]!.split("<!-- end -->")[0]!
  .split("\n").filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
  .map(([table, kept, job]) => ({
    table: table!.replaceAll("`", ""),
    kept: kept!,
    job: job === "–" ? null : job!.replaceAll("`", ""),
  }));

/** Tables of every schema that the migrations have made or fill, the months of the ledger as the one that they are. */
const tables = (await sql`
  select format('%I.%I', nspname, relname) as name
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
  where relkind in ('r', 'p') and not relispartition
    and nspname !~ '^pg_' and nspname not in ('information_schema', 'auth', 'storage', 'realtime', 'extensions', 'supabase_migrations')
  order by 1`).map(({ name }) => String(name));

/** Tables that a function deletes from, itself, by functions that it calls, and by foreign keys that cascade. */
async function emptiedBy(command: string): Promise<Set<string>> {
  const sources = new Map<string, string>(
    (await sql`select proname, prosrc from pg_proc where pronamespace in ('public'::regnamespace, 'private'::regnamespace)`)
      .map(({ proname, prosrc }) => [proname, prosrc]),
  );
  const called = new Set([command.split(".").at(-1)!]);
  for (const name of called) {
    for (const [, other] of (sources.get(name) ?? "").matchAll(/\b(?:public|private)\.(\w+)\(/g)) {
      called.add(other!);
    }
  }
  const emptied = new Set<string>();
  for (const name of called) {
    for (const [, table] of (sources.get(name) ?? "").matchAll(/delete from (\w+\.\w+)/g)) {
      emptied.add(table!);
    }
  }
  const cascades = await sql`
    select format('%s.%s', a.nspname, child.relname) as child, format('%s.%s', b.nspname, parent.relname) as parent
    from pg_constraint
    join pg_class as child on child.oid = conrelid join pg_namespace as a on a.oid = child.relnamespace
    join pg_class as parent on parent.oid = confrelid join pg_namespace as b on b.oid = parent.relnamespace
    where contype = 'f' and confdeltype = 'c'`;
  for (const { child, parent } of cascades) if (emptied.has(parent)) emptied.add(child);
  return emptied;
}

describe("docs/retention.md", () => {
  it("has a row for every table, and for no other", () => {
    expect(documented.map(({ table }) => table).sort()).toEqual([...tables].sort());
  });

  it.each(documented.filter(({ job }) => job === null))(
    "gives a reason why $table has no end",
    ({ kept }) => {
      expect(kept).toMatch(/^(for ever|as long as|until) ?.*: ?.{12,}/);
    },
  );

  it.each(documented.filter(({ job }) => job !== null))(
    "names a job of the schedule that deletes of $table",
    async ({ table, job }) => {
      const [found] = await sql`select kind, command, is_enabled from private.jobs where name = ${job}`;
      expect(found).toMatchObject({ kind: "sql", is_enabled: true });
      expect([...await emptiedBy(found!.command)]).toContain(table);
    },
  );

  it("would notice a new table, and a job that deletes nothing from its table", async () => {
    expect((await emptiedBy("prune_job_runs")).has("public.token_balances")).toBe(false);
    expect(tables).toContain("token_history.openings");
  });

  it("covers every bucket", async () => {
    for (const { id } of await sql`select id from storage.buckets`) expect(page).toContain(`| \`${id}\``);
  });
});

describe("prune_token_anomalies", () => {
  it("deletes old anomalies with their resolutions, but no unresolved critical ones", async () => {
    const user = newId();
    const record = async (days: number, severity: string) => {
      const [{ id }] = await sql`
        insert into token_anomalies (user_id, anomaly_type, severity, occurrence, created_at)
        values (${user}, ${severity}, ${severity}, ${newId()}, now() - make_interval(days => ${days}))
        returning id` as unknown as [{ id: string }];
      return id;
    };
    const old = [await record(181, "warning"), await record(181, "info"), await record(400, "critical")];
    const kept = [await record(179, "warning"), await record(400, "critical")];
    await sql`select resolve_token_anomaly(${old[2]!}, 'test', 'done'), resolve_token_anomaly(${kept[
      0
    ]!}, 'test', 'done')`;
    const [row] =
      await sql`select private.prune_token_anomalies(2) as first, private.prune_token_anomalies() as second`;
    expect(row).toEqual({ first: 2, second: 1 });
    const left = await sql`select id from token_anomalies where user_id = ${user} order by id`;
    expect(left.map(({ id }) => id)).toEqual(kept);
    expect(await sql`select from private.anomaly_resolutions where anomaly_id = any(${old}::bigint[])`)
      .toHaveLength(
        0,
      );
  });
});

describe("record_token_anomaly", () => {
  it("records 100 a day of a user and type, and everything critical", async () => {
    const user = newId();
    for (const severity of ["warning", "critical"]) {
      await sql`
        select record_token_anomaly(${user}, ${severity}, ${severity}, number::text) from generate_series(1, 130) as number`;
    }
    const counts = await sql`
      select anomaly_type, count(*)::int from token_anomalies where user_id = ${user} group by 1 order by 1`;
    expect(counts.map((row) => [row.anomaly_type, row.count])).toEqual([["critical", 130], ["warning", 100]]);
    await sql`update token_anomalies set created_at = now() - interval '24 hours' where user_id = ${user}`;
    await sql`select record_token_anomaly(${user}, 'warning', 'warning', 'tomorrow')`;
    expect((await ledger.anomalies(user)).at(-1)).toMatchObject({ occurrence: "tomorrow" });
  });
});

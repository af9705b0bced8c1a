import { join } from "node:path";

import { projectFolder } from "../local/paths.ts";
import type { Examination, Finding } from "./finding.ts";

/** What users and everybody may do in the database beyond reading their own rows. */
export const grantsExamination: Examination = {
  name: "grants",
  async examine({ sql }) {
    const executable = await sql<{ name: string; role: string; statement: string }[]>`
      select routine.oid::regprocedure::text as name, role,
        format('grant execute on function %I.%I(%s) to %s;', routine.pronamespace::regnamespace::text, proname,
          pg_get_function_identity_arguments(routine.oid), role) as statement
      from pg_proc as routine
      cross join unnest(array['anon', 'authenticated']) as role
      where routine.pronamespace in ('public'::regnamespace, 'private'::regnamespace, 'job_runner'::regnamespace)
        and has_function_privilege(role, routine.oid, 'execute')
        and has_schema_privilege(role, routine.pronamespace, 'usage')
        and not exists (select from pg_depend where objid = routine.oid and deptype = 'e')
      order by 1, 2`;
    const intended = await intendedGrants();
    const routines = Map.groupBy(
      executable.filter(({ statement }) => !intended.has(statement)),
      ({ name }) => name,
    );
    const writes = await sql`
      select relation.oid::regclass::text as name, array_agg(role || ' ' || privilege order by role, privilege) as grants
      from pg_class as relation
      cross join unnest(array['anon', 'authenticated']) as role
      cross join unnest(array['insert', 'update', 'delete', 'truncate']) as privilege
      where relation.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relation.relkind in ('r', 'p', 'v', 'm', 'f')
        and has_table_privilege(role, relation.oid, privilege)
        and not exists (select from pg_depend where objid = relation.oid and deptype = 'e')
      group by relation.oid order by 1`;
    const open = await sql`
      select relation.oid::regclass::text as name from pg_class as relation
      where relation.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relation.relkind in ('r', 'p')
        and not relation.relrowsecurity
        and not exists (select from pg_depend where objid = relation.oid and deptype = 'e')
      order by 1`;
    return [
      ...[...routines].map(([name, grants]): Finding => ({
        severity: "missing",
        what: `${grants.map(({ role }) => role).join(" and ")} may execute ${name}`,
        why:
          "No migration grants this, and most functions of this schema trust their arguments: a caller can act as any user",
        fix: `revoke execute on function ${name} from public, anon, authenticated;`,
      })),
      ...writes.map(({ name, grants }): Finding => ({
        severity: "missing",
        what: `${name} is open to writes: ${grants.join(", ")}`,
        why: "Balances and histories are written by functions of the database alone",
        fix: `revoke insert, update, delete, truncate on ${name} from anon, authenticated;`,
      })),
      ...open.map(({ name }): Finding => ({
        severity: "missing",
        what: `${name} has no row level security`,
        why: "Everybody with the right to read it reads the rows of all users",
        fix: `alter table ${name} enable row level security;`,
      })),
    ];
  },
};

/** The grants on functions that the migrations make, as the snapshot of the schema has them. */
async function intendedGrants(): Promise<Set<string>> {
  const snapshot = await Deno.readTextFile(join(projectFolder, "docs", "schema.sql"));
  return new Set(snapshot.split("\n").filter((line) => line.startsWith("grant execute on function ")));
}

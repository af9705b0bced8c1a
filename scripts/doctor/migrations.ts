import { migrationState } from "../deploy/migrations.ts";
import { projectFolder } from "../local/paths.ts";
import type { Examination, Finding } from "./finding.ts";

/** Whether the database and this copy of the project have the same migrations. */
export const migrationsExamination: Examination = {
  name: "migrations",
  async examine({ sql, isLocal }) {
    const { pending, unknown } = await migrationState(sql, projectFolder);
    const findings = pending.map((name): Finding => ({
      severity: "missing",
      what: `The migration ${name} is not applied`,
      why: "Functions of this copy may call objects that do not exist",
      fix: isLocal ? "deno task stop; deno task start" : "deno task deploy",
    }));
    if (unknown.length > 0) {
      findings.push({
        severity: "note",
        what: `The database has migrations that this copy does not have: ${unknown.join(", ")}`,
        why: "This copy is older than what is deployed",
        fix: "git pull",
      });
    }
    return findings;
  },
};

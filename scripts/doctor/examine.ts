import { messageOf } from "../local/errors.ts";
import { broughtBy } from "../modules/brought.ts";
import { type Manifest, readManifest } from "../modules/manifest.ts";
import { configExamination } from "./config.ts";
import type { Examination, Finding, Patient } from "./finding.ts";
import { grantsExamination } from "./grants.ts";
import { migrationsExamination } from "./migrations.ts";
import { realtimeExamination } from "./realtime.ts";
import { settingsExamination } from "./settings.ts";

/** What is looked at of all modules together. */
const OF_ALL: Examination[] = [
  configExamination,
  settingsExamination,
  migrationsExamination,
  realtimeExamination,
  grantsExamination,
];

/** The findings of one examination. */
export interface Report {
  name: string;
  findings: Finding[];
}

/** The doctor's own examinations, then those that each module brings in scripts/doctor/modules. */
export async function examinations(
  manifest?: Pick<Manifest, "modules">,
  folder?: string,
): Promise<Examination[]> {
  const brought = await broughtBy<Examination[]>(manifest ?? await readManifest(), "doctor", folder);
  return [...OF_ALL, ...Object.values(brought).flat()];
}

/** Runs all examinations in turn; one that cannot look reports that, and the others go on. */
export async function examine(patient: Patient): Promise<Report[]> {
  const reports: Report[] = [];
  for (const { name, examine } of await examinations()) {
    const findings = await examine(patient).catch((error): Finding[] => [{
      severity: "missing",
      what: `Cannot look at ${name}: ${messageOf(error)}`,
      why: "Something may be missing there",
      fix: "If a table is missing: deno task deploy; otherwise check the address and the role",
    }]);
    reports.push({ name, findings });
  }
  return reports;
}

import { messageOf } from "../local/errors.ts";
import { configExamination } from "./config.ts";
import type { Examination, Finding, Patient } from "./finding.ts";
import { grantsExamination } from "./grants.ts";
import { ledgerExamination } from "./ledger.ts";
import { limitsExamination } from "./limits.ts";
import { migrationsExamination } from "./migrations.ts";
import { modelsExamination } from "./models.ts";
import { platformExamination } from "./platform.ts";
import { scheduleExamination } from "./schedule.ts";
import { settingsExamination } from "./settings.ts";
import { signingKeysExamination } from "./signing_keys.ts";

const EXAMINATIONS: Examination[] = [
  configExamination,
  settingsExamination,
  signingKeysExamination,
  migrationsExamination,
  scheduleExamination,
  ledgerExamination,
  limitsExamination,
  modelsExamination,
  grantsExamination,
  platformExamination,
];

/** What one examination found. */
export interface Report {
  name: string;
  findings: Finding[];
}

/** Every examination, one after the other; one that cannot look says so, and the others go on. */
export async function examine(patient: Patient): Promise<Report[]> {
  const reports: Report[] = [];
  for (const { name, examine } of EXAMINATIONS) {
    const findings = await examine(patient).catch((error): Finding[] => [{
      severity: "missing",
      what: `Cannot look at ${name}: ${messageOf(error)}`,
      why: "What is not seen may be missing",
      fix: "deno task deploy where a table is missing; otherwise see that the address and the role are right",
    }]);
    reports.push({ name, findings });
  }
  return reports;
}

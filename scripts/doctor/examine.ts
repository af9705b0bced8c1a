import { messageOf } from "../local/errors.ts";
import { configExamination } from "./config.ts";
import type { Examination, Finding, Patient } from "./finding.ts";
import { grantsExamination } from "./grants.ts";
import { ledgerExamination } from "./ledger.ts";
import { limitsExamination } from "./limits.ts";
import { migrationsExamination } from "./migrations.ts";
import { modelsExamination } from "./models.ts";
import { platformExamination } from "./platform.ts";
import { realtimeExamination } from "./realtime.ts";
import { scheduleExamination } from "./schedule.ts";
import { settingsExamination } from "./settings.ts";
import { signingKeysExamination } from "./signing_keys.ts";

const EXAMINATIONS: Examination[] = [
  configExamination,
  settingsExamination,
  signingKeysExamination,
  migrationsExamination,
  scheduleExamination,
  realtimeExamination,
  ledgerExamination,
  limitsExamination,
  modelsExamination,
  grantsExamination,
  platformExamination,
];

/** The findings of one examination. */
export interface Report {
  name: string;
  findings: Finding[];
}

/** Runs all examinations in turn; one that cannot look reports that, and the others go on. */
export async function examine(patient: Patient): Promise<Report[]> {
  const reports: Report[] = [];
  for (const { name, examine } of EXAMINATIONS) {
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

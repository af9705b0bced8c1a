import type { Examination } from "../finding.ts";
import { dueGrantsExamination } from "./ledger/due_grants.ts";
import { ledgerExamination } from "./ledger/ledger.ts";
import { limitsExamination } from "./ledger/limits.ts";
import { modelTrialExamination } from "./ledger/model_trial.ts";
import { modelsExamination } from "./ledger/models.ts";

export default [
  ledgerExamination,
  dueGrantsExamination,
  limitsExamination,
  modelsExamination,
  modelTrialExamination,
] satisfies Examination[];

import type { Examination } from "../finding.ts";
import { ledgerExamination } from "./ledger/ledger.ts";
import { limitsExamination } from "./ledger/limits.ts";
import { modelTrialExamination } from "./ledger/model_trial.ts";
import { modelsExamination } from "./ledger/models.ts";

export default [
  ledgerExamination,
  limitsExamination,
  modelsExamination,
  modelTrialExamination,
] satisfies Examination[];

import type { Examination } from "../finding.ts";
import { ledgerExamination } from "./ledger/ledger.ts";
import { limitsExamination } from "./ledger/limits.ts";
import { modelsExamination } from "./ledger/models.ts";

export default [ledgerExamination, limitsExamination, modelsExamination] satisfies Examination[];

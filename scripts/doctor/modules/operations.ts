import type { Examination } from "../finding.ts";
import { platformExamination } from "./operations/platform.ts";
import { receiversExamination } from "./operations/receivers.ts";

export default [receiversExamination, platformExamination] satisfies Examination[];

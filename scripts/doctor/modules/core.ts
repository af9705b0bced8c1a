import type { Examination } from "../finding.ts";
import { scheduleExamination } from "./core/schedule.ts";
import { signingKeysExamination } from "./core/signing_keys.ts";

export default [signingKeysExamination, scheduleExamination] satisfies Examination[];

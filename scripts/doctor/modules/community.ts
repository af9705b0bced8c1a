import type { Examination } from "../finding.ts";
import { picturesExamination } from "./community/pictures.ts";
import { profilesExamination } from "./community/profiles.ts";
import { testRoutesExamination } from "./community/test_routes.ts";

export default [profilesExamination, picturesExamination, testRoutesExamination] satisfies Examination[];

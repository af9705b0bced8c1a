import type { Examination } from "../finding.ts";
import { messagesExamination } from "./community/messages.ts";
import { picturesExamination } from "./community/pictures.ts";
import { profilesExamination } from "./community/profiles.ts";
import { testRoutesExamination } from "./community/test_routes.ts";

export default [
  profilesExamination,
  picturesExamination,
  messagesExamination,
  testRoutesExamination,
] satisfies Examination[];

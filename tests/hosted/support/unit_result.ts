/** Carries to the process inside what tests inject, as JSON. */
export const CONTEXT_VARIABLE = "TESSERA_TEST_CONTEXT";

/** The result of one test. */
export interface UnitResult {
  file: string;
  /** Its groups' names and its own. */
  name: string;
  state: string;
  errors: string[];
}

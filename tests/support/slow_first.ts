import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest, first: a long file that begins last is waited for by all the others. */
const SLOW = [
  "simulation/simulation",
  "faults/soak",
  "faults/full_disk",
  "postgres15/postgres15",
  "security/matrix",
  "security/fuzz",
  "faults/crashes",
  "simulation/mutants",
  "hosted/units",
  "sql/ledger_command",
  "http/realtime",
  "stack/commands",
  "sql/lock_order",
  "sql/modules",
  "sql/races",
  "sql/privileges",
  "http/uploads",
  "unit/modules/alone",
  "stack/new",
  "http/crash",
  "http/oauth_renewal",
  "unit/ledger/recorded",
  "stack/stack",
  "http/bad_input",
  "http/transports",
  "http/features",
  "http/oauth_token",
  "http/charged_failures",
  "http/settings",
  "http/streaming",
];

/** Begins with the slow files; no test needs an order. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = SLOW.findIndex((name) =>
        moduleId.replaceAll("\\", "/").endsWith(`tests/${name}.test.ts`)
      );
      return index < 0 ? SLOW.length : index;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest, first: a long file that begins last is waited for by all the others. */
const SLOW = [
  "faults/soak",
  "simulation/simulation",
  "security/matrix",
  "security/fuzz",
  "hosted/units",
  "http/features",
  "stack/commands",
  "faults/full_disk",
  "faults/crashes",
  "simulation/mutants",
  "http/realtime",
  "stack/new",
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

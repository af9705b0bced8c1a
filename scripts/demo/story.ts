import { StackError } from "../local/errors.ts";

/** Ends a story that does not come true. */
export function expect(holds: boolean, problem: string): void {
  if (!holds) throw new StackError(`The demo failed: ${problem}`);
}

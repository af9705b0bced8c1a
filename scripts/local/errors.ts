/** A failure that its message explains whole: it is printed without a stack trace. */
export class StackError extends Error {
  override name = "StackError";
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

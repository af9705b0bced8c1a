/** A failure that its message explains whole: it is printed without a stack trace. */
export class StackError extends Error {
  override name = "StackError";
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const PASSWORD_IN_ADDRESS = /(?<=\b[a-z][a-z+.-]*:\/\/[^\s:/@]*:)\S+(?=@)/g;

/**
 * What a command prints of a failure: the message where it explains itself, wrong options included, else all there is.
 * Passwords in addresses are left out in any case: it may end in the log of a build.
 */
export function printableFailure(error: unknown): string {
  const isOptions = String((error as { code?: unknown } | undefined)?.code).startsWith("ERR_PARSE_ARGS");
  const text = error instanceof StackError || isOptions ? messageOf(error) : Deno.inspect(error);
  return text.replaceAll(PASSWORD_IN_ADDRESS, "…");
}

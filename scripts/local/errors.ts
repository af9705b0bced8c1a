/** A failure that its message explains: it is printed without a stack trace. */
export class StackError extends Error {
  override name = "StackError";
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const PASSWORD_IN_ADDRESS = /(?<=\b[a-z][a-z+.-]*:\/\/[^\s:/@]*:)\S+(?=@)/g;

/**
 * What a command prints for a failure: only the message if it explains itself or is about wrong options, otherwise
 * everything. Passwords in URLs are removed, since the output may end in a build log.
 */
export function printableFailure(error: unknown): string {
  const isOptions = String((error as { code?: unknown } | undefined)?.code).startsWith("ERR_PARSE_ARGS");
  const text = error instanceof StackError || isOptions ? messageOf(error) : Deno.inspect(error);
  return text.replaceAll(PASSWORD_IN_ADDRESS, "…");
}

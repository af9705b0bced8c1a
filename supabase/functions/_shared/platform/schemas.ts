import { z } from "zod";

/**
 * Like `schema.safeParse`, also where zod itself throws: its length checks compare the `length` of whatever they get, and
 * JSON such as `{ "length": { "toString": 1, "valueOf": 1 } }` cannot be compared with a number. Such a value fits no
 * schema.
 */
export function safeParse<Schema extends z.core.$ZodType>(
  schema: Schema,
  value: unknown,
): z.ZodSafeParseResult<z.output<Schema>> {
  try {
    return z.safeParse(schema, value);
  } catch (error) {
    return notComparable(error);
  }
}

/** The same for a schema whose checks may wait. */
export async function safeParseAsync<Schema extends z.core.$ZodType>(
  schema: Schema,
  value: unknown,
): Promise<z.ZodSafeParseResult<z.output<Schema>>> {
  try {
    return await z.safeParseAsync(schema, value);
  } catch (error) {
    return notComparable(error);
  }
}

const NOT_COMPARABLE = "Cannot convert object to primitive value";

function notComparable<Output>(error: unknown): z.ZodSafeParseError<Output> {
  if (!(error instanceof TypeError) || error.message !== NOT_COMPARABLE) throw error;
  const message = "Expected values of which the length can be told";
  return {
    success: false,
    error: new z.ZodError([{ code: "custom", path: [], message, input: undefined }]) as z.ZodError<Output>,
  };
}

import type postgres from "postgres";
import type { Wanted } from "./binding.ts";
import { inspect } from "./inspect.ts";

/** Postgres's conditions that a subscription may fail with, by their codes. */
const CONDITIONS: Record<string, string> = {
  "22001": "string_data_right_truncation",
  "22003": "numeric_value_out_of_range",
  "22007": "invalid_datetime_format",
  "22008": "datetime_field_overflow",
  "2201B": "invalid_regular_expression",
  "22023": "invalid_parameter_value",
  "22P02": "invalid_text_representation",
  "22P03": "invalid_binary_representation",
  "23502": "not_null_violation",
  "23514": "check_violation",
  "42501": "insufficient_privilege",
  "42601": "syntax_error",
  "42703": "undefined_column",
  "42704": "undefined_object",
  "42883": "undefined_function",
  "42P01": "undefined_table",
  P0001: "raise_exception",
};

/** What the real server says where no published table fits. */
export function nothingPublished(wanted: Wanted): string {
  return "Unable to subscribe to changes with given parameters. " +
    `Please check Realtime is enabled for the given connect parameters: [${parametersOf(wanted)}]`;
}

/** What the real server says where Postgres refuses. */
export function refusedByPostgres(wanted: Wanted, error: postgres.PostgresError): string {
  const condition = CONDITIONS[error.code] ?? error.code;
  return "Unable to subscribe to changes with given parameters. " +
    `An exception happened so please check your connect parameters: [${parametersOf(wanted)}]. ` +
    `Exception: ERROR ${error.code} (${condition}) ${error.message}`;
}

function parametersOf({ action, schema, table, filters, columns }: Wanted): string {
  const list = filters.map(({ column, operator, value, isNegated }) =>
    `{${inspect(column)}, ${inspect(operator)}, ${inspect(value)}, ${isNegated}}`
  );
  return `event: ${action}, schema: ${schema}, table: ${table}, filters: [${list.join(", ")}], ` +
    `select: ${inspect(columns)}`;
}

import { createHash } from "node:crypto";
import { inspect } from "./inspect.ts";

/** What a client asks to hear of, as it sent it: any of the fields may be missing or of another type. */
export type Binding = Record<string, unknown>;

/** A condition on a column, as `realtime.subscription` keeps it. */
export interface Filter {
  column: string;
  operator: string;
  value: string;
  isNegated: boolean;
}

/** A binding that is understood. */
export interface Wanted {
  action: "*" | "INSERT" | "UPDATE" | "DELETE";
  /** `*` for every one. */
  schema: string;
  table: string;
  filters: Filter[];
  /** All columns where undefined. */
  columns?: string[];
}

export type Parsed = { wanted: Wanted } | { error: string };

/** Far above what anybody asks for: each is written down and judged. Hosted, there is no such limit. */
const MAX_BINDINGS = 100;
const MAX_FILTER_LETTERS = 10_000;
const OPERATORS = new Set(
  ["eq", "neq", "lt", "lte", "gt", "gte", "in", "like", "ilike", "is", "match", "imatch", "isdistinct"],
);
/** As many ids as the real server has. Clients tell bindings apart by them, so they must fit a JavaScript number. */
const BINDING_IDS = 2 ** 27;

/** The id by which a client knows one of its bindings: the same for the same binding. */
export function bindingId(binding: Binding): number {
  return createHash("sha256").update(inspect(binding)).digest().readUInt32BE(0) % BINDING_IDS;
}

/** Why a channel asks for too many; undefined where it does not. */
export function tooManyBindings(bindings: Binding[]): string | undefined {
  return bindings.length > MAX_BINDINGS
    ? `Too many postgres_changes in a channel: ${bindings.length}, at most ${MAX_BINDINGS}`
    : undefined;
}

/** Reads a binding as the real server does, with its words where it cannot. */
export function parseBinding(binding: Binding): Parsed {
  const { select } = binding;
  if (typeof select === "string") {
    return {
      error:
        'Error parsing `select` params: expected a list of column name strings, e.g. select: ["col1", "col2"]',
    };
  }
  const names = Array.isArray(select) ? select.filter((name) => typeof name === "string") : [];
  const columns = names.length > 0 ? names : undefined;
  const target = targetOf(binding);
  if ("error" in target) return target;
  if (columns && (target.schema === "*" || target.table === "*")) {
    return {
      error:
        "Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.",
    };
  }
  return { wanted: { ...target, action: actionOf(binding.event), columns } };
}

function targetOf(
  binding: Binding,
): { schema: string; table: string; filters: Filter[] } | { error: string } {
  const { schema, table, filter } = binding;
  const has = (name: string) => Object.hasOwn(binding, name);
  const isText = (value: unknown) => typeof value === "string";
  if (isText(schema) && isText(table) && isText(filter)) {
    const filters = parseFilters(filter as string);
    if ("error" in filters) return { error: `Error parsing \`filter\` params: ${filters.error}` };
    return { schema: schema as string, table: table as string, filters: filters.filters };
  }
  if (!has("filter")) {
    if (isText(schema) && isText(table)) {
      return { schema: schema as string, table: table as string, filters: [] };
    }
    if (isText(schema) && !has("table")) return { schema: schema as string, table: "*", filters: [] };
    if (isText(table) && !has("schema")) return { schema: "public", table: table as string, filters: [] };
  }
  const given = has("user_token") || has("auth_token") ? "<redacted>" : inspect(binding);
  return {
    error:
      `No subscription params provided. Please provide at least a \`schema\` or \`table\` to subscribe to: ${given}`,
  };
}

function actionOf(event: unknown): Wanted["action"] {
  const action = typeof event === "string" ? event.toUpperCase() : "*";
  return action === "INSERT" || action === "UPDATE" || action === "DELETE" ? action : "*";
}

function parseFilters(text: string): { filters: Filter[] } | { error: string } {
  const filters: Filter[] = [];
  if (text.length > MAX_FILTER_LETTERS) {
    return { error: `filter is too long: ${text.length} letters, at most ${MAX_FILTER_LETTERS}` };
  }
  if (text.trim() === "") return { filters };
  for (const segment of splitAtCommas(text.trim())) {
    const parsed = parseFilter(segment.trim());
    if ("error" in parsed) return parsed;
    filters.push(parsed);
  }
  return { filters };
}

/** Splits at commas outside of quotes and parentheses. */
function splitAtCommas(text: string): string[] {
  const segments: string[] = [];
  let segment = "";
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    // A quote means something at the beginning of a value alone.
    if (letter === '"') isQuoted = isQuoted ? false : ".(,".includes(segment.at(-1) ?? " ");
    if (isQuoted && letter === "\\") segment += letter + (text[++at] ?? "");
    else if (!isQuoted && letter === "," && depth === 0) {
      segments.push(segment);
      segment = "";
    } else {
      if (!isQuoted && letter === "(") depth++;
      if (!isQuoted && letter === ")") depth = Math.max(0, depth - 1);
      segment += letter;
    }
  }
  return [...segments, segment];
}

function parseFilter(segment: string): Filter | { error: string } {
  if (segment === "") {
    return { error: "filter must not contain empty segments (check for extra commas)" };
  }
  const [column, condition] = splitOnce(segment, "=");
  if (condition === undefined) return { error: inspect([column]) };
  const isNegated = condition.startsWith("not.");
  const [operator, value] = splitOnce(isNegated ? condition.slice("not.".length) : condition, ".");
  if (value === undefined) return { error: inspect([operator]) };
  if (!OPERATORS.has(operator)) return { error: inspect([operator, value]) };
  if (operator !== "in") {
    const plain = unquoted(value);
    if (/^i?match$/.test(operator) && hasBackReference(plain)) {
      return { error: `back references are not supported in a ${operator} filter` };
    }
    return { column, operator, value: plain, isNegated };
  }
  if (!/^\(.*\)$/s.test(value)) return { error: "`in` filter value must be wrapped by parentheses" };
  return { column, operator, value: `{${value.slice(1, -1)}}`, isNegated };
}

/** One client's expression with a back reference may take as long as it likes, over everybody's changes. */
function hasBackReference(expression: string): boolean {
  return /\\[1-9]/.test(expression.replaceAll("\\\\", ""));
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Removes quotes around the whole value, and the escapes within; a value without such quotes stays as it is. */
function unquoted(value: string): string {
  const inside = /^"((?:[^"\\]|\\.)*)"$/s.exec(value)?.[1];
  return inside === undefined ? value : inside.replaceAll(/\\(.)/gs, "$1");
}

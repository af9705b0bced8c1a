import type postgres from "postgres";
import type { Change, Column, Row } from "./change.ts";

/** A column's type as a person writes it, and whether it is a part of the primary key. */
interface Described {
  type: string;
  isPrimary: boolean;
}

/** A value in wal2json's words. */
interface WalValue {
  name: string;
  type: string | null;
  typeoid: number;
  value: string | null;
}

const ACTIONS: Partial<Record<Change["kind"], string>> = { insert: "I", update: "U", delete: "D" };
const BYTEA = 17;
/** Of float4, float8 and numeric; JSON has no other numbers. */
const NUMBERS = new Set([700, 701, 1700]);
const NOT_IN_JSON = new Set(["NaN", "Infinity", "-Infinity"]);

/** Writes changes as wal2json does, which is what `realtime.apply_rls` takes. */
export function walWriter(sql: postgres.Sql) {
  // Postgres describes a table anew when it was changed, so that the same list of columns is the same table.
  const known = new WeakMap<Column[], Map<string, Described>>();

  async function describe({ columns, tableOid }: Change): Promise<Map<string, Described>> {
    const found = known.get(columns);
    if (found) return found;
    const rows = await sql<{ name: string; type: string; isPrimary: boolean }[]>`
      select attname as name, pg_catalog.format_type(atttypid, atttypmod) as type,
        coalesce(attnum = any (indkey), false) as "isPrimary"
      from pg_catalog.pg_attribute left join pg_catalog.pg_index on indrelid = attrelid and indisprimary
      where attrelid = ${tableOid} and attnum > 0 and not attisdropped`;
    const described = new Map(rows.map(({ name, ...rest }) => [name, rest]));
    known.set(columns, described);
    return described;
  }

  /** Undefined for what nobody is told of. */
  return async function write(change: Change): Promise<Record<string, unknown> | undefined> {
    const action = ACTIONS[change.kind];
    if (!action) return undefined;
    const described = await describe(change);
    const valuesOf = (columns: Column[], row: Row | undefined): WalValue[] | null =>
      row
        ? columns.filter(({ name }) => row[name] !== undefined).map(({ name, typeOid }) => ({
          name,
          type: described.get(name)?.type ?? null,
          typeoid: typeOid,
          value: valueOf(typeOid, row[name]!),
        }))
        : null;
    const keys = change.columns.filter(({ isKey }) => isKey);
    // An update that left the key as it was does not repeat it.
    const identity = change.kind === "insert" ? null : valuesOf(keys, change.old ?? change.new);
    const pk = change.columns
      .filter(({ name }) => described.get(name)?.isPrimary)
      .map(({ name, typeOid }) => ({ name, type: described.get(name)!.type, typeoid: typeOid }));
    return {
      action,
      timestamp: change.commitTimestamp,
      schema: change.schema,
      table: change.table,
      ...(change.new ? { columns: valuesOf(change.columns, change.new) } : {}),
      ...(identity ? { identity } : {}),
      pk,
    };
  };
}

function valueOf(typeOid: number, text: string | null): string | null {
  if (text === null) return null;
  if (typeOid === BYTEA) return text.replace(/^\\x/, "");
  return NUMBERS.has(typeOid) && NOT_IN_JSON.has(text) ? null : text;
}

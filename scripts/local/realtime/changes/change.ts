import type { Pgoutput } from "pg-logical-replication";

/** A column of a table at the time of a change. */
export interface Column {
  name: string;
  typeOid: number;
  /** Part of the replica identity. */
  isKey: boolean;
}

/** Values in Postgres's own text; undefined where an update left a large value untouched and did not repeat it. */
export type Row = Record<string, string | null | undefined>;

/** One change of one row, or a table's emptying. */
export interface Change {
  kind: "insert" | "update" | "delete" | "truncate";
  schema: string;
  table: string;
  tableOid: number;
  columns: Column[];
  new?: Row;
  /** What the replica identity tells of the row before: its key alone, or all of it. */
  old?: Row;
  /** In UTC, to the microsecond: 2026-01-31T23:59:59.123456Z. */
  commitTimestamp: string;
}

/** The changes that a message of the stream tells of; none for what only belongs to the stream itself. */
export function changesOf(message: Pgoutput.Message, commitTimestamp: string): Change[] {
  switch (message.tag) {
    case "insert":
      return [{ ...tableOf(message.relation), kind: "insert", new: message.new, commitTimestamp }];
    case "update": {
      const old = message.old ?? message.key ?? undefined;
      return [{ ...tableOf(message.relation), kind: "update", new: message.new, old, commitTimestamp }];
    }
    case "delete": {
      const old = message.old ?? message.key ?? undefined;
      return [{ ...tableOf(message.relation), kind: "delete", old, commitTimestamp }];
    }
    case "truncate":
      return message.relations.map((relation) => ({
        ...tableOf(relation),
        kind: "truncate",
        commitTimestamp,
      }));
    default:
      return [];
  }
}

/** How long the values of a change are. */
export function lettersOf(change: Change): number {
  let letters = 0;
  for (const row of [change.new, change.old]) {
    for (const value of Object.values(row ?? {})) letters += value?.length ?? 0;
  }
  return letters;
}

/** Postgres's microseconds since 1970 as a time in UTC. */
export function timestampOf(microseconds: bigint): string {
  const whole = new Date(Number(microseconds / 1000n)).toISOString().slice(0, -1);
  return `${whole}${String(microseconds % 1000n).padStart(3, "0")}Z`;
}

type Table = Pick<Change, "schema" | "table" | "tableOid" | "columns">;

/** Postgres describes a table again when it was changed: until then its list of columns stays the same one. */
const known = new WeakMap<Pgoutput.MessageRelation, Table>();

function tableOf(relation: Pgoutput.MessageRelation): Table {
  const found = known.get(relation);
  if (found) return found;
  const { schema, name, relationOid, columns } = relation;
  const table = {
    schema: schema || "pg_catalog",
    table: name,
    tableOid: relationOid >>> 0,
    columns: columns.map(({ name, typeOid, flags }) => ({ name, typeOid, isKey: (flags & 1) === 1 })),
  };
  known.set(relation, table);
  return table;
}

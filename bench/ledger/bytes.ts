import type postgres from "postgres";

import { count, table } from "../markdown.ts";
import type { Pgbench } from "../pgbench.ts";
import type { Section } from "../section.ts";
import { type Call, scriptOf } from "./scripts.ts";

/** Enough charges to spread the cost that a checkpoint adds once per page. */
const CHARGE_COUNT = 50_000;

const BARE_TABLES = ["bare.balances", "bare.entries"];
const LEDGER_TABLES = [
  "public.token_balances",
  "public.token_balance_history",
  "public.token_consumption_locks",
];

const KINDS: { name: string; call: Call; tables: string[] }[] = [
  { name: "bare: update + insert", call: "bare", tables: BARE_TABLES },
  { name: "consume_tokens_atomic", call: "consume", tables: LEDGER_TABLES },
  { name: "hold + settle", call: "hold, settle", tables: LEDGER_TABLES },
  { name: "hold + settle, with metadata", call: "hold, settle, with metadata", tables: LEDGER_TABLES },
];

interface Bytes {
  /** Per table, right after the charges. */
  grown: number[];
  /** Per table, after `vacuum full`. */
  packed: number[];
  wal: number;
  /** Images of whole pages, written at the first change after a checkpoint. */
  walPages: number;
}

/** What one charge leaves on disk and in the write-ahead log, without a stored answer. Needs the superuser. */
export async function measureBytes(pgbench: Pgbench, admin: postgres.Sql): Promise<Section> {
  await admin`create extension if not exists pg_walinspect`;
  const rows: string[][] = [];
  for (const { name, call, tables } of KINDS) {
    const { grown, packed, wal, walPages } = await bytesOf(pgbench, admin, scriptOf(call, "spread"), tables);
    const [, history = 0, requests = 0] = packed;
    rows.push([
      name,
      count(sum(packed)),
      requests > 0 ? `${count(history)} + ${count(requests)}` : count(history),
      count(sum(grown)),
      count(wal),
      count(walPages),
    ]);
  }
  return {
    title: "Bytes per charge",
    text:
      `${
        count(CHARGE_COUNT)
      } charges of each kind right after a checkpoint, without a stored answer. Packed: ` +
      "after `vacuum full`. Requests are deleted a day later, entries stay. WAL is without the page images, which " +
      "depend on how many charges there are between two checkpoints.",
    table: table(
      [
        "bytes per charge",
        "disk, packed",
        "of it entry + request",
        "disk, as grown",
        "WAL",
        "WAL page images",
      ],
      rows,
    ),
  };
}

async function bytesOf(
  pgbench: Pgbench,
  admin: postgres.Sql,
  script: string,
  tables: string[],
): Promise<Bytes> {
  const pack = () => admin.unsafe(`vacuum (full, analyze) ${tables.join(", ")}`);
  await pack();
  await admin`checkpoint`;
  const before = await sizes(admin, tables);
  const start = await walPosition(admin);
  const charges = await pgbench.times(script, CHARGE_COUNT);
  const [log] = await admin<[{ records: number; pages: number }]>`
    select sum(record_size)::float8 as records, sum(fpi_size)::float8 as pages
    from pg_get_wal_stats(${start}, ${await walPosition(admin)})`;
  const grown = await sizes(admin, tables);
  await pack();
  const packed = await sizes(admin, tables);
  const perCharge = (after: number[]) => after.map((size, index) => (size - before[index]!) / charges);
  return {
    grown: perCharge(grown),
    packed: perCharge(packed),
    wal: log.records / charges,
    walPages: log.pages / charges,
  };
}

async function sizes(admin: postgres.Sql, tables: string[]): Promise<number[]> {
  const rows = await admin<{ size: number }[]>`
    select (pg_total_relation_size(name::regclass) + (
      select coalesce(sum(pg_total_relation_size(inhrelid)), 0) from pg_inherits where inhparent = name::regclass
    ))::float8 as size
    from unnest(${tables}::text[]) with ordinality as tables (name, position) order by position`;
  return rows.map(({ size }) => size);
}

async function walPosition(admin: postgres.Sql): Promise<string> {
  const [{ position }] = await admin<[{ position: string }]>`
    select pg_current_wal_insert_lsn()::text as position`;
  return position;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

import type postgres from "postgres";
import { messageOf } from "../../errors.ts";
import { type Change, lettersOf } from "./change.ts";
import { walWriter } from "./wal_json.ts";

/** What subscribers are told of a change. */
export interface Told {
  /** The event's `data`, as JSON: numbers keep every digit that Postgres gave. */
  json: string;
  subscriptionIds: string[];
}

export interface FeedOptions {
  sql: postgres.Sql;
  /** Whether somebody listens to a table: nothing else is looked at. */
  isHeard(tableOid: number): boolean;
  tell(told: Told): void;
  onTrouble(message: string): void;
}

/** As long as the real server waits on average. So many are judged at once, and a writer's answer comes before the event. */
const DELAY_MS = 50;
/** As many as the real server looks at in one statement, and no more than Postgres takes well. */
const BATCH = { changes: 100, letters: 8_000_000 };
/** A record over this size is told without its large values. */
const MAX_RECORD_BYTES = 1024 * 1024;
/** With more than this, no more is read from Postgres until some are told. */
const QUEUE_LIMIT = { changes: 2_000, letters: 16_000_000 };

interface Waiting {
  change: Change;
  letters: number;
  dueAt: number;
}

/** Judges, in their order, who may hear of each change, and tells them. */
export function changeFeed({ sql, isHeard, tell, onTrouble }: FeedOptions) {
  const writeWal = walWriter(sql);
  const queue: Waiting[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let working: Promise<void> | undefined;
  let isClosed = false;
  let letters = 0;
  const onRoom: (() => void)[] = [];
  const isFull = () => queue.length > QUEUE_LIMIT.changes || letters > QUEUE_LIMIT.letters;

  /** Resolves when there is room for more. */
  async function add(changes: Change[]): Promise<void> {
    const dueAt = performance.now() + DELAY_MS;
    for (const change of changes) {
      if (change.kind === "truncate" || !isHeard(change.tableOid)) continue;
      const waiting = { change, letters: lettersOf(change), dueAt };
      letters += waiting.letters;
      queue.push(waiting);
    }
    schedule();
    if (isFull()) await new Promise<void>((resolve) => onRoom.push(resolve));
  }

  function schedule(): void {
    if (isClosed || working || timer !== undefined || queue.length === 0) return;
    timer = setTimeout(() => {
      timer = undefined;
      working = tellDue().finally(() => {
        working = undefined;
        if (!isFull()) onRoom.splice(0).forEach((resolve) => resolve());
        schedule();
      });
    }, Math.max(0, queue[0]!.dueAt - performance.now()));
  }

  async function tellDue(): Promise<void> {
    const now = performance.now() + 1;
    let count = 0;
    let batchLetters = 0;
    while (
      count < Math.min(queue.length, BATCH.changes) && queue[count]!.dueAt <= now &&
      batchLetters < BATCH.letters
    ) batchLetters += queue[count++]!.letters;
    const batch = queue.splice(0, count);
    letters -= batchLetters;
    const changes = batch.map(({ change }) => change);
    try {
      await judge(changes);
    } catch {
      // One of them cannot be judged; the others can.
      for (const change of changes) {
        await judge([change]).catch((error) =>
          onTrouble(`A change of ${change.schema}.${change.table} is not told: ${messageOf(error)}`)
        );
      }
    }
  }

  async function judge(changes: Change[]): Promise<void> {
    const written = await Promise.all(changes.map(writeWal));
    const rows = await sql.unsafe<Judged[]>(
      JUDGE_SQL,
      [written.filter((wal) => wal !== undefined) as postgres.JSONValue, MAX_RECORD_BYTES],
      { prepare: true },
    );
    for (const row of rows) tell({ json: dataOf(row), subscriptionIds: row.ids });
  }

  return {
    add,
    async close(): Promise<void> {
      isClosed = true;
      clearTimeout(timer);
      queue.length = 0;
      letters = 0;
      onRoom.splice(0).forEach((resolve) => resolve());
      await working;
    },
  };
}

interface Judged {
  type: string;
  schema: string;
  table: string;
  columns: string;
  record: string;
  old_record: string;
  commit_timestamp: string | null;
  ids: string[];
  errors: string[] | null;
}

const JUDGE_SQL = `
  select wal ->> 'type' as type, wal ->> 'schema' as schema, wal ->> 'table' as table,
    coalesce(wal ->> 'columns', '[]') as columns, coalesce(wal ->> 'record', '{}') as record,
    coalesce(wal ->> 'old_record', '{}') as old_record, wal ->> 'commit_timestamp' as commit_timestamp,
    subscription_ids as ids, errors
  from jsonb_array_elements($1::jsonb) with ordinality change (data, place),
    realtime.apply_rls(change.data, $2) answer
  where cardinality(subscription_ids) > 0
  order by place`;

function dataOf(row: Judged): string {
  const fields = [
    `"table":${JSON.stringify(row.table)}`,
    `"type":${JSON.stringify(row.type)}`,
    ...(row.type === "DELETE" ? [] : [`"record":${row.record}`]),
    `"columns":${row.columns}`,
    `"errors":${row.errors && row.errors.length > 0 ? JSON.stringify(row.errors) : "null"}`,
    `"schema":${JSON.stringify(row.schema)}`,
    `"commit_timestamp":${JSON.stringify(row.commit_timestamp)}`,
    ...(row.type === "INSERT" ? [] : [`"old_record":${row.old_record}`]),
  ];
  return `{${fields.join(",")}}`;
}

import type { RealtimePostgresChangesPayload, SupabaseClient } from "@supabase/supabase-js";
import { afterAll, afterEach, beforeEach, expect, vi } from "vitest";

import { connect } from "../../support/stack.ts";

/** As role postgres, the owner of the tables. */
export const sql = connect({ connections: 4 });

/** A schema of the test file's own: others look at all that is in `public`. */
export const schema = `heard_${crypto.randomUUID().slice(0, 8)}`;
await sql.unsafe(
  `create schema ${schema}; grant usage on schema ${schema} to anon, authenticated, service_role`,
);
afterAll(() => sql.unsafe(`drop schema ${schema} cascade`));

let tableCount = 0;

/** How a table is made. */
export interface TableOptions {
  /** Who may read it; by default all three. */
  readers?: string[];
  /** Statements, with `$table` for its name. */
  after?: string;
  isPublished?: boolean;
}

/** Makes a table that is published; gives its name without its schema. */
export async function newTable(columns: string, options: TableOptions = {}): Promise<string> {
  const name = `t${++tableCount}`;
  const table = `${schema}.${name}`;
  const readers = options.readers ?? ["anon", "authenticated", "service_role"];
  await sql.unsafe(`create table ${table} (${columns})`);
  if (readers.length > 0) await sql.unsafe(`grant select on ${table} to ${readers.join(", ")}`);
  if (options.after) await sql.unsafe(options.after.replaceAll("$table", table));
  if (options.isPublished ?? true) await sql.unsafe(`alter publication supabase_realtime add table ${table}`);
  return name;
}

/** What a client asks for, besides the schema. */
export interface Asked {
  event?: "*" | "INSERT" | "UPDATE" | "DELETE";
  schema?: string;
  table?: string;
  filter?: string;
  select?: string[];
}

export type Event = RealtimePostgresChangesPayload<Record<string, unknown>>;

/** What a channel hears. */
export interface Heard {
  events: Event[];
  /** What the server said of the subscription. */
  said: { status: string; message: string }[];
}

/** Channels that a test has joined end with it; those of the file stay. */
let isTest = false;
const leave: (() => unknown)[] = [];
beforeEach(() => void (isTest = true));
afterEach(() => Promise.all(leave.splice(0).map((one) => one())));

/** Joins a channel with bindings; resolves when the server says whether it hears changes. */
export async function ask(client: SupabaseClient, ...bindings: Asked[]): Promise<Heard> {
  const heard: Heard = { events: [], said: [] };
  const channel = client.channel(`changes-${crypto.randomUUID()}`);
  for (const binding of bindings) {
    channel.on(
      "postgres_changes",
      { event: "*", schema, ...binding } as { event: "*"; schema: string },
      (event) => heard.events.push(event),
    );
  }
  channel.on("system", {}, (message) => {
    if (message.extension === "postgres_changes") heard.said.push(message);
  });
  if (isTest) leave.push(() => client.removeChannel(channel));
  channel.subscribe();
  await until(() => heard.said.length > 0, "the server says nothing of the subscription");
  return heard;
}

/** Joins a channel that hears changes. */
export async function listen(client: SupabaseClient, ...bindings: Asked[]): Promise<Heard> {
  const heard = await ask(client, ...bindings);
  expect(heard.said[0]).toMatchObject({ status: "ok", message: "Subscribed to PostgreSQL" });
  return heard;
}

/** Waits until so many events were heard. */
export async function hear(heard: Heard, count: number): Promise<Event[]> {
  await until(() => heard.events.length >= count, `fewer than ${count} events`);
  return heard.events;
}

/**
 * Waits until all that was committed so far is told: the changes of one transaction, and of those before it, come in their
 * order, so that a listener of everything hears a last one when the others have heard theirs.
 */
export async function settled(client: SupabaseClient): Promise<() => Promise<void>> {
  const table = await newTable("id uuid primary key");
  const heard = await listen(client, { table });
  return async () => {
    const id = crypto.randomUUID();
    await sql.unsafe(`insert into ${schema}.${table} values ('${id}')`);
    await until(
      () => heard.events.some((event) => (event.new as { id: string }).id === id),
      "the last change is not told",
    );
  };
}

/** Unlike `expect.poll`, outside of a test, too. */
function until(isSo: () => boolean, otherwise: string): Promise<void> {
  return vi.waitFor(() => {
    if (!isSo()) throw new Error(otherwise);
  }, { timeout: 30_000, interval: 20 });
}

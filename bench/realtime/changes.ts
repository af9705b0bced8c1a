import postgres from "postgres";

import { createPostgresChanges } from "../../scripts/local/realtime/changes/changes.ts";
import type { Stack } from "../../scripts/local/stack.ts";
import { quantile } from "../statistics.ts";
import type { Report } from "../section.ts";

/** How many listen, each with claims of its own, so that each is asked about by itself. */
const LISTENERS = [1, 100, 500];
const CHANGES_PER_SECOND = 20;
/** After the last change. */
const SETTLE_MS = 5_000;

/** What was heard of the changes of one load. */
interface Heard {
  listeners: number;
  expected: number;
  received: number;
  p50Ms: number;
  p99Ms: number;
}

/** Measures how long it takes until all who listen to a table under row level security have heard of a change. */
export async function measureChanges(stack: Stack, seconds: number, report: Report): Promise<void> {
  const sql = postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });
  const heard: Heard[] = [];
  try {
    await sql.unsafe(`
      create table public.bench_heard (id int primary key, body text, owner uuid);
      alter table public.bench_heard enable row level security;
      create policy members on public.bench_heard for select to authenticated
        using (owner is null or owner = (select auth.uid()));
      grant select on public.bench_heard to authenticated;
      alter publication supabase_realtime add table public.bench_heard`);
    for (const listeners of LISTENERS) heard.push(await listenTo(stack, sql, listeners, seconds));
  } finally {
    await sql`drop table if exists public.bench_heard`;
    await sql.end();
  }
  report({
    title: "Postgres Changes under row level security",
    text: `${CHANGES_PER_SECOND} inserts a second for ${seconds} s, from the statement until it is told; ` +
      "50 ms of it are waited, as the real server waits them on average between two looks. " +
      "Each listener has claims of its own.",
    table: [
      "| who listen | told | p50 | p99 |",
      "| ---: | ---: | ---: | ---: |",
      ...heard.map((one) =>
        `| ${one.listeners} | ${one.received} of ${one.expected} | ${one.p50Ms.toFixed(0)} ms | ${
          one.p99Ms.toFixed(0)
        } ms |`
      ),
    ].join("\n"),
  });
}

async function listenTo(
  stack: Stack,
  sql: postgres.Sql,
  listeners: number,
  seconds: number,
): Promise<Heard> {
  const changes = createPostgresChanges({
    databaseUrl: stack.adminDatabaseUrl,
    slot: `bench_${crypto.randomUUID().slice(0, 8)}`,
    log: (message) => console.error(message),
  });
  const sentAt = new Map<number, number>();
  const latenciesMs: number[] = [];
  try {
    for (let at = 0; at < listeners; at++) {
      const answer = await changes.subscribe({
        channel: {},
        bindings: [{ event: "INSERT", schema: "public", table: "bench_heard" }],
        claims: { role: "authenticated", sub: crypto.randomUUID() },
        deliver(json) {
          latenciesMs.push(performance.now() - sentAt.get(JSON.parse(json).record.id)!);
        },
      });
      if (!answer.ok) throw new Error(answer.error);
    }
    await sql`truncate public.bench_heard`;
    const count = CHANGES_PER_SECOND * seconds;
    const sent: Promise<unknown>[] = [];
    const start = performance.now();
    for (let id = 0; id < count; id++) {
      const waitMs = start + id * 1_000 / CHANGES_PER_SECOND - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      sentAt.set(id, performance.now());
      sent.push(sql`insert into public.bench_heard values (${id}, 'a message of a usual length')`.execute());
    }
    await Promise.all(sent);
    const expected = count * listeners;
    const end = performance.now() + SETTLE_MS;
    while (latenciesMs.length < expected && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return {
      listeners,
      expected,
      received: latenciesMs.length,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
    };
  } finally {
    await changes.close();
  }
}

/** Does something while one channel, of a server, hears all changes of a table of `public`. */
export async function hearWhile<Result>(
  stack: Stack,
  table: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  const changes = createPostgresChanges({
    databaseUrl: stack.adminDatabaseUrl,
    slot: `bench_${crypto.randomUUID().slice(0, 8)}`,
    log: (message) => console.error(message),
  });
  try {
    await sql.unsafe(`alter publication supabase_realtime add table public.${table}`);
    const answer = await changes.subscribe({
      channel: {},
      bindings: [{ event: "*", schema: "public", table }],
      claims: { role: "service_role" },
      deliver: () => {},
    });
    if (!answer.ok) throw new Error(answer.error);
    return await work();
  } finally {
    await changes.close();
    await sql.unsafe(`alter publication supabase_realtime drop table public.${table}`);
    await sql.end();
  }
}

import postgres from "postgres";
import { afterAll } from "vitest";
import { createDatabase } from "../sql/support.ts";
import { instrument } from "./instruments.ts";

/** A database in which one history at a time is played. */
export interface SimulatedDatabase {
  url: string;
  /** One connection, for what happens one after the other. */
  sql: postgres.Sql;
  /** Whether the functions that take many calls at once exist. */
  hasBatches: boolean;
}

/** Makes a database with the project's migrations and the instruments. */
export async function createSimulatedDatabase(): Promise<SimulatedDatabase> {
  const { url } = await createDatabase();
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  afterAll(() => sql.end());
  await instrument(sql);
  const [found] = await sql`
    select to_regprocedure('public.consume_tokens_batch(jsonb)') is not null
      and to_regprocedure('public.run_token_operations(jsonb)') is not null as "hasBatches"`;
  return { url, sql, hasBatches: found!.hasBatches };
}

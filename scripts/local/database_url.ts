import { readPostgresUrl } from "../../supabase/functions/_shared/database/postgres_url.ts";
import { messageOf, StackError } from "./errors.ts";

/** The address of the stack's database for one role. */
export function databaseUrl(port: number, role: string, password: string): string {
  return `postgresql://${role}:${password}@127.0.0.1:${port}/postgres`;
}

/** Parses a database URL from a user. Throws StackError with the problem, and without the password. */
export function postgresUrl(text: string): URL {
  try {
    return readPostgresUrl(text, "SUPABASE_DB_URL (--db-url)");
  } catch (error) {
    throw new StackError(messageOf(error));
  }
}

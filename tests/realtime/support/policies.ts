import type postgres from "postgres";
import { afterAll, beforeAll } from "vitest";

/** Policies of a test file on `realtime.messages`, removed with it. */
export function withPolicies(sql: postgres.Sql, policies: Record<string, string>): void {
  const prefix = `test ${crypto.randomUUID()}`;
  beforeAll(async () => {
    for (const [name, rule] of Object.entries(policies)) {
      await sql.unsafe(`create policy "${prefix} ${name}" on realtime.messages ${rule}`);
    }
  });
  afterAll(async () => {
    for (const name of Object.keys(policies)) {
      await sql.unsafe(`drop policy "${prefix} ${name}" on realtime.messages`);
    }
  });
}

import { runSupabaseCli } from "../../scripts/local/migrate.ts";
import { stack } from "../support/stack.ts";

export interface Finding {
  name: string;
  level: string;
  detail: string;
}

/** The findings of the Supabase CLI's own advisors for a database, of every kind and level. */
export async function advise(url: string): Promise<Finding[]> {
  const printed = await runSupabaseCli(
    [
      "db",
      "advisors",
      "--db-url",
      `${url}?sslmode=disable`,
      "--type",
      "all",
      "--level",
      "info",
      "--agent",
      "no",
    ],
    stack.dataDir,
  );
  const findings: Finding[] = JSON.parse(/^\[[\s\S]*\]/m.exec(printed)?.[0] ?? "[]");
  return findings.filter(({ detail }) => !(detail in ACCEPTED));
}

/** Findings that are right and cannot be otherwise. */
const ACCEPTED: Record<string, string> = Object.fromEntries(
  ["run", "watch"].map((name) => [
    `Function \`job_runner.${name}\` has a role mutable search_path`,
    "a procedure that commits cannot be declared with one; it sets it itself, and only its owner may call it",
  ]),
);

import type postgres from "postgres";

/** Something that a project lacks, or that is worth knowing. */
export interface Finding {
  /** missing: to be mended; note: right as it is for some, and to be known. */
  severity: "missing" | "note";
  /** What is so. */
  what: string;
  /** Why it matters. */
  why: string;
  /** A command, a statement or a click that mends it. */
  fix: string;
}

/** The project that is looked at. */
export interface Patient {
  /** As role postgres. */
  sql: postgres.Sql;
  /** Where it answers; undefined where only its database was named. */
  url?: string;
  /** A secret key of it, where one is known. */
  secretKey?: string;
  /** The settings of its functions; undefined where nobody can know them. */
  settings?: KnownSettings;
}

export type KnownSettings =
  /** Of the local stack: with their values. */
  | { kind: "values"; values: Record<string, string> }
  /** Of a hosted project: nobody can read the values of secrets. */
  | { kind: "names"; names: string[] };

/** One thing to look at. Changes nothing; throws where it cannot look. */
export interface Examination {
  name: string;
  examine(patient: Patient): Promise<Finding[]>;
}

import type postgres from "postgres";

/** Something that a project lacks, or that is worth knowing. */
export interface Finding {
  /** missing: must be fixed; note: may be intended. */
  severity: "missing" | "note";
  /** The finding. */
  what: string;
  /** Why it matters. */
  why: string;
  /** A command, a statement or a click that fixes it. */
  fix: string;
}

/** The examined project. */
export interface Patient {
  /** As role postgres. */
  sql: postgres.Sql;
  /** Its URL; undefined if only its database was given. */
  url?: string;
  /** The local stack of this machine, where fixes are other ones. */
  isLocal?: boolean;
  /** Also ask the models, which their provider bills. */
  asksModels?: boolean;
  /** One of its secret keys, if known. */
  secretKey?: string;
  /** The settings of its functions; undefined if they cannot be known. */
  settings?: KnownSettings;
}

export type KnownSettings =
  /** The local stack's settings, with values. */
  | { kind: "values"; values: Record<string, string> }
  /** A hosted project's settings: the values of secrets cannot be read. */
  | { kind: "names"; names: string[] };

/** One examination; a module brings a list of its own in scripts/doctor/modules/<module>.ts. Changes nothing; throws if it cannot look. */
export interface Examination {
  name: string;
  examine(patient: Patient): Promise<Finding[]>;
}

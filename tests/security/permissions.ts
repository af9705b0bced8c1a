/** Who asks for whose: the columns of the tables in docs/security.md. */
export const CALLERS = {
  anon: "nobody signed in (publishable key)",
  own: "a user, its own",
  others: "a user, another's",
  server: "a server (secret key)",
} as const;

export type CallerName = keyof typeof CALLERS;

export type TableAction = "read" | "insert" | "update" | "delete";
export type BucketAction = "list" | "download" | "sign" | "upload" | "overwrite" | "remove" | "configure";

/** What each caller may do with an object, and why; a caller that is not named may do nothing. */
export type Rule<Action extends string> = Partial<Record<CallerName, Action[]>> & { why: string };

/** What a module declares of its own objects, in tests/security/permissions/<module>.ts. */
export interface Permissions {
  /** Tables and views of schema public. */
  tables?: Record<string, Rule<TableAction>>;
  /** Functions of schema public, which REST serves as /rpc/<name>. */
  routines?: Record<string, Rule<"call">>;
  /** Buckets of Storage. A file is its user's when the first folder of its path is the user's id. */
  buckets?: Record<string, Rule<BucketAction>>;
  /** Functions at /functions/v1/<name>. Another user's id in body, query or header is not looked at. */
  endpoints?: Record<string, Rule<"call">>;
  /** Columns that users may write through REST, within the rows that policies leave them; no other column is. */
  columns?: Record<string, Partial<Record<"insert" | "update", string[]>>>;
  /** Functions of schema private that run with a user's rights, as policies, checks, views and indexes call them; and why each may. */
  predicates?: Record<string, string>;
}

export const TABLE_ACTIONS: TableAction[] = ["read", "insert", "update", "delete"];

export const BUCKET_ACTIONS: BucketAction[] = [
  "list",
  "download",
  "sign",
  "upload",
  "overwrite",
  "remove",
  "configure",
];

/** Whether a rule lets a caller do something. */
export function mayDo<Action extends string>(
  rule: Rule<Action>,
  caller: CallerName,
  action: Action,
): boolean {
  return rule[caller]?.includes(action) ?? false;
}

/** A reference to a file or object of a module, with its place. */
export interface Reference {
  kind: "import" | "sql" | "sql_write" | "sql_later";
  file: string;
  line: number;
  /** A file, or a database object by schema and name. */
  refers_to: string;
}

/** A place that refers to something which a module has. */
export interface Reference {
  kind: "import" | "sql" | "sql_write" | "sql_later";
  file: string;
  line: number;
  /** A file, or an object of the database by its schema and name. */
  refers_to: string;
}

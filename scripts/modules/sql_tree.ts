import { loadModule, parsePlPgSQLSync, parseSync, scanSync } from "libpg-query";

import { messageOf, StackError } from "../local/errors.ts";

await loadModule();

/** A node of the tree of Postgres's own parser. */
export type Node = { [key: string]: unknown };

/** One statement of a file. */
export interface Statement {
  node: Node;
  /** The statement's type, e.g. CreateFunctionStmt. */
  type: string;
  text: string;
  /** The line of the file where its text begins. */
  line: number;
}

/** The statements of a SQL file. */
export function statementsOf(file: string, text: string): Statement[] {
  if (text.trim() === "") return []; // The parser refuses these.
  const bytes = new TextEncoder().encode(text);
  const textOf = (from: number, until: number) => new TextDecoder().decode(bytes.subarray(from, until));
  const { stmts = [] } = parsed(file, () => parseSync(text)) as unknown as {
    stmts?: { stmt: Node; stmt_location?: number; stmt_len?: number }[];
  };
  return stmts.map(({ stmt, stmt_location: start = 0, stmt_len: length = bytes.length - start }) => {
    const [[type, node]] = Object.entries(stmt) as [[string, Node]];
    const raw = textOf(start, start + length);
    const blank = raw.length - raw.trimStart().length;
    return {
      node,
      type,
      text: raw.trimStart(),
      line: linesIn(textOf(0, start)) + linesIn(raw.slice(0, blank)) + 1,
    };
  });
}

/** The tree of a query or, with `isExpression`, of a plpgsql expression. */
export function queryTree(where: string, text: string, isExpression = false): Node {
  return parsed(where, () => parseSync(isExpression ? `select ${text}` : text)) as unknown as Node;
}

/** The tree of a function or a DO block in plpgsql, from the statement that has it. */
export function plpgsqlTree(where: string, statement: string): Node[] {
  const { plpgsql_funcs: functions } = parsed(where, () => parsePlPgSQLSync(statement)) as unknown as {
    plpgsql_funcs?: Node[];
  };
  if (!functions?.length) throw new StackError(`${where}: it contains no plpgsql`);
  return functions;
}

/** The names in a string that may be a query, or a format pattern of one: each pair with a point between. */
export function pairsIn(text: string): string[] {
  let tokens: { text: string }[];
  try {
    tokens = scanSync(text).tokens;
  } catch {
    return []; // A string that is not SQL, such as a message.
  }
  return tokens.flatMap(({ text: point }, at) =>
    point === "." && at > 0 && tokens[at + 1] ? [`${tokens[at - 1]!.text}.${tokens[at + 1]!.text}`] : []
  );
}

/** Visits every object of a tree, with the object's key in its parent. */
export function walk(value: unknown, visit: (node: Node, key: string) => void, key = ""): void {
  if (Array.isArray(value)) { for (const one of value) walk(one, visit, key); }
  else if (value && typeof value === "object") {
    visit(value as Node, key);
    for (const [name, child] of Object.entries(value)) walk(child, visit, name);
  }
}

/** The values of a list of String nodes. */
export function stringsOf(list: unknown): string[] {
  return (Array.isArray(list) ? list as { String?: { sval?: string } }[] : [])
    .map(({ String: one }) => one?.sval).filter((text) => text !== undefined);
}

export function linesIn(text: string): number {
  return text.split("\n").length - 1;
}

function parsed<Result>(where: string, parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    throw new StackError(`${where} cannot be parsed: ${messageOf(error)}`, { cause: error });
  }
}

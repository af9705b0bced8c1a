import { HTTP_FUNCTION, qualified, ROLE, SCHEMA, type SqlObjects } from "./sql_objects.ts";
import {
  linesIn,
  type Node,
  pairsIn,
  plpgsqlTree,
  queryTree,
  type Statement,
  stringsOf,
  walk,
} from "./sql_tree.ts";

/** An object that SQL names, its line, and whether it is written to. */
export interface Named {
  name: string;
  is_written: boolean;
  line: number;
}

/** plpgsql's parse modes of an expression, and of an assignment. */
const EXPRESSION = 2;
const ASSIGNMENTS = [3, 4, 5];

/** Functions whose argument is the name of an object. */
const NAMES_TO_OBJECTS = /^to_reg(class|proc|procedure|type|role|namespace)$/;
/** Where a name without a schema may be found: a row of a registry has the bare name of a function. */
const SCHEMAS_OF_NAMES = ["public", "private"];
const HTTP_COMMAND = /^([a-z0-9-]+)[/?]/;
const OBJECT_TYPES = /^reg(class|proc|procedure|type|role|namespace)$/;

/**
 * Every object of the migrations that a statement names, also in function bodies, but not in comments and messages.
 */
export function namedBy(file: string, statement: Statement, objects: SqlObjects): Named[] {
  const where = `${file}:${statement.line}`;
  const found: Named[] = treeNames({ [statement.type]: statement.node }, objects, statement.line);
  const { language, body } = bodyOf(statement);
  if (body === undefined) return found;
  const bodyLine = statement.line + linesIn(statement.text.slice(0, statement.text.indexOf(body)));
  if (language === "sql") found.push(...treeNames(queryTree(where, body), objects, bodyLine));
  if (language === "plpgsql") {
    found.push(...plpgsqlNames(where, plpgsqlTree(where, statement.text), objects, bodyLine));
  }
  return found;
}

function bodyOf({ type, node }: Statement): { language?: string; body?: string } {
  if (type !== "CreateFunctionStmt" && type !== "DoStmt") return {};
  const options = Object.fromEntries(
    ((node.options ?? node.args) as { DefElem: { defname: string; arg: Node } }[])
      .map(({ DefElem: { defname, arg } }) => [defname, arg]),
  );
  const text = (arg?: Node) =>
    (arg?.String as { sval: string } | undefined)?.sval ??
      stringsOf((arg?.List as Node | undefined)?.items)[0];
  return { language: text(options.language) ?? "plpgsql", body: text(options.as) };
}

function plpgsqlNames(where: string, tree: Node[], objects: SqlObjects, bodyLine: number): Named[] {
  const found: Named[] = [];
  let line = bodyLine;
  const dynamic = new Set<unknown>();
  walk(tree, (node, key) => {
    if (typeof node.lineno === "number") line = bodyLine + node.lineno - 1;
    if (key === "PLpgSQL_stmt_dynexecute" || key === "PLpgSQL_stmt_dynfors") dynamic.add(node.query);
    if (node.dynquery) dynamic.add(node.dynquery);
    if (key === "PLpgSQL_type") {
      for (const name of pairsIn(String(node.typname))) {
        if (objects.has(name)) found.push({ name, is_written: false, line });
      }
    }
    const expression = node.PLpgSQL_expr as { query: string; parseMode?: number } | undefined;
    if (!expression) return;
    const { query, parseMode: mode = 0 } = expression;
    const isAssignment = ASSIGNMENTS.includes(mode);
    const value = isAssignment ? query.slice(query.search(/:?=/)).replace(/^:?=/, "") : query;
    const parsed = queryTree(`${where}, line ${line}`, value, isAssignment || mode === EXPRESSION);
    found.push(...treeNames(parsed, objects, line));
    if (dynamic.has(node)) {
      for (const text of constantsIn(parsed)) {
        for (const name of pairsIn(text)) {
          if (objects.has(name)) found.push({ name, is_written: false, line });
          else if (objects.has(schemaOf(name))) {
            found.push({ name: schemaOf(name), is_written: false, line });
          }
        }
      }
    }
  });
  return found;
}

function treeNames(tree: Node, objects: SqlObjects, line: number): Named[] {
  const found: Named[] = [];
  const temporary = new Set<unknown>();
  walk(tree, (node, key) => {
    if (key === "CommonTableExpr") temporary.add(node.ctename);
  });
  const add = (name: string, is_written = false) => {
    if (objects.has(name)) found.push({ name, is_written, line });
    // An object that a function creates at run time is unknown, but its schema is not.
    if (objects.has(schemaOf(name))) found.push({ name: schemaOf(name), is_written: false, line });
  };
  const addRelation = (value: unknown, is_written = false) => {
    const { schemaname, relname } = value as { schemaname?: string; relname: string };
    if (!schemaname && temporary.has(relname)) return;
    add(`${schemaname ?? "public"}.${relname}`, is_written);
  };
  const addTexts = (value: unknown) => {
    for (const text of constantsIn(value)) {
      for (
        const name of text.includes(".")
          ? pairsIn(text)
          : SCHEMAS_OF_NAMES.map((schema) => `${schema}.${text}`)
      ) {
        add(name);
      }
    }
  };
  walk(tree, (node, key) => {
    if (typeof node.relname === "string") addRelation(node);
    for (const list of ["funcname", "objname", "names"]) {
      const parts = stringsOf(node[list]);
      if (parts.length > 0) add(qualified(parts));
    }
    if (key === "ColumnRef" && stringsOf(node.fields).length > 2) add(qualified(stringsOf(node.fields)));
    if (typeof node.rolename === "string") add(`${ROLE}${node.rolename}`);
    if (key === "InsertStmt" || key === "UpdateStmt" || key === "DeleteStmt" || key === "MergeStmt") {
      addRelation((node.relation as Node).RangeVar ?? node.relation, true);
    }
    if (key === "TruncateStmt") {
      for (const one of node.relations as { RangeVar: Node }[]) addRelation(one.RangeVar, true);
    }
    if (key === "FuncCall" && NAMES_TO_OBJECTS.test(stringsOf(node.funcname).at(-1) ?? "")) {
      addTexts(node.args);
    }
    if (key === "TypeCast" && OBJECT_TYPES.test(stringsOf((node.typeName as Node).names).at(-1) ?? "")) {
      addTexts(node.arg);
    }
    if (node.objtype === "OBJECT_SCHEMA") {
      walk(node, (one, part) => {
        if (part === "String") add(`${SCHEMA}${one.sval}`);
      });
    }
    // A row of a registry, such as the list of jobs, has the names of functions, in SQL or over HTTP.
    if (key === "InsertStmt") {
      addTexts(node.selectStmt);
      for (const text of constantsIn(node.selectStmt)) {
        const [, name] = HTTP_COMMAND.exec(text) ?? [];
        if (name) add(`${HTTP_FUNCTION}${name}`);
      }
    }
    // A list of names: of objects that are commented, dropped, or granted.
    if (key === "List") {
      const parts = stringsOf(node.items);
      if (parts.length > 1) add(qualified(parts));
    }
  });
  return found;
}

/** The string literals in a tree. */
function constantsIn(tree: unknown): string[] {
  const found: string[] = [];
  walk(tree, (node, key) => {
    const text = key === "A_Const" ? (node.sval as { sval?: string } | undefined)?.sval : undefined;
    if (text !== undefined) found.push(text);
  });
  return found;
}

function schemaOf(name: string): string {
  return `${SCHEMA}${name.split(".")[0]}`;
}

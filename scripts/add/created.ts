import { StackError } from "../local/errors.ts";
import { createdBy, qualified } from "../modules/sql_objects.ts";
import {
  type Node,
  plpgsqlTree,
  queryTree,
  type Statement,
  statementsOf,
  stringsOf,
  walk,
} from "../modules/sql_tree.ts";

/** The objects that SQL creates and whose names must be unique in a database, each in words: table public.notes. */
export type Created = Set<string>;

const KINDS: Record<string, string> = {
  CreateStmt: "table",
  CreateTableAsStmt: "table",
  ViewStmt: "view",
  CreateSeqStmt: "sequence",
  CreateFunctionStmt: "function",
  CompositeTypeStmt: "type",
  CreateEnumStmt: "type",
  CreateRangeStmt: "type",
  CreateDomainStmt: "type",
  DefineStmt: "object",
};
/** These share one namespace in Postgres. */
const RELATIONS = ["table", "view", "sequence", "type", "index"];
const DROPPED: Record<string, string> = {
  OBJECT_TABLE: "table",
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "table",
  OBJECT_SEQUENCE: "sequence",
  OBJECT_FUNCTION: "function",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "type",
  OBJECT_INDEX: "index",
  OBJECT_SCHEMA: "schema",
};

/** Adds the objects that a SQL file creates, and removes those that it drops. */
export function followSql(file: string, text: string, created: Created): void {
  for (const statement of statementsOf(file, text)) {
    for (const name of allCreatedBy(file, statement)) created.add(name);
    for (const name of droppedBy(statement)) created.delete(name);
    renamedBy(statement, created);
  }
}

/** The schemas that a SQL file creates unless they exist. */
export function sharedBy(file: string, text: string): Created {
  return new Set(
    statementsOf(file, text)
      .filter(({ type, node }) => type === "CreateSchemaStmt" && node.if_not_exists)
      .flatMap((statement) => createdBy(statement)),
  );
}

/** The existing object with the same name, if there is one. */
export function sameAs(name: string, others: Created): string | undefined {
  const [kind, ...rest] = name.split(" ");
  if (!RELATIONS.includes(kind!)) return others.has(name) ? name : undefined;
  return RELATIONS.map((one) => [one, ...rest].join(" ")).find((one) => others.has(one));
}

function allCreatedBy(file: string, statement: Statement): string[] {
  const { type, node } = statement;
  const on = (relation: unknown) => {
    const { schemaname, relname } = relation as { schemaname?: string; relname: string };
    return `${schemaname ?? "public"}.${relname}`;
  };
  switch (type) {
    case "IndexStmt":
      return node.idxname ? [`index ${on(node.relation).split(".")[0]}.${node.idxname}`] : [];
    case "CreateTrigStmt":
      return [`trigger ${node.trigname} on ${on(node.relation)}`];
    case "CreatePolicyStmt":
      return [`policy "${node.policy_name}" on ${on(node.table)}`];
    case "InsertStmt":
      return on(node.relation) === "storage.buckets" ? bucketsOf(node) : [];
    case "DoStmt":
      return createdInBlock(file, statement);
  }
  // Schemas and roles have no type in the tree; their statement names it.
  return createdBy(statement).map((name) => KINDS[type] ? `${KINDS[type]} ${name}` : name);
}

/** Roles and schemas are often created in a block that first checks whether they exist. */
function createdInBlock(file: string, { text, line }: Statement): string[] {
  let tree: Node[];
  try {
    tree = plpgsqlTree(`${file}:${line}`, text);
  } catch (error) {
    if (error instanceof StackError) return []; // A block in another language.
    throw error;
  }
  const found: string[] = [];
  walk(tree, (node) => {
    const { query } = (node.PLpgSQL_expr ?? {}) as { query?: string };
    if (!query) return;
    for (const sql of [query, ...textsIn(query)]) {
      try {
        for (const one of statementsOf(file, sql)) {
          if (one.type !== "DoStmt") found.push(...allCreatedBy(file, one));
        }
      } catch (error) {
        if (!(error instanceof StackError)) throw error; // An expression, or a text that is not SQL.
      }
    }
  });
  return found;
}

/** The dynamic statements that a block executes. */
function textsIn(query: string): string[] {
  const found: string[] = [];
  try {
    walk(queryTree("", query, true), (node, key) => {
      const { sval } = (key === "A_Const" ? node.sval ?? {} : {}) as { sval?: string };
      if (sval) found.push(sval);
    });
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
  }
  return found;
}

function bucketsOf(node: Node): string[] {
  const column = (node.cols as { ResTarget: { name: string } }[] | undefined ?? [])
    .findIndex(({ ResTarget }) => ResTarget.name === "id");
  const found: string[] = [];
  walk(node.selectStmt, (part) => {
    for (const row of (part.valuesLists ?? []) as { List: { items: Node[] } }[]) {
      const value = row.List.items[Math.max(column, 0)] as { A_Const?: { sval?: { sval?: string } } };
      const name = value?.A_Const?.sval?.sval;
      if (name) found.push(`bucket ${name}`);
    }
  });
  return found;
}

function droppedBy({ type, node }: Statement): string[] {
  const kind = type === "DropStmt" ? DROPPED[String(node.removeType)] : undefined;
  if (!kind) return [];
  return (node.objects as Node[]).map((object) => {
    const { List, ObjectWithArgs, TypeName, String: name } = object as {
      List?: { items: unknown };
      ObjectWithArgs?: { objname: unknown };
      TypeName?: { names: unknown };
      String?: { sval: string };
    };
    if (name) return `${kind} ${name.sval}`;
    return `${kind} ${qualified(stringsOf(List?.items ?? ObjectWithArgs?.objname ?? TypeName?.names))}`;
  });
}

function renamedBy({ type, node }: Statement, created: Created): void {
  if (type !== "RenameStmt" || node.renameType !== "OBJECT_TABLE") return;
  const { schemaname = "public", relname } = node.relation as { schemaname?: string; relname: string };
  created.delete(`table ${schemaname}.${relname}`);
  created.add(`table ${schemaname}.${node.newname}`);
}

import type { Node, Statement } from "./sql_tree.ts";
import { stringsOf } from "./sql_tree.ts";

/**
 * The objects that the migrations create, by schema and name, and the file that creates each; schemas, roles and the
 * functions that are asked over HTTP too.
 */
export type SqlObjects = Map<string, string>;

export const SCHEMA = "schema ";
export const ROLE = "role ";
export const HTTP_FUNCTION = "function ";

/** What a statement creates; nothing for most. */
export function createdBy({ type, node }: Statement): string[] {
  const relation = (value: unknown) => {
    const { schemaname, relname } = value as { schemaname?: string; relname: string };
    return [`${schemaname ?? "public"}.${relname}`];
  };
  const named = (list: unknown) => [qualified(stringsOf(list))];
  switch (type) {
    case "CreateStmt":
      return relation(node.relation);
    case "ViewStmt":
      return relation(node.view);
    case "CreateSeqStmt":
      return relation(node.sequence);
    case "CompositeTypeStmt":
      return relation(node.typevar);
    case "CreateTableAsStmt":
      return relation((node.into as Node).rel);
    case "CreateEnumStmt":
    case "CreateRangeStmt":
      return named(node.typeName);
    case "CreateDomainStmt":
      return named(node.domainname);
    case "DefineStmt":
      return named(node.defnames);
    case "CreateFunctionStmt":
      return named(node.funcname);
    case "CreateSchemaStmt":
      return [`${SCHEMA}${node.schemaname}`];
    case "CreateRoleStmt":
      return [`${ROLE}${node.role}`];
    default:
      return [];
  }
}

/** A name with its schema: of the migrations' own objects the first of two, or public. */
export function qualified(parts: string[]): string {
  return parts.length > 1 ? parts.slice(0, 2).join(".") : `public.${parts[0]}`;
}

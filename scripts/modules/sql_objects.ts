import type { Node, Statement } from "./sql_tree.ts";
import { stringsOf } from "./sql_tree.ts";

/**
 * The objects that the migrations create, by schema and name, each with its file; including schemas, roles, and
 * functions that are called over HTTP.
 */
export type SqlObjects = Map<string, string>;

export const SCHEMA = "schema ";
export const ROLE = "role ";
export const HTTP_FUNCTION = "function ";

/** The objects that a statement creates; most create none. */
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

/** A name with its schema: that of an existing object, otherwise public. */
export function qualified(parts: string[]): string {
  return parts.length > 1 ? parts.slice(0, 2).join(".") : `public.${parts[0]}`;
}

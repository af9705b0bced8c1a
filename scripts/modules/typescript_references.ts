import { posix } from "node:path";
import ts from "typescript";

import type { SqlObjects } from "./sql_objects.ts";
import type { Reference } from "./reference.ts";

/** The references of a TypeScript file: imported files, and functions and tables that it calls by name. */
export function typescriptReferences(file: string, text: string, objects: SqlObjects): Reference[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Reference[] = [];
  const add = (kind: Reference["kind"], node: ts.Node, refers_to: string) =>
    found.push({
      kind,
      file,
      line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
      refers_to,
    });
  const visit = (node: ts.Node) => {
    const specifier = specifierOf(node);
    if (specifier?.text.startsWith(".")) {
      add("import", specifier, posix.join(posix.dirname(file), specifier.text));
    }
    if (ts.isCallExpression(node)) {
      for (const argument of node.arguments) {
        if (!ts.isStringLiteralLike(argument)) continue;
        const name = `public.${argument.text}`;
        if (objects.has(name)) add("sql", argument, name);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The packages that a file imports by name, whose versions are in the import map. */
export function bareImports(file: string, text: string): string[] {
  const found = new Set<string>();
  const visit = (node: ts.Node) => {
    const name = ts.isNewExpression(node) ? undefined : specifierOf(node)?.text;
    if (name && !/^(\.{0,2}\/|[a-z]+:)/.test(name)) found.add(name);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return [...found];
}

/** The string that names another file: in import, export … from, import(), a type's import(), or new URL(). */
function specifierOf(node: ts.Node): ts.StringLiteralLike | undefined {
  let name: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) name = node.moduleSpecifier;
  else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) name = node.argument.literal;
  else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    name = node.arguments[0];
  } else if (ts.isNewExpression(node) && node.expression.getText() === "URL") name = node.arguments?.[0];
  return name && ts.isStringLiteralLike(name) ? name : undefined;
}

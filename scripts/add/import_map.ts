import { join, posix } from "node:path";
import { applyEdits, findNodeAtLocation, modify, parse, type ParseError, parseTree } from "jsonc-parser";

import { StackError } from "../local/errors.ts";
import { exists } from "../local/paths.ts";
import { readText } from "./target.ts";

/** Where functions may have their versions, the first that is there. */
const PLACES = [
  "supabase/functions/deno.json",
  "supabase/functions/deno.jsonc",
  "supabase/functions/import_map.json",
  "supabase/import_map.json",
  "deno.json",
  "deno.jsonc",
];
const NEW = PLACES[0]!;

/** The file that says which version a name in an import stands for. */
export interface ImportMap {
  path: string;
  text: string;
  isNew: boolean;
  imports: Record<string, string>;
}

/** Finds a project's import map; one that is still to be made where there is none. */
export async function findImportMap(folder: string): Promise<ImportMap> {
  for (const path of PLACES) {
    if (!await exists(join(folder, path))) continue;
    const found = await readMap(folder, path);
    // A configuration of Deno may leave it to another file, which functions are deployed with then.
    const { importMap } = found.whole;
    if (typeof importMap !== "string") return found;
    return await readMap(folder, posix.join(posix.dirname(path), importMap));
  }
  return { path: NEW, text: '{\n  "imports": {}\n}\n', isNew: true, imports: {} };
}

async function readMap(
  folder: string,
  path: string,
): Promise<ImportMap & { whole: { [key: string]: unknown } }> {
  const text = await readText(folder, path);
  if (text === undefined) throw new StackError(`There is no ${path}, which is named as the import map`);
  const errors: ParseError[] = [];
  const whole = parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || typeof whole !== "object" || whole === null) {
    throw new StackError(`${path} is no JSON`);
  }
  return { path, text, isNew: false, whole, imports: whole.imports ?? {} };
}

/** The map's text with names set to versions; comments, order and spaces of all else stay. */
export function withImports({ text }: ImportMap, changes: Map<string, string>): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  const formattingOptions = indent.startsWith("\t")
    ? { insertSpaces: false, tabSize: 1, eol }
    : { insertSpaces: true, tabSize: indent.length, eol };
  for (const [name, specifier] of changes) {
    text = withLine(text, name, specifier, eol) ??
      applyEdits(text, modify(text, ["imports", name], specifier, { formattingOptions }));
  }
  return text;
}

/**
 * Adds a name in a line of its own after the last one, whose comment stays beside it: the library puts the new name before
 * that. Undefined where the name is there already, or others do not have lines of their own.
 */
function withLine(text: string, name: string, specifier: string, eol: string): string | undefined {
  const imports = findNodeAtLocation(parseTree(text)!, ["imports"]);
  const last = imports?.children?.at(-1);
  if (!last || findNodeAtLocation(imports!, [name])) return undefined;
  const [before, after] = [text.slice(0, last.offset), text.slice(last.offset + last.length)];
  const [, space] = /(?:^|\n)([ \t]*)$/.exec(before) ?? [];
  const [rest, comma] = /^(,?)[ \t]*(?:\/\/[^\r\n]*|\/\*[^*\r\n]*\*\/)?[ \t]*(?=\r?\n)/.exec(after) ?? [];
  if (space === undefined || rest === undefined) return undefined;
  const line = `${eol}${space}${JSON.stringify(name)}: ${JSON.stringify(specifier)}${comma}`;
  return before + text.slice(last.offset, last.offset + last.length) + (comma ? "" : ",") + rest + line +
    after.slice(rest.length);
}

/** A path as config.toml names it, which counts from the folder supabase. */
export function fromConfig(path: string): string {
  const found = posix.relative("supabase", path);
  return found.startsWith(".") ? found : `./${found}`;
}

import { join, posix } from "node:path";
import { applyEdits, findNodeAtLocation, modify, parse, type ParseError, parseTree } from "jsonc-parser";

import { StackError } from "../local/errors.ts";
import { exists } from "../local/paths.ts";
import { readText } from "./target.ts";

/** Where functions may keep their versions; the first existing file counts. */
const PLACES = [
  "supabase/functions/deno.json",
  "supabase/functions/deno.jsonc",
  "supabase/functions/import_map.json",
  "supabase/import_map.json",
  "deno.json",
  "deno.jsonc",
];
const NEW = PLACES[0]!;

/** The import map: which version each imported name stands for. */
export interface ImportMap {
  path: string;
  text: string;
  isNew: boolean;
  imports: Record<string, string>;
}

/** Finds a project's import map, or the place of a new one. */
export async function findImportMap(folder: string): Promise<ImportMap> {
  for (const path of PLACES) {
    if (!await exists(join(folder, path))) continue;
    const found = await readMap(folder, path);
    // A Deno configuration may name another file as its import map, and functions are deployed with that one.
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
    throw new StackError(`${path} is not valid JSON`);
  }
  return { path, text, isNew: false, whole, imports: whole.imports ?? {} };
}

/** The map's text with the names set to versions; comments, order and white space stay. */
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
 * Adds a name on a separate line after the last one, whose comment stays beside it; the library would put the new
 * name before the comment. Undefined if the name exists, or if the names are not on separate lines.
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

/** A path in config.toml, which is relative to the folder supabase. */
export function fromConfig(path: string): string {
  const found = posix.relative("supabase", path);
  return found.startsWith(".") ? found : `./${found}`;
}

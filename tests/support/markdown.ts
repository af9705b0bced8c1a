import { join } from "node:path";

import { projectFolder } from "../../scripts/local/paths.ts";

/** A fenced block of a page. */
export interface Block {
  /** The language after the fence. */
  language: string;
  code: string;
  /** Where it begins, counted from 1. */
  line: number;
  /** Why it is not run, as the comment before it says. */
  notRun?: string;
}

/** Every page of the project that a reader is sent to, as paths in it. */
export async function pages(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ["", "docs", "docs/decisions", "tests"]) {
    for await (const { name } of Deno.readDir(join(projectFolder, folder))) {
      if (name.endsWith(".md")) found.push(join(folder, name));
    }
  }
  return found.sort();
}

const FENCE = /^( *)```(\w*)\n([^]*?)^\1```$/gm;

/** The fenced blocks of a text; also those in lists. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(FENCE)].map(({ index, 1: indent = "", 2: language = "", 3: code = "" }) => {
    const before = text.slice(0, index);
    return {
      language,
      code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      line: before.split("\n").length,
      notRun: /<!-- not run: (\S[^>]*?) -->\s*$/.exec(before)?.[1],
    };
  });
}

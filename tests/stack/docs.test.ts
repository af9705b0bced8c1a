import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { type Block, blocksOf, pages } from "../support/markdown.ts";
import { runShell } from "../support/shell.ts";
import { connect } from "../support/stack.ts";

// Every sh, bash and sql block of the documentation is run, or a comment before it says why not:
// <!-- not run: needs a hosted project -->

const SHELL = ["sh", "bash"];
const OTHER_NAMES = ["shell", "console", "zsh", "psql", "plpgsql"];

const sql = connect({ connections: 1 });

const documents = await Promise.all((await pages()).map(async (page) => ({
  page,
  blocks: blocksOf(await Deno.readTextFile(join(projectFolder, page))),
})));

function run(languages: string[], blocks: Block[]): Block[] {
  return blocks.filter(({ language, notRun }) => languages.includes(language) && !notRun);
}

const withShell = documents.filter(({ blocks }) => run(SHELL, blocks).length > 0);
const withSql = documents.filter(({ blocks }) => run(["sql"], blocks).length > 0);

/** Runs a page's statements and undoes them. */
async function runSql(code: string): Promise<void> {
  const UNDO = new Error("Undone");
  await sql.begin(async (transaction) => {
    await transaction.unsafe("set local search_path = public, extensions; set local lock_timeout = '5s'");
    await transaction.unsafe(code);
    throw UNDO;
  }).catch((error) => {
    if (error !== UNDO) throw error;
  });
}

// The suite's stack runs no schedule: after ten minutes its jobs are overdue, and deno task jobs rightly fails.
beforeAll(async () => void await sql`update private.jobs set created_at = now()`);

describe("commands in the documentation", () => {
  it.each(withShell)("$page: every command works", async ({ page, blocks }) => {
    const pieces = run(SHELL, blocks).map(({ line, code }) => ({ label: `${page}:${line}`, code }));
    const { code, lastPiece, printed } = await runShell(pieces);
    expect(code, `${lastPiece} failed:\n${printed.slice(-3_000)}`).toBe(0);
  }, 90_000);

  it.each(withSql)("$page: every statement works", async ({ page, blocks }) => {
    for (const { line, code } of run(["sql"], blocks)) {
      await runSql(code).catch((error) => {
        throw new Error(`${page}:${line}: ${error.message}`, { cause: error });
      });
    }
  });

  it("write to no shared place of the machine", () => {
    const shared = documents.flatMap(({ page, blocks }) =>
      run(SHELL, blocks).filter(({ code }) => /(^|[\s"'=>])\/(var\/)?tmp\//m.test(code)).map(({ line }) =>
        `${page}:${line}`
      )
    );
    expect(shared).toEqual([]);
  });

  it("are marked as sh, bash or sql, and no other name hides them", () => {
    const hidden = documents.flatMap(({ page, blocks }) =>
      blocks.filter(({ language }) => OTHER_NAMES.includes(language)).map(({ line }) => `${page}:${line}`)
    );
    expect(hidden).toEqual([]);
    const unnamed = documents.flatMap(({ page, blocks }) =>
      blocks.filter(({ language, code }) =>
        language === "" && /^\s*(\$ )?(deno|curl|supabase|npx) /m.test(code)
      )
        .map(({ line }) => `${page}:${line}`)
    );
    expect(unnamed).toEqual([]);
  });

  it("are run in the guide from its first key to its last answer", () => {
    const guide = documents.find(({ page }) => page === "docs/guide.md");
    expect(run(SHELL, guide!.blocks).length).toBeGreaterThan(5);
  });
});

describe("what runs them", () => {
  it("fails for a command that fails, and for an answer that refuses", async () => {
    expect(await runShell([{ label: "a", code: "true | false" }])).toMatchObject({ code: 1 });
    const refused = 'curl -s "$SUPABASE_URL/functions/v1/balance" -H "apikey: $SUPABASE_PUBLISHABLE_KEY"';
    const { code, lastPiece } = await runShell([{ label: "b", code: refused }, { label: "c", code: "true" }]);
    expect({ isRefused: code !== 0, lastPiece }).toEqual({ isRefused: true, lastPiece: "b" });
  });

  it("fails for a statement that fails", async () => {
    await expect(runSql("select no_such_function()")).rejects.toThrow("no_such_function");
  });

  it("leaves out what a comment names with its reason, and nothing else", () => {
    const text =
      "<!-- not run: needs a key -->\n\n```sh\none\n```\n\n<!-- not run: -->\n\n```sh\ntwo\n```\n\n" +
      "1. In a list:\n\n   ```sql\n   select 3;\n   ```\n\n```json\n{}\n```\n";
    expect(blocksOf(text).map(({ code, notRun, language, line }) => ({ code, notRun, language, line })))
      .toEqual([
        { code: "one\n", notRun: "needs a key", language: "sh", line: 3 },
        { code: "two\n", notRun: undefined, language: "sh", line: 9 },
        { code: "select 3;\n", notRun: undefined, language: "sql", line: 15 },
        { code: "{}\n", notRun: undefined, language: "json", line: 19 },
      ]);
  });
});

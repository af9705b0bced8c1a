import { describe, expect, it } from "vitest";

import { compare, readDebts } from "../../../scripts/modules/debts.ts";
import {
  parseJson,
  parseManifest,
  readManifest,
  withRequirements,
} from "../../../scripts/modules/manifest.ts";
import { survey, surveyOf } from "../../../scripts/modules/violations.ts";

const module = (requires: string[], more: Record<string, unknown> = {}) => ({
  title: "A module",
  requires,
  migrations: [],
  functions: [],
  files: [],
  tests: [],
  docs: [],
  ...more,
});

/** Two modules that know nothing of each other, on one that both require. */
const manifest = parseManifest({
  modules: {
    base: module([], {
      migrations: ["base", "later"],
      registries: ["private.jobs"],
      files: ["supabase/functions/base/*"],
    }),
    left: module(["base"], {
      migrations: ["left"],
      functions: ["left-function"],
      files: ["supabase/functions/left/*"],
    }),
    right: module(["base"], {
      migrations: ["right"],
      functions: ["right-function"],
      files: ["supabase/functions/right/*"],
    }),
  },
  whole: ["tests/whole.ts"],
});

const base = `
  create table private.jobs (name text);
  create table public.settings (name text);
  create schema ground;
  create function public.base_function() returns integer language sql as $$ select 1 $$;`;
const right = `
  create table public.right_table (id integer);
  create type public.right_kind as enum ('one');
  create schema right_schema;
  create function public.right_function() returns integer language sql as $$ select 1 $$;
  create table private.right_settings (id integer);
  create function private.right_part() returns integer language sql as $$ select 1 $$;`;

/** What is wrong with a project that has these texts in the named files, beside those that are always there. */
function problems(texts: Record<string, string>): string[] {
  const all = new Map(Object.entries({
    "supabase/migrations/1_base.sql": base,
    "supabase/migrations/2_left.sql": "",
    "supabase/migrations/3_right.sql": right,
    "supabase/migrations/4_later.sql": "",
    "supabase/functions/left-function/index.ts": "",
    "supabase/functions/right-function/index.ts": "",
    ...texts,
  }));
  const { misplaced, violations } = surveyOf(manifest, [...all.keys()], all);
  return [...misplaced, ...compare(violations, [])];
}

const inLeft = (sql: string) => problems({ "supabase/migrations/2_left.sql": sql });
const plpgsql = (declarations: string, body: string) =>
  `create function public.left_function() returns void language plpgsql as $$
declare
  ${declarations}
begin
  ${body}
end
$$;`;

describe("the check of the modules", () => {
  it("finds nothing wrong with the project but its debts, and no debt that is paid", async () => {
    const { misplaced, violations } = await survey(await readManifest());
    expect([...misplaced, ...compare(violations, await readDebts())]).toEqual([]);
  });

  it("assigns the files in a folder with a module's name to that module, unless another lists them", () => {
    const files = {
      "tests/http/left/new.test.ts": "",
      "tests/unit/left/deep/new.test.ts": "",
      "tests/security/permissions/left.ts": "",
      "scripts/doctor/modules/left/parts.ts": "",
    };
    expect(problems(files)).toEqual([]);
    expect(problems({ "tests/http/nobody/new.test.ts": "" })).toEqual([
      "tests/http/nobody/new.test.ts belongs to no module",
    ]);
    const greedy = parseManifest({
      modules: { left: module([]), b: module([], { tests: ["tests/http/**"] }) },
      whole: [],
    });
    expect(surveyOf(greedy, ["tests/http/left/new.test.ts"], new Map()).misplaced).toEqual([
      "tests/http/left/new.test.ts belongs to left and to b",
    ]);
    // Its folder says whose it is: what it may not refer to is found.
    expect(problems({ "tests/http/left/new.test.ts": 'import "../../../supabase/functions/right/a.ts";' }))
      .toEqual([expect.stringContaining("left does not require")]);
  });

  it("finds a file that no module has, one that two have, and what is named but not there", () => {
    expect(problems({ "docs/new.md": "" })).toEqual(["docs/new.md belongs to no module"]);
    const twice = parseManifest({
      modules: {
        a: module([], { docs: ["docs/*"], migrations: ["gone"] }),
        b: module([], { docs: ["docs/new.*"] }),
      },
      whole: [],
    });
    expect(surveyOf(twice, ["docs/new.md"], new Map()).misplaced).toEqual([
      "docs/new.md belongs to a and to b",
      "a has the migration gone, which does not exist",
    ]);
  });

  it("refuses a manifest with a cycle, with an unknown module or with a misspelt name", () => {
    const of = (modules: Record<string, unknown>) => () => parseManifest({ modules, whole: [] });
    expect(of({ a: module(["b"]), b: module(["c"]), c: module(["a"]) })).toThrow(
      "a cycle: a requires b requires c requires a",
    );
    expect(of({ a: module(["b"]) })).toThrow("a requires b, which is not a module");
    expect(of({ a: { ...module([]), migration: [] } })).toThrow("migration");
    expect(() => parseJson("supabase/modules.json", "{")).toThrow(/^supabase\/modules.json is no JSON: /);
  });

  it("takes what a module requires by way of another", () => {
    const chain = parseManifest({
      modules: { a: module(["b"]), b: module(["c"]), c: module([]) },
      whole: [],
    });
    expect(withRequirements(chain, "a")).toEqual(["c", "b", "a"]);
  });

  it.each([
    ["import", `import "../right/one.ts";`],
    ["import of a type", `import type { One } from "../right/one.ts";`],
    ["export", `export * from "../right/one.ts";`],
    ["import when it runs", `const one = await import("../right/one.ts");`],
    ["type of an import", `let one: import("../right/one.ts").One;`],
    ["address", `const one = new URL("../right/one.ts", import.meta.url);`],
  ])("finds in TypeScript an %s of a module that is not required", (_, text) => {
    expect(problems({ "supabase/functions/left/one.ts": `\n${text}`, "supabase/functions/right/one.ts": "" }))
      .toEqual([
        "supabase/functions/left/one.ts:2 imports supabase/functions/right/one.ts of right, which left does not require",
      ]);
  });

  it("finds a call of another module's function by its name, and lets one's own and a required module's be", () => {
    expect(problems({ "supabase/functions/left/one.ts": `rpc("base_function"); rpc("right_function");` }))
      .toEqual([
        "supabase/functions/left/one.ts:1 refers to public.right_function of right, which left does not require",
      ]);
  });

  it.each([
    ["a table", "select from public.right_table;", "right_table"],
    ["an index on its table", "create index on public.right_table (id);", "right_table"],
    [
      "a trigger on its table",
      "create trigger one after insert on public.right_table execute function public.base_function();",
      "right_table",
    ],
    ["a foreign key", "create table public.one (id integer references public.right_table);", "right_table"],
    ["the type of a column", "create table public.one (kind public.right_kind);", "right_kind"],
    ["a policy", "create policy one on private.jobs using (public.right_function() = 1);", "right_function"],
    ["a default", "create table public.one (id integer default public.right_function());", "right_function"],
    ["a grant", "grant execute on function public.right_function() to postgres;", "right_function"],
    ["a view", "create view public.one as select * from public.right_table;", "right_table"],
    ["a job", "insert into private.jobs values ('right_function');", "right_function"],
    ["a name that is looked up", "select to_regclass('public.right_table');", "right_table"],
    ["a name that is cast", "select 'public.right_function'::regproc;", "right_function"],
    ["a query", plpgsql("", "perform 1 from public.right_table;"), "right_table"],
    ["a value", plpgsql("v_one integer := public.right_function();", "null;"), "right_function"],
    ["an assignment", plpgsql("v_one integer;", "v_one := public.right_function();"), "right_function"],
    ["a condition", plpgsql("", "if public.right_function() = 1 then null; end if;"), "right_function"],
    ["the type of a variable", plpgsql("v_one public.right_table;", "null;"), "right_table"],
    ["a query that is built", plpgsql("", "execute 'select from public.right_table';"), "right_table"],
    [
      "a loop over one that is built",
      plpgsql("v_one record;", "for v_one in execute 'table public.right_table' loop null; end loop;"),
      "right_table",
    ],
    [
      "a body in SQL",
      "create function public.one() returns integer language sql as $$ select public.right_function() $$;",
      "right_function",
    ],
    ["a DO block", "do $$ begin perform public.right_function(); end $$;", "right_function"],
  ])("finds in SQL %s of a module that is not required", (_, sql, name) => {
    const found = inLeft(sql);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`refers to public.${name} of right, which left does not require`);
  });

  it("finds a schema of another module, also for what is only created there when a function runs", () => {
    for (
      const sql of [
        "create table right_schema.one (id integer);",
        "grant usage on schema right_schema to postgres;",
        plpgsql("", "execute format('drop table right_schema.%I', 'one');"),
      ]
    ) {
      expect(inLeft(sql).join()).toContain("refers to schema right_schema of right");
    }
  });

  it("finds objects in the private schema, also if a row names them with or without the schema", () => {
    for (
      const [sql, name] of [
        ["select private.right_part();", "right_part"],
        ["select from private.right_settings;", "right_settings"],
        ["insert into private.jobs values ('private.right_part');", "right_part"],
        ["insert into private.jobs values ('right_part');", "right_part"],
        [plpgsql("", "perform private.right_part();"), "right_part"],
      ]
    ) {
      const found = inLeft(sql!);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(`refers to private.${name} of right, which left does not require`);
    }
    expect(inLeft("update private.right_settings set id = 1;").join()).toContain("private.right_settings");
  });

  it("finds a job that asks another module's function over HTTP", () => {
    expect(inLeft("insert into private.jobs values ('right-function/run'), ('left-function?action=run');"))
      .toEqual([
        "supabase/migrations/2_left.sql:1 refers to function right-function of right, which left does not require",
      ]);
  });

  it("lets other modules write to a registry, and to no other table of theirs", () => {
    expect(inLeft("insert into private.jobs values ('mine'); select from public.settings;")).toEqual([]);
    for (
      const sql of [
        "insert into public.settings values ('mine')",
        "update public.settings set name = ''",
        "delete from public.settings",
        "truncate public.settings",
      ]
    ) {
      expect(inLeft(`${sql};`)).toEqual([
        "supabase/migrations/2_left.sql:1 writes to public.settings of base, which that module alone may",
      ]);
      expect(inLeft(plpgsql("", `${sql};`))).toEqual([
        "supabase/migrations/2_left.sql:5 writes to public.settings of base, which that module alone may",
      ]);
    }
  });

  it("finds what only a later migration creates, in the body of a function too", () => {
    const uses = plpgsql("", "perform public.base_too();").replace("left_function", "base_first");
    const later = plpgsql("", "null;").replace("left_function", "base_too");
    expect(
      problems({ "supabase/migrations/1_base.sql": base + uses, "supabase/migrations/4_later.sql": later }),
    )
      .toEqual([
        "supabase/migrations/1_base.sql:9 refers to public.base_too of base, which a later migration creates",
      ]);
  });

  it("takes no comment, no message and no name of a query's own for a reference", () => {
    expect(inLeft(`
      -- public.right_table
      /* select from public.right_table */
      create function public.one() returns text language sql as $$
        with right_table as (select 1 as id) select 'see public.right_table' from right_table $$;
      comment on function public.one() is 'Unlike public.right_function()';`)).toEqual([]);
  });

  it("tells of an object that two modules create", () => {
    expect(inLeft("create table public.right_table (id integer);").join()).toContain(
      "public.right_table is created by supabase/migrations/2_left.sql and by supabase/migrations/3_right.sql",
    );
  });

  it("says which file has SQL that cannot be parsed", () => {
    expect(() => inLeft("selekt 1;")).toThrow("supabase/migrations/2_left.sql cannot be parsed: ");
    expect(() => inLeft(plpgsql("", "selekt 1;"))).toThrow("supabase/migrations/2_left.sql:1");
  });

  it("wants a debt for each violation, whatever its line, and none that is paid", () => {
    const violation = {
      kind: "import" as const,
      file: "a.ts",
      line: 7,
      refers_to: "b.ts",
      from: "a",
      to: "b",
    };
    const debt = { kind: "import" as const, file: "a.ts", refers_to: "b.ts", way_out: "Some way" };
    expect(compare([violation], [debt])).toEqual([]);
    expect(compare([violation], [{ ...debt, refers_to: "c.ts" }])).toEqual([
      "a.ts:7 imports b.ts of b, which a does not require",
      "a.ts refers to c.ts no longer: remove it from supabase/module_debts.json",
    ]);
  });
});

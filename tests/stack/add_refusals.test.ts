import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { deno } from "./copies.ts";
import { newProject, NOTES, type OwnProject } from "./own_project.ts";

const SCRIPT = join(projectFolder, "scripts", "add.ts");
/** As if the task was typed in that folder. */
const add = (cwd: string, ...args: string[]) => deno(cwd, "run", "-A", SCRIPT, ...args);

let empty: string;

beforeAll(async () => {
  empty = await Deno.makeTempDir({ prefix: "tessera-empty-" });
});

afterAll(() => Deno.remove(empty, { recursive: true }));

describe("deno task add", () => {
  it("lists the modules with what each requires", async () => {
    const { code, printed } = await add(empty, "--list");
    expect(code).toBe(0);
    expect(printed).toMatch(/^otp +One-time codes.* \(requires core\)$/m);
    expect(printed).toMatch(/^core +Endpoint/m);
  });

  it.each([
    [[], "Usage: deno task add <folder>"],
    [["nowhere", "otp"], "There is no folder"],
    [[SCRIPT, "otp"], "is not a folder"],
    [[".", "otp"], "has no folder supabase"],
    [[".", "wallet"], "There is no module wallet. The modules: core, ledger, "],
    [[projectFolder, "otp"], "is inside Tessera itself"],
    [[join(projectFolder, "tests"), "otp"], "is inside Tessera itself"],
    [[".", "otp", "--what"], "--what"],
  ])("refuses %j", async (args, why) => {
    const { code, printed } = await add(empty, ...args);
    expect({ code, printed }).toEqual({ code: 1, printed: expect.stringContaining(why) });
    expect(printed).not.toContain("    at "); // It explains itself.
  });
});

describe("a project that has what a module brings", () => {
  let project: OwnProject;

  beforeAll(async () => {
    project = await newProject({
      ...NOTES.files,
      "supabase/migrations/20260302120000_taken.sql": `
        create table if not exists "public"."token_balances" (id int);
        create schema private;
        create view private.rate_limits as select 1 as one;
        create function public.hold_tokens() returns int language sql as 'select 1';
        create schema if not exists files;
        insert into storage.buckets (public, id, name) values (false, 'uploads', 'uploads');
        create table private.jobs (id int);
        drop table private.jobs;`,
      "supabase/functions/balance/index.ts": "Deno.serve(() => new Response('mine'));\n",
      "supabase/functions/_shared/inputs.ts": "export {};\n",
      "supabase/functions/_shared/media": "a file where a folder goes\n",
      "supabase/functions/deno.jsonc": '{\n\t// Mine\n\t"imports": { "zod": "npm:zod@3.25.0" },\n}\n',
    });
    const config = await project.read("supabase/config.toml");
    await project.write("supabase/config.toml", `${config}\n[functions.account]\nverify_jwt = true\n`);
  }, 60_000);

  afterAll(() => project.remove());

  it("gets a list of all conflicts, and nothing is written", async () => {
    const { code, printed } = await add(empty, project.folder, "ledger", "--yes");
    expect(code, printed).toBe(1);
    const taken = "supabase/migrations/20260302120000_taken.sql creates";
    for (
      const line of [
        `table public.token_balances: ${taken} it too`,
        `table private.rate_limits: ${taken} the view private.rate_limits too`,
        `function public.hold_tokens: ${taken} it too`,
        `schema files: ${taken} it too`,
        `bucket uploads: ${taken} it too`,
        "function folder supabase/functions/balance exists",
        "block [functions.account] exists in supabase/config.toml",
        "file supabase/functions/_shared/inputs.ts exists",
        "supabase/functions/_shared/media/audio.ts cannot be read as a file",
        "import zod is npm:zod@3.25.0 in supabase/functions/deno.jsonc; Tessera has npm:zod@",
      ]
    ) expect(printed).toContain(`\n  ${line}`);
    expect(printed).not.toContain("private.jobs:"); // It was dropped.
    expect(printed).not.toContain("schema private:"); // It is shared.
    expect(printed).toContain("nothing is written");
    expect(printed).toContain("1 file is in no commit");
    expect(await project.changed()).toEqual(["supabase/config.toml"]);
  });

  it("is told that SQL which Postgres cannot parse was not compared", async () => {
    await project.write("supabase/migrations/20260303120000_dump.sql", "\\restrict abc\n");
    const { printed } = await add(empty, project.folder, "otp");
    expect(printed).toContain("What supabase/migrations/20260303120000_dump.sql creates was not compared");
  });
});

describe("a write that does not come to its end", () => {
  let project: OwnProject;

  beforeAll(async () => {
    project = await newProject();
  }, 60_000);

  afterAll(() => project.remove());

  it("is rolled back if a part of it fails", async () => {
    const link = join(project.folder, "supabase/functions/_shared/models");
    await Deno.mkdir(join(link, ".."), { recursive: true });
    await Deno.symlink("/nowhere/at/all", link);
    await project.commit();
    const failed = await add(empty, project.folder, "ledger", "--yes");
    expect(failed).toMatchObject({ code: 1, printed: expect.stringContaining("Nothing was written") });
    expect(await project.changed()).toEqual([]);
    const names = [...Deno.readDirSync(join(project.folder, "supabase"))].map(({ name }) => name);
    expect(names).not.toContain(".tessera-add");
    expect([...Deno.readDirSync(join(link, ".."))].map(({ name }) => name)).toEqual(["models"]);
    await Deno.remove(link);
    await project.commit();
  });

  it("is rolled back by the next run if it was killed", async () => {
    const killed = await deno(
      projectFolder,
      "eval",
      `const { rename } = Deno;
       let count = 0;
       Deno.rename = (from, to) => {
         if (++count < 40) return rename(from, to);
         Deno.kill(Deno.pid, "SIGKILL");
         return new Promise(() => {});
       };
       Deno.args.push(${JSON.stringify(project.folder)}, "ledger", "--yes");
       await import(${JSON.stringify(`file://${SCRIPT}`)});`,
    );
    expect(killed.code, killed.printed).toBe(137);
    expect((await project.changed()).length).toBeGreaterThan(20);

    const next = await add(empty, project.folder, "ledger");
    expect(next).toMatchObject({
      code: 0,
      printed: expect.stringContaining("An earlier run was interrupted"),
    });
    expect(await project.changed()).toEqual([]);
    expect(await add(empty, project.folder, "ledger", "--yes")).toMatchObject({ code: 0 });
  }, 60_000);
});

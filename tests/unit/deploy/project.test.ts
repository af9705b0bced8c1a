import { join } from "node:path";
import { expect, it } from "vitest";

import { findProject } from "../../../scripts/deploy/project.ts";
import { printableFailure } from "../../../scripts/local/errors.ts";
import { projectFolder } from "../../../scripts/local/paths.ts";

const REF = "abcdefghijklmnopqrst";
const OTHER = "zzzzzzzzzzzzzzzzzzzz";
const ADDRESS = `postgresql://postgres.${REF}:sec#ret/word@aws-0.pooler.supabase.com:5432/postgres`;

it.each([
  `postgresql://postgres.${OTHER}:secret@aws-0-eu-central-1.pooler.supabase.com:5432/postgres`,
  `postgresql://postgres:secret@db.${OTHER}.supabase.co:5432/postgres`,
])("the database of another project is refused, without its password: %s", async (databaseUrl) => {
  const refused = findProject({ projectRef: REF, databaseUrl });
  await expect(refused).rejects.toThrow(`is of the project ${OTHER}, and the linked one is ${REF}`);
  await expect(refused).rejects.not.toThrow("secret");
});

it("a project's own database is taken, and its functions' address follows from its ref", async () => {
  const databaseUrl = `postgresql://postgres.${REF}:secret@pooler.supabase.com:5432/postgres`;
  expect(await findProject({ projectRef: REF, databaseUrl })).toEqual({
    ref: REF,
    databaseUrl,
    url: `https://${REF}.supabase.co`,
  });
});

it.each([
  "s#cret",
  "12#cret",
  "se/cret",
  "12/cret",
  "se?cret",
  "12?cret",
  "se%cret",
  "se%zzcret",
  "se@cr/et",
])(
  "a password that is not percent-encoded is told of without it: %s",
  async (password) => {
    const databaseUrl = `postgresql://postgres.${REF}:${password}@aws-0.pooler.supabase.com:5432/postgres`;
    const error = await findProject({ projectRef: REF, databaseUrl }).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "StackError", message: expect.stringContaining("%23") });
    expect(Deno.inspect(error)).not.toContain(password);
  },
);

it("a password that is percent-encoded is taken, and what other tools have in the query is left out", async () => {
  const address = `postgresql://postgres.${REF}:s%23%2F%3F%40%25cret@pooler.supabase.com:5432/postgres`;
  expect(await findProject({ projectRef: REF, databaseUrl: `${address}?pgbouncer=true&sslmode=require` }))
    .toMatchObject({ databaseUrl: `${address}?sslmode=require` });
});

it("a transaction pooler is refused, as a deployment holds a lock of its session", async () => {
  const databaseUrl =
    `postgresql://postgres.${REF}:secret@aws-0-eu-central-1.pooler.supabase.com:6543/postgres`;
  await expect(findProject({ projectRef: REF, databaseUrl })).rejects.toThrow("port 5432");
});

it.each(["deploy", "doctor", "why r", "jobs", "ledger verify"])(
  "deno task %s prints no password of an address that it cannot use",
  async (command) => {
    const [script, ...args] = command.split(" ");
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(projectFolder, "scripts", `${script}.ts`), ...args, "--db-url", ADDRESS],
      env: { SUPABASE_PROJECT_REF: REF, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    expect(code).not.toBe(0);
    expect(printed).toContain("is not a Postgres URL");
    expect(printed).not.toContain("sec#ret");
  },
);

it("what a command prints of any failure has no password of an address in it", () => {
  const printed = printableFailure(new TypeError(`Invalid URL: '${ADDRESS}'`, { cause: new Error(ADDRESS) }));
  expect(printed).toContain("Invalid URL");
  expect(printed).not.toContain("sec#ret");
});

it("a dry run without a project lists everything that is missing, and why it is needed", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(projectFolder, "scripts", "deploy.ts")],
    env: { SUPABASE_PROJECT_REF: "", SUPABASE_DB_URL: "", SUPABASE_ACCESS_TOKEN: "", NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const printed = new TextDecoder().decode(stderr);
  expect(code).toBe(2);
  expect(printed).toContain("compare this copy with a hosted project");
  for (const name of ["SUPABASE_PROJECT_REF", "SUPABASE_DB_URL", "SUPABASE_ACCESS_TOKEN"]) {
    expect(printed).toContain(name);
  }
  expect(printed).toContain("Nothing was changed");
  await expect(findProject({ projectRef: REF, databaseUrl: "" })).rejects.toThrow("No database is named");
  await expect(findProject({ projectRef: REF, databaseUrl: "" })).rejects.not.toThrow("No project is linked");
});

it("says what a project ref looks like", async () => {
  await expect(findProject({ projectRef: "My Project", databaseUrl: ADDRESS })).rejects.toThrow(
    "20 lowercase letters",
  );
});

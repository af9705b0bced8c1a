import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

import { deploy } from "../../scripts/deploy/deploy.ts";
import { projectFolder, supabaseFolder } from "../../scripts/local/paths.ts";
import { run } from "../../scripts/local/run.ts";
import { createDatabase } from "../sql/support.ts";
import { type ManagementApi, startManagementApi } from "../support/management_api.ts";
import { stack } from "../support/stack.ts";

// The real CLI, a real database and real functions; only Supabase's Management API is played.

const REF = "abcdefghijklmnopqrst";
const FUNCTIONS = ["balance", "meal-analyzer", "recipe-generator"];
const EVERY_SECRET = ["AI_API_KEY", "TOKEN_ENCRYPTION_KEYS", "OTP_PEPPERS"];

const database = await createDatabase({ migrated: false });
const environment = ["SUPABASE_PROFILE", "SUPABASE_ACCESS_TOKEN", "SUPABASE_HOME", "SUPABASE_NO_KEYRING"];
let api: ManagementApi;
let copy: string;

beforeAll(async () => {
  api = await startManagementApi(REF);
  copy = await smallProject();
  const values = [api.profile, `sbp_${"a".repeat(40)}`, join(copy, ".home"), "1"];
  environment.forEach((name, index) => Deno.env.set(name, values[index]!));
});

afterAll(async () => {
  for (const name of environment) Deno.env.delete(name);
  await api.stop();
  await Deno.remove(copy, { recursive: true });
});

/** A repository with every migration and three of the functions. */
async function smallProject(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "tessera-repository-" });
  await Deno.mkdir(join(folder, "supabase", "functions"), { recursive: true });
  for (const name of ["deno.json", "deno.lock"]) {
    await Deno.copyFile(join(projectFolder, name), join(folder, name));
  }
  const isWanted = (name: string) => name.startsWith("_") || FUNCTIONS.includes(name);
  const folders = [...Deno.readDirSync(join(supabaseFolder, "functions"))]
    .filter(({ isDirectory, name }) => isDirectory && isWanted(name))
    .map(({ name }) => join("functions", name));
  for (const path of ["migrations", ...folders]) {
    await run("cp", { args: ["-r", join(supabaseFolder, path), join(folder, "supabase", path)] });
  }
  const [head] = (await Deno.readTextFile(join(supabaseFolder, "config.toml"))).split("\n[functions.");
  const blocks = FUNCTIONS.map((name) =>
    `\n[functions.${name}]\nverify_jwt = false\nimport_map = "../deno.json"\n`
  );
  await Deno.writeTextFile(join(folder, "supabase", "config.toml"), head + blocks.join(""));
  await Deno.writeTextFile(join(folder, ".gitignore"), ".home/\n");
  await git(folder, "init", "-q", "-b", "main");
  await commit(folder);
  return folder;
}

async function commit(folder: string): Promise<string> {
  await git(folder, "add", "-A");
  await git(
    folder,
    "-c",
    "user.name=Test",
    "-c",
    "user.email=test@example.com",
    "commit",
    "-q",
    "-m",
    "A state",
  );
  return (await git(folder, "rev-parse", "HEAD")).trim();
}

async function git(folder: string, ...args: string[]): Promise<string> {
  return await run("git", { args: ["-C", folder, ...args] });
}

/** Deploys, and tells what was said and which functions were sent. */
async function tryDeploy(
  options: { isConfirmed?: boolean; to?: string; url?: string; secrets?: string[] } = {},
) {
  const lines: string[] = [];
  api.sent = [];
  const isDone = await deploy({
    project: { ref: REF, databaseUrl: database.url, url: options.url ?? stack.url },
    repositoryFolder: copy,
    commit: options.to,
    isReturn: options.to !== undefined,
    isConfirmed: options.isConfirmed,
    smoke: { tries: 1 },
    ...(options.secrets ? { listSecrets: () => Promise.resolve(options.secrets!) } : {}),
    say: (line) => lines.push(line),
  });
  return { isDone, said: lines.join("\n"), sent: api.sent.map(({ slug }) => slug).toSorted() };
}

async function tableNames(): Promise<string[]> {
  const rows = await database
    .sql`select tablename from pg_tables where schemaname in ('public', 'private', 'operations')`;
  return rows.map(({ tablename }) => tablename);
}

it(
  "deploys a commit: nothing without its secrets, then everything, then what changed, and back again",
  async () => {
    const first = await git(copy, "rev-parse", "HEAD").then((text) => text.trim());
    const refused = await tryDeploy({ isConfirmed: true });
    expect(refused).toMatchObject({ isDone: false, sent: [] });
    expect(refused.said).toContain("The secret AI_API_KEY is missing");
    expect(refused.said).toContain("Nothing was changed");
    expect(await tableNames()).toEqual([]);

    EVERY_SECRET.forEach((name) => api.secrets.add(name));
    api.secrets.add("AI_TEXT_MODLE");
    let tablesAtFirstFunction: string[] | undefined;
    api.onFunction = async () => void (tablesAtFirstFunction ??= await tableNames());
    const toldRest: string[] = [];
    const listening = await database.sql.listen("pgrst", (message) => toldRest.push(message));
    const whole = await tryDeploy({ isConfirmed: true });
    expect(whole, whole.said).toMatchObject({ isDone: true, sent: FUNCTIONS });
    expect(whole.said).toContain("AI_TEXT_MODLE is set and read by nothing");
    // The REST server looks again, before a function asks it for what is new.
    expect(toldRest).toContain("reload schema");
    await listening.unlisten();
    expect(tablesAtFirstFunction).toEqual(expect.arrayContaining(["token_balances", "deployments"]));
    const { files: bundle, settings } = api.sent.find(({ slug }) => slug === "balance")!;
    expect(settings).toMatchObject({ verify_jwt: false, import_map_path: "deno.json" });
    expect([...bundle.keys()]).toEqual(
      expect.arrayContaining(["deno.json", "supabase/functions/_shared/endpoint.ts"]),
    );

    // One function and the database change; one more file lies about in no commit.
    const changed = join(copy, "supabase/functions/meal-analyzer/index.ts");
    await Deno.writeTextFile(changed, "// Changed\n", { append: true });
    await Deno.writeTextFile(
      join(copy, "supabase/migrations/20990101000000_later.sql"),
      "create table later ();\n",
    );
    const second = await commit(copy);
    await Deno.writeTextFile(join(copy, "supabase/functions/recipe-generator/index.ts"), "broken(", {
      append: true,
    });
    const secrets = EVERY_SECRET;
    const dry = await tryDeploy({ secrets });
    expect(dry).toMatchObject({ isDone: true, sent: [] });
    for (
      const part of ["20990101000000_later", "1 of 3", "meal-analyzer", "Left out    1 files", "dry run"]
    ) {
      expect(dry.said).toContain(part);
    }
    expect(await tableNames()).not.toContain("later");

    // Its functions do not answer: a return is proposed.
    const ill = await tryDeploy({ isConfirmed: true, url: "http://127.0.0.1:9", secrets });
    expect(ill).toMatchObject({ isDone: false, sent: ["meal-analyzer"] });
    expect(ill.said).toContain(`To go back: deno task deploy --to ${first.slice(0, 12)} --yes`);
    expect(await tableNames()).toContain("later");

    const back = await tryDeploy({ isConfirmed: true, to: first, secrets });
    expect(back, back.said).toMatchObject({ isDone: true, sent: ["meal-analyzer"] });
    expect(api.sent[0]!.files.get("supabase/functions/meal-analyzer/index.ts")).not.toContain("// Changed");
    expect(back.said).toContain("the database never does");
    expect(await tableNames()).toContain("later");

    const rows = await database.sql`
      select commit_id, functions, is_complete, is_healthy from operations.deployments order by id`;
    const common = { is_complete: true };
    expect([...rows]).toEqual([
      { ...common, commit_id: first, functions: FUNCTIONS, is_healthy: true },
      { ...common, commit_id: second, functions: ["meal-analyzer"], is_healthy: false },
      { ...common, commit_id: first, functions: ["meal-analyzer"], is_healthy: true },
    ]);

    // An interrupted one: the commit of its function is unknown.
    await database.sql`
      insert into operations.deployments (commit_id, functions) values (${second}, '{recipe-generator}')`;
    const next = await tryDeploy({ secrets });
    expect(next.said).toContain(
      "2 of 3, changed since then, or cut off in between: meal-analyzer, recipe-generator",
    );
  },
  120_000,
);

it("does not deploy while somebody else does", async () => {
  const other = await database.sql.reserve();
  await other`select pg_advisory_lock(hashtextextended('tessera deploy', 0))`;
  try {
    await expect(tryDeploy()).rejects.toThrow("Another deployment of this project is under way");
  } finally {
    await other`select pg_advisory_unlock_all()`;
    other.release();
  }
});

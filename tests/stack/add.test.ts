import { join } from "node:path";
import { parse as parseToml } from "@std/toml";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FEATURE, FEATURE_CONFIG, FEATURE_PRICE } from "./own_feature.ts";
import { type Stack, startStack } from "../../scripts/local/stack.ts";
import { copyOfProject, deno } from "./copies.ts";
import { newPlace, type Place, signUp } from "./helpers.ts";
import { newProject, NOTES, type OwnProject } from "./own_project.ts";

const PRICE = "supabase/functions/_shared/ledger/price.ts";
const TEMPLATES = "supabase/functions/_otp/templates.ts";

let tessera: string;
let project: OwnProject;
let place: Place;
let stack: Stack | undefined;

const add = (...args: string[]) => deno(tessera, "task", "add", project.folder, ...args);

beforeAll(async () => {
  tessera = await copyOfProject();
  project = await newProject();
  place = await newPlace();
}, 60_000);

afterAll(async () => {
  await stack?.stop();
  await place.remove();
  await project.remove();
  await Deno.remove(tessera, { recursive: true });
});

async function start(): Promise<Stack> {
  const { portBase, dataDir } = place;
  return stack = await startStack({
    portBase,
    dataDir,
    project: project.folder,
    quiet: true,
    fast: true,
    schedule: false,
  });
}

/** Each function in the project's folder alone, by its own import map. */
async function checkTypes(): Promise<void> {
  const folder = join(project.folder, "supabase", "functions");
  const shared: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && !name.startsWith("_") && name !== "notes") shared.push(`${name}/index.ts`);
  }
  expect(shared.length).toBeGreaterThan(1);
  expect(await deno(folder, "check", "--quiet", "--no-lock", ...shared)).toEqual({ code: 0, printed: "" });
  expect(await deno(join(folder, "notes"), "check", "--quiet", "--no-lock", "index.ts")).toEqual({
    code: 0,
    printed: "",
  });
}

const call = (name: string, { token, key, body }: { token?: string; key?: string; body?: unknown } = {}) =>
  fetch(`${stack!.url}/functions/v1/${name}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      apikey: stack!.publishableKey,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(key ? { "idempotency-key": key } : {}),
    },
    body: JSON.stringify(body ?? {}),
  });

describe("a project of one's own", () => {
  it("is not changed by a dry run, which prints the plan", async () => {
    const { code, printed } = await add("ledger");
    expect(code, printed).toBe(0);
    expect(printed).toMatch(/add {5}supabase\/migrations\/\d{14}_ledger\.sql/);
    expect(printed).toContain("append  supabase/config.toml: [functions.balance]");
    expect(printed).toContain("AI_API_KEY");
    expect(printed).toContain("--yes");
    expect(printed).not.toContain("in no commit");
    expect(await project.changed()).toEqual([]);
  }, 60_000);

  it(
    "takes the ledger: its own lines stay, what is new comes after its last migration, types fit",
    async () => {
      const before = await project.read("supabase/config.toml");
      const { code, printed } = await add("ledger", "--yes");
      expect(code, printed).toBe(0);
      const config = await project.read("supabase/config.toml");
      expect(config.startsWith(before)).toBe(true);
      expect(parseToml(config).functions).toMatchObject({
        balance: { verify_jwt: false, import_map: "./functions/deno.json" },
        notes: { import_map: "./functions/notes/deno.json" },
      });
      const { imports } = JSON.parse(await project.read("supabase/functions/deno.json"));
      const known = JSON.parse(await Deno.readTextFile(join(tessera, "deno.json"))).imports;
      expect(imports.zod).toBe(known.zod);
      expect(imports).not.toHaveProperty("vitest");
      const changed = await project.changed();
      const migrations = changed.filter((path) => path.includes("/migrations/"));
      for (const path of migrations) expect(path > NOTES.migration).toBe(true);
      expect(changed.filter((path) => path in NOTES.files)).toEqual([]);
      expect(changed.filter((path) => path.includes(".tessera-add"))).toEqual([]);
      expect(await add("ledger", "--yes")).toMatchObject({
        printed: expect.stringContaining("Nothing to do"),
      });

      await project.write(...FEATURE);
      await project.write("supabase/config.toml", config + FEATURE_CONFIG);
      await checkTypes();
      await project.commit();
    },
    240_000,
  );

  it("starts on the local stack, and charges a user once for its own feature", async () => {
    const { url, publishableKey, databaseUrl } = await start();
    expect(await (await call("notes")).text()).toBe("hello from notes");
    const notes = await fetch(`${url}/rest/v1/notes`, { headers: { apikey: publishableKey } });
    expect(await notes.json()).toEqual([]);

    const { id, token } = await signUp(url, publishableKey);
    const sql = postgres(databaseUrl, { max: 1 });
    try {
      await sql`select public.add_tokens(${id}, 100, 'test')`;
      const request = { token, key: "one-pun", body: { topic: "soup" } };
      const first = await call("pun-maker", request);
      const text = await first.text();
      expect(first.status, text).toBe(200);
      expect(JSON.parse(text).usage).toMatchObject({ charged: FEATURE_PRICE, balance: 100 - FEATURE_PRICE });
      const again = await call("pun-maker", request);
      expect(await again.text()).toBe(text);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      const charges = await sql`
        select delta from public.token_balance_history where user_id = ${id} and delta < 0`;
      expect([...charges]).toEqual([{ delta: charges[0]!.delta }]);
      expect(Number(charges[0]!.delta)).toBe(-FEATURE_PRICE);
      expect([...await sql`select * from public.verify_token_ledger()`]).toEqual([]);
    } finally {
      await sql.end();
    }
  }, 120_000);

  it(
    "takes otp later: shared files exist already, and its migration is the only new one",
    async () => {
      const { code, printed } = await add("otp", "--yes");
      expect(code, printed).toBe(0);
      expect(printed).toContain("OTP_PEPPERS");
      expect(printed).not.toMatch(/^\w+ +supabase\/functions\/_shared\//m);
      await checkTypes();
      await stack!.stop();
      const { appliedMigrations } = await start();
      expect(appliedMigrations).toEqual([expect.stringMatching(/^\d{14}_otp\.sql$/)]);
      const answer = await call("otp/request", { body: { phone: "+33612345678" } });
      expect(answer.status, await answer.text()).toBe(200);
      await project.commit();
    },
    240_000,
  );

  it("gets updates of unchanged files; changed files are kept, and the difference is shown", async () => {
    const append = async (folder: string, path: string, line: string) =>
      await Deno.writeTextFile(join(folder, path), `${line}\n`, { append: true });
    await append(tessera, PRICE, "// New in Tessera");
    await append(tessera, TEMPLATES, "// New in these as well");
    await append(project.folder, TEMPLATES, "// Mine");

    const { code, printed } = await add("--yes");
    expect(code, printed).toBe(0);
    expect(printed).toContain("1 file is in no commit");
    expect(printed).toContain(`update  ${PRICE}`);
    expect(printed).toContain(`kept    ${TEMPLATES}: changed by you, and Tessera changed it too`);
    expect(printed).toMatch(/^-\/\/ Mine$/m);
    expect(printed).toMatch(/^\+\/\/ New in these as well$/m);
    expect(await project.read(PRICE)).toContain("// New in Tessera");
    expect(await project.read(TEMPLATES)).toContain("// Mine");

    // It is still the owner's at the next run, and until the owner says otherwise.
    expect((await add()).printed).toContain("changed by you, and Tessera changed it too");
    await add("--yes", "--force", TEMPLATES);
    expect(await project.read(TEMPLATES)).toContain("// New in these as well");
    expect((await add()).printed).toContain("Nothing to do");
    await project.commit();
  }, 120_000);

  it("loses files that Tessera dropped; what its owner removed or pinned stays so", async () => {
    const [dropped, changedAndDropped, removed] = ["old_forms", "tel_uri", "sms_parts"]
      .map((name) => `supabase/functions/_otp/${name}.ts`) as [string, string, string];
    for (const path of [dropped, changedAndDropped]) await Deno.remove(join(tessera, path));
    await project.write(changedAndDropped, "// Mine\n");
    await Deno.remove(join(project.folder, removed));
    const map = "supabase/functions/deno.json";
    const own = (await project.read(map)).replace(/"npm:zod@[^"]+"/, '"npm:zod@4.0.0"');
    await project.write(map, own);

    const { code, printed } = await add("--yes");
    expect(code, printed).toBe(0);
    expect(printed).toContain(`remove  ${dropped}`);
    expect(printed).toContain(`${changedAndDropped} is gone from Tessera, and you changed it`);
    expect(printed).toContain(`${removed} was removed by you`);
    expect(printed).toContain(`${map} has zod as npm:zod@4.0.0`);
    await expect(project.read(dropped)).rejects.toThrow();
    await expect(project.read(removed)).rejects.toThrow();
    expect(await project.read(changedAndDropped)).toBe("// Mine\n");
    expect(await project.read(map)).toBe(own);

    expect(await add("--yes", "--force", removed)).toMatchObject({ code: 0 });
    expect(await project.read(removed)).toBe(await Deno.readTextFile(join(tessera, removed)));
    const wrong = await add("--yes", "--force", dropped);
    expect(wrong).toMatchObject({
      code: 1,
      printed: expect.stringContaining(`nothing to decide about ${dropped}`),
    });
    await project.commit();
  }, 120_000);

  it("gets a conflict for an edited migration, which no database applies again", async () => {
    const name = [...Deno.readDirSync(join(tessera, "supabase/migrations"))]
      .map((entry) => entry.name).find((one) => one.endsWith("_otp.sql"))!;
    const own = [...Deno.readDirSync(join(project.folder, "supabase/migrations"))]
      .map((entry) => entry.name).find((one) => one.endsWith("_otp.sql"))!;
    const file = `supabase/migrations/${own}`;
    await Deno.writeTextFile(
      join(tessera, "supabase/migrations", name),
      "create table public.afterthought (id bigint);\n",
      { append: true },
    );
    await Deno.writeTextFile(join(tessera, PRICE), "// Newer\n", { append: true });

    const told = await add("--yes");
    expect(told).toMatchObject({
      code: 1,
      printed: expect.stringContaining(`${file} has changed in Tessera`),
    });
    for (
      const part of [`--force ${file}`, "db reset", `--applied ${file}`, "+create table public.afterthought"]
    ) {
      expect(told.printed).toContain(part);
    }
    expect(await project.changed()).toEqual([]);

    expect(await add("--yes", "--applied", file)).toMatchObject({ code: 0 });
    expect(await project.changed()).toEqual([PRICE, "supabase/tessera.json"]);
    expect((await add()).printed).toContain("Nothing to do");
  }, 120_000);
});

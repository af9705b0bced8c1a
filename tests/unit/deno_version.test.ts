import { join } from "node:path";
import { expect, it } from "vitest";

import { OLDEST_DENO, tooOldText } from "../../scripts/local/deno_version.ts";
import { projectFolder } from "../../scripts/local/paths.ts";

it.each(["2.5.6", "2.9.5", "1.46.3", "2.9.5+abcdef"])("Deno %s is told what to do instead", (version) => {
  expect(tooOldText(version, "start")).toBe(
    `This is Deno ${version}, and the commands need ${OLDEST_DENO} or later: deno upgrade
Without installing one: npx -y deno@${OLDEST_DENO} task start`,
  );
});

it.each([OLDEST_DENO, "2.9.10", "2.10.0", "3.0.0", "2.9.6+abcdef"])("Deno %s will do", (version) => {
  expect(tooOldText(version, "start")).toBeUndefined();
});

it("is the version that README.md names", async () => {
  const page = (await Deno.readTextFile(join(projectFolder, "README.md"))).replaceAll(/\s+/g, " ");
  expect(page).toContain(`an installed Deno ${OLDEST_DENO} or later`);
});

it("no command imports a Node name that an older Deno lacks, so that its message is printed", async () => {
  // What is imported by name is looked for before anything runs. Deno 2.5 and older have no parseEnv.
  const found: string[] = [];
  const look = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) await look(path);
      else if (/import \{[^}]*\bparseEnv\b/.test(await Deno.readTextFile(path))) found.push(path);
    }
  };
  await look(join(projectFolder, "scripts"));
  expect(found).toEqual([]);
});

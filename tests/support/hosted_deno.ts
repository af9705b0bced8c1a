import { join } from "node:path";

import { denoOf, HOSTED_DENO, mapAloneFlags } from "../../scripts/local/functions_deno.ts";
import { functionsFolder, projectFolder } from "../../scripts/local/paths.ts";
import { run } from "../../scripts/local/run.ts";

/** Why the Deno of the Edge Runtime cannot be had here; undefined where it can. */
export async function whyNoHostedDeno(): Promise<string | undefined> {
  if (Deno.env.get("CI") === "true") return undefined;
  return await denoOf(HOSTED_DENO).then(
    () => undefined,
    () => `deno@${HOSTED_DENO} of npm, which was not reached`,
  );
}

/** Has another Deno fetch what the functions import, which their first requests would wait for otherwise. */
export async function fetchImports(version: string): Promise<void> {
  const { command, env } = await denoOf(version);
  const functions = [...Deno.readDirSync(functionsFolder)]
    .filter(({ name, isDirectory }) => isDirectory && !name.startsWith("_"))
    .map(({ name }) => join(functionsFolder, name, "index.ts"));
  await run(command, {
    args: ["cache", "--quiet", ...mapAloneFlags(join(projectFolder, "deno.json")), ...functions],
    cwd: projectFolder,
    env,
  });
}

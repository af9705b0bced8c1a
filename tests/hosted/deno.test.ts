import { expect, it } from "vitest";

import { denoOf, HOSTED_DENO } from "../../scripts/local/functions_deno.ts";
import { run } from "../../scripts/local/run.ts";
import { needing } from "../support/needs.ts";

it("the Deno of the Edge Runtime runs here, and says so", await needing("the hosted Deno"), async () => {
  const { command, env } = await denoOf(HOSTED_DENO);
  const args = ["eval", "--no-config", "--no-lock", "console.log(Deno.version.deno)"];
  expect((await run(command, { args, env })).trim()).toBe(HOSTED_DENO);
});

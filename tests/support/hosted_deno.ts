import { denoOf, HOSTED_DENO } from "../../scripts/local/functions_deno.ts";

/** Why the Deno of the Edge Runtime cannot be had here; undefined where it can. */
export async function whyNoHostedDeno(): Promise<string | undefined> {
  if (Deno.env.get("CI") === "true") return undefined;
  return await denoOf(HOSTED_DENO).then(
    () => undefined,
    () => `deno@${HOSTED_DENO} of npm, which was not reached`,
  );
}

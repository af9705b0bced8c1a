import { StackError } from "./errors.ts";
import { run } from "./run.ts";

/** The Deno that the newest public Edge Runtime is built on: the nearest to hosted functions that runs here. */
export const HOSTED_DENO = "2.1.4";

/** Names another Deno for the functions process of the local stack, as `TESSERA_FUNCTIONS_DENO=2.1.4`. */
export const FUNCTIONS_DENO_VARIABLE = "TESSERA_FUNCTIONS_DENO";

/** A Deno by its version, and how it is started. */
export interface FunctionsDeno {
  version: string;
  command: string;
  /** What it needs in its environment. */
  env: Record<string, string>;
}

const known = new Map<string, Promise<FunctionsDeno>>();

/** The Deno that functions shall run on, where it is another than this one. */
export async function otherFunctionsDeno(
  version: string | undefined = Deno.env.get(FUNCTIONS_DENO_VARIABLE),
): Promise<FunctionsDeno | undefined> {
  if (!version || version === Deno.version.deno) return undefined;
  return await denoOf(version);
}

/** A Deno of a version, from npm, as the README starts its own; the program itself, as npx would stand before its signals. */
export function denoOf(version: string): Promise<FunctionsDeno> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new StackError(
      `${FUNCTIONS_DENO_VARIABLE} is a version of Deno, as ${HOSTED_DENO}, not ${version}`,
    );
  }
  let found = known.get(version);
  if (!found) known.set(version, found = find(version));
  return found;
}

async function find(version: string): Promise<FunctionsDeno> {
  const npx = Deno.build.os === "windows" ? "npx.cmd" : "npx";
  const command = await run(npx, {
    args: ["-y", `deno@${version}`, "eval", "--no-config", "--no-lock", "console.log(Deno.execPath())"],
    env: { NO_COLOR: "1" },
  });
  return {
    version,
    command: command.trim(),
    // Newer ones trust what the system trusts of themselves.
    env: { DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla,system" },
  };
}

/** How functions are run by the import map alone, as `supabase functions serve` gives it to the Edge Runtime: no configuration, no lock file, no node_modules. */
export function mapAloneFlags(importMap: string): string[] {
  return ["--no-config", "--no-lock", "--node-modules-dir=none", "--import-map", importMap];
}

import { StackError } from "./errors.ts";
import { run } from "./run.ts";

/** The Deno version of the newest public Edge Runtime: the closest to hosted functions that runs here. */
export const HOSTED_DENO = "2.1.4";

/** Selects another Deno for the local stack's functions, as in `TESSERA_FUNCTIONS_DENO=2.1.4`. */
export const FUNCTIONS_DENO_VARIABLE = "TESSERA_FUNCTIONS_DENO";

/** A Deno version, and its command. */
export interface FunctionsDeno {
  version: string;
  command: string;
  /** The environment variables that it needs. */
  env: Record<string, string>;
}

const known = new Map<string, Promise<FunctionsDeno>>();

/** The Deno for functions, if it is another than this one. */
export async function otherFunctionsDeno(
  version: string | undefined = Deno.env.get(FUNCTIONS_DENO_VARIABLE),
): Promise<FunctionsDeno | undefined> {
  if (!version || version === Deno.version.deno) return undefined;
  return await denoOf(version);
}

/**
 * A Deno version from npm, as in the README. The program itself is started, because npx would not pass on its
 * signals.
 */
export function denoOf(version: string): Promise<FunctionsDeno> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new StackError(
      `${FUNCTIONS_DENO_VARIABLE} must be a Deno version such as ${HOSTED_DENO}, not ${version}`,
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
    // Newer versions trust the system's certificates by themselves.
    env: { DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla,system" },
  };
}

/**
 * Runs functions with only the import map, as `supabase functions serve` gives it to the Edge Runtime: no
 * configuration, no lock file, no node_modules.
 */
export function mapAloneFlags(importMap: string): string[] {
  return ["--no-config", "--no-lock", "--node-modules-dir=none", "--import-map", importMap];
}

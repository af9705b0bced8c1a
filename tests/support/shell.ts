import { join } from "node:path";

import { projectFolder } from "../../scripts/local/paths.ts";
import { signUp, stack } from "./stack.ts";

/** A failed answer of curl fails the script too, and nothing may hang. It gives the pages nothing that a reader lacks. */
const PRELUDE = `set -euo pipefail
curl() { command curl --show-error --fail-with-body --max-time 30 "$@"; }
`;
/** Variables of this process that a reader's shell has too, or that say where programs are kept. */
const READERS_VARIABLES = [
  "HOME",
  "LANG",
  "DENO_DIR",
  "DENO_TLS_CA_STORE",
  "NODE_EXTRA_CA_CERTS",
  "npm_config_cache",
];

export interface ShellResult {
  code: number;
  /** Where it ended: the label of the last piece that was begun. */
  lastPiece: string;
  /** What that piece and the others printed, errors last. */
  printed: string;
}

/**
 * Runs pieces of a shell script in one bare shell, against the suite's stack as if it were the one of `deno task start`, with
 * ACCESS_TOKEN and USER_ID of a user with tokens.
 */
export async function runShell(pieces: { label: string; code: string }[]): Promise<ShellResult> {
  const folder = await Deno.makeTempDir({ prefix: "tessera-docs-" });
  try {
    await Deno.symlink(Deno.execPath(), join(folder, "deno"));
    const user = await signUp({ tokens: 100_000 });
    const script = pieces.map(({ label, code }) => `echo '@@ ${label}' >&2\n${code}`).join("\n");
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["--noprofile", "--norc", "-c", PRELUDE + script],
      cwd: projectFolder,
      clearEnv: true,
      env: {
        ...readersVariables(),
        PATH: `${folder}:${Deno.env.get("PATH")}`,
        TMPDIR: folder,
        NO_COLOR: "1",
        TESSERA_PORT_BASE: String(stack.portBase),
        TESSERA_DATA_FOLDER: stack.dataDir,
        SUPABASE_URL: stack.url,
        SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
        SUPABASE_SECRET_KEY: stack.secretKey,
        DATABASE_URL: stack.databaseUrl,
        ACCESS_TOKEN: user.token,
        USER_ID: user.id,
      },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    const errors = decoder.decode(stderr);
    const lastPiece = [...errors.matchAll(/^@@ (.+)$/gm)].at(-1)?.[1] ?? "";
    return { code, lastPiece, printed: decoder.decode(stdout) + errors };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function readersVariables(): Record<string, string> {
  const known = READERS_VARIABLES.map((name) => [name, Deno.env.get(name)]);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

import { join } from "node:path";

import { readSecrets } from "../../scripts/local/secrets.ts";

/** Texts that no log may contain, by a name that can be shown. */
export type SecretsByName = Record<string, string | RegExp>;

/** Planted marks, users' tokens, and keys of AI vendors, whoever wrote them and wherever. */
const MARKS: SecretsByName = {
  "a planted canary": /canary-of-[a-z-]+-[0-9a-f]{8}-[0-9a-f]{4}/,
  "a signed token": /eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/,
  "a vendor's key": /\bsk-[A-Za-z0-9_-]{20,}/,
};

/** The output so far of every process of a stack, including separate functions processes, by log name. */
export async function readLogs(dataDir: string): Promise<Map<string, string>> {
  const folder = join(dataDir, "logs");
  const logs = new Map<string, string>();
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) logs.set(name, await Deno.readTextFile(join(folder, name)));
  }
  return logs;
}

/** Tells which secret stands where in a stack's logs, without repeating it. */
export async function searchLogs(dataDir: string, secrets: SecretsByName): Promise<string[]> {
  const found: string[] = [];
  for (const [log, text] of await readLogs(dataDir)) {
    for (const [index, line] of text.split("\n").entries()) {
      for (const [name, secret] of Object.entries(secrets)) {
        const isThere = typeof secret === "string" ? line.includes(secret) : secret.test(line);
        if (isThere) found.push(`${name} in ${log}, line ${index + 1}`);
      }
    }
  }
  return found;
}

/** Searches all that the processes of a stack wrote for its own secrets and for what tests have planted. */
export async function findSecretsInLogs(dataDir: string): Promise<string[]> {
  const { publishableKey: _public, signingKey, otpProofKey, ...own } = await readSecrets(dataDir);
  return await searchLogs(dataDir, {
    ...own,
    "the private signing key": signingKey.d!,
    "the private key of proofs": otpProofKey.d!,
    ...MARKS,
  });
}

/** Fails where a secret was written down; to be called before the folder is removed. */
export async function requireNoSecretsInLogs(dataDir: string): Promise<void> {
  const found = await findSecretsInLogs(dataDir);
  if (found.length > 0) throw new Error(`Secrets were written to logs: ${found.slice(0, 20).join("; ")}`);
}

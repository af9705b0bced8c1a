/** Which functions a deployment sends, and why. */
export interface Affected {
  functions: string[];
  reason: string;
}

/**
 * The functions to deploy after changes: each is bundled with all that it imports, so that one file which several may
 * import (`_shared`, a domain's folder, the dependencies, the configuration) means all of them.
 */
export function affectedFunctions(functions: string[], changedPaths: string[]): Affected {
  const common = changedPaths.find(isCommon);
  if (common) return { functions, reason: `${common} changed, which is a part of every function` };
  const folders = new Set(
    changedPaths.map((path) => /^supabase\/functions\/([^/]+)\//.exec(path)?.[1]),
  );
  return { functions: functions.filter((name) => folders.has(name)), reason: "changed since then" };
}

function isCommon(path: string): boolean {
  return ["deno.json", "deno.lock", "supabase/config.toml"].includes(path) ||
    /^supabase\/functions\/(_[^/]*\/|[^/]+$)/.test(path);
}

import { join } from "node:path";
import { parse } from "@std/toml";

import { functionsIn } from "../deploy/plan.ts";
import { projectFolder } from "../local/paths.ts";
import type { Examination, Finding } from "./finding.ts";

interface FunctionBlock {
  enabled?: boolean;
  verify_jwt?: boolean;
  import_map?: string;
}

/** Whether each function's folder has the right block in config.toml, and no block is left over. */
export const configExamination: Examination = {
  name: "config.toml",
  examine: () => examineConfig(projectFolder),
};

export async function examineConfig(folder: string): Promise<Finding[]> {
  const config = parse(await Deno.readTextFile(join(folder, "supabase", "config.toml")));
  const blocks = (config.functions ?? {}) as Record<string, FunctionBlock>;
  const names = await functionsIn(folder);
  return [
    ...names.flatMap((name) => findingsOf(name, blocks[name])),
    ...Object.keys(blocks).filter((name) => !names.includes(name)).map((name): Finding => ({
      severity: "missing",
      what: `config.toml has a block for ${name}, which has no folder`,
      why: "supabase functions deploy without names fails on it",
      fix: `Delete [functions.${name}] in supabase/config.toml`,
    })),
  ];
}

function findingsOf(name: string, block: FunctionBlock | undefined): Finding[] {
  const fix =
    `supabase/config.toml: [functions.${name}] with enabled = true, verify_jwt = false, import_map = "../deno.json"`;
  if (!block) {
    const why = "It is deployed with the default verify_jwt and without its dependencies";
    return [{ severity: "missing", what: `config.toml has no block for the function ${name}`, why, fix }];
  }
  const findings: Finding[] = [];
  if (block.verify_jwt !== false) {
    const why = "The platform refuses callers before the function can, in another form, and secret keys too";
    findings.push({ severity: "missing", what: `verify_jwt is not off for ${name}`, why, fix });
  }
  if (block.import_map !== "../deno.json") {
    const why = "Its dependencies are not found when it is deployed";
    findings.push({ severity: "missing", what: `import_map of ${name} is not ../deno.json`, why, fix });
  }
  return findings;
}

import { functionsIn } from "../deploy/plan.ts";
import { projectFolder } from "../local/paths.ts";
import { DECLARED } from "../settings/declared.ts";
import { missingSettings } from "../settings/settings.ts";
import type { Examination, Finding, KnownSettings } from "./finding.ts";

/** Whether keys and the modules' other settings are set and, if their values are known, valid. */
export const settingsExamination: Examination = {
  name: "settings",
  async examine({ settings }) {
    if (!settings) {
      return [{
        severity: "note",
        what: "The functions' settings were not checked",
        why: "A database does not have them",
        fix: "Run it on the machine with the local stack, or with --project-ref and SUPABASE_ACCESS_TOKEN",
      }];
    }
    return await examineSettings(settings);
  },
};

/** What is missing in known settings, and what does not fit. */
export async function examineSettings(settings: KnownSettings): Promise<Finding[]> {
  const functions = await functionsIn(projectFolder);
  const set = (name: string) =>
    settings.kind === "values" ? `supabase/functions/.env: ${name}=…` : `supabase secrets set ${name}=…`;
  const names = settings.kind === "values"
    ? Object.keys(settings.values).filter((name) => settings.values[name] !== "")
    : settings.names;
  const { required, needed } = missingSettings(names, functions);
  return [
    ...required.map(({ name, title, description }): Finding => ({
      severity: "missing",
      what: `The setting ${name} is missing`,
      why: `Functions that need a setting of "${title}" answer 500 without it. ${description}`,
      fix: set(name),
    })),
    ...needed.map(({ name, description, need }): Finding => ({
      severity: "missing",
      what: `The setting ${name} is missing`,
      why: `${need!.functions.join(", ")} answer 500 without it. ${description}`,
      fix: `${set(name)}; docs/configuration.md says how to make one`,
    })),
    ...(settings.kind === "values" && required.length === 0 ? misfits(settings.values) : []),
  ];
}

function misfits(values: Record<string, string>): Finding[] {
  const given = Object.fromEntries(Object.entries(values).filter(([_name, value]) => value !== ""));
  return DECLARED.flatMap(({ title, schema }) => {
    const issues = schema.safeParse(given).error?.issues ?? [];
    return issues.map((issue): Finding => ({
      severity: "missing",
      what: `The setting ${issue.path.join(".")} does not fit: ${issue.message}`,
      why: `Functions that need a setting of "${title}" answer 500 as long as it does not fit`,
      fix: "Correct it: docs/configuration.md",
    }));
  });
}

import type { Setting } from "./settings.ts";

/** .env.example: every setting, commented out, with its default if it has one. */
export function envExample(settings: Setting[]): string {
  const groups = [...new Set(settings.map(({ title }) => title))].map((title) =>
    [`# == ${title}`, ...settings.filter((setting) => setting.title === title).map(entry)].join("\n\n")
  );
  return `# Every setting of the functions. Written by \`deno task docs\`; docs/configuration.md has the same as tables.
#
# Locally:  cp .env.example supabase/functions/.env    (git ignores that file)
# Hosted:   supabase secrets set --env-file production.env
#
# A line that stays commented out means the default. Locally a demo model answers as long as
# neither AI_BASE_URL nor AI_API_KEY is set.

${groups.join("\n\n")}
`;
}

function entry({ name, description, defaultText, values, isRequired, need }: Setting): string {
  const when = isRequired ? "Required." : need ? `Needed when ${need.when}.` : "";
  const notes = [`${description}.`, values && `Values: ${values}.`, when].filter(Boolean).join(" ");
  return `${wrapped(notes)}\n# ${name}=${defaultText ?? ""}`;
}

const WIDTH = 110;

/** A text as comment lines. */
function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.replaceAll(/\s+/g, " ").split(" ")) {
    if (lines.at(-1) !== "" && lines.at(-1)!.length + 1 + word.length > WIDTH - 2) lines.push("");
    lines.push(`${lines.pop()!} ${word}`.trim());
  }
  return lines.map((line) => `# ${line}`).join("\n");
}

import type { Setting } from "./settings.ts";

/** docs/configuration.md: every setting with its default, values, purpose, and when it is required. */
export function configurationPage(settings: Setting[]): string {
  const sections = [...new Set(settings.map(({ title }) => title))].map((title) =>
    `## ${title}\n\n${table(settings.filter((setting) => setting.title === title))}\n`
  );
  return `# Configuration

Written by \`deno task docs\` from each module's \`settings.ts\`. Only \`supabase/functions/_shared/platform/env.ts\` reads the
environment. An invalid value stops only the functions that need its table below: they answer \`internal\`, and their log
says which setting is wrong and why.

Locally the settings come from \`supabase/functions/.env\` and the environment of \`deno task start\`, which sets its own
keys where none are given. Hosted they are secrets of the project:

<!-- not run: needs a hosted project -->

\`\`\`sh
supabase secrets set AI_BASE_URL=https://api.openai.com/v1 AI_API_KEY=sk-…
supabase secrets set --env-file production.env
\`\`\`

[.env.example](../.env.example) lists every setting, to copy from. Supabase sets \`SUPABASE_URL\`, the project's keys and its key set by itself. \`deno task deploy\` and \`deno task doctor\`
compare the project's secrets with this list.

New keys for \`TOKEN_ENCRYPTION_KEYS\` and \`OTP_PEPPERS\`, 32 bytes each, with the day as their id:

\`\`\`sh
echo "k$(date +%Y%m%d):$(openssl rand -base64 32)"
\`\`\`

${sections.join("\n")}`;
}

function table(settings: Setting[]): string {
  return [
    "| setting | what it is for | default | possible values | required |",
    "|---|---|---|---|---|",
    ...settings.map(({ name, description, defaultText, values, isRequired, need }) =>
      `| \`${name}\` | ${cell(description)} | ${
        defaultText === undefined ? "" : `\`${cell(defaultText)}\``
      } | ${cell(values)} | ${isRequired ? "yes" : need ? `when ${cell(need.when)}` : ""} |`
    ),
  ].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

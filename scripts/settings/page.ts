import type { Setting } from "./settings.ts";

/** What a prefix is about; a setting belongs to the first that fits. */
const GROUPS: [RegExp, string][] = [
  [/^AI_/, "AI models"],
  [/^(LEDGER|SUPABASE|METRICS)_/, "Ledger, database and metrics"],
  [/^(OTP|TWILIO|VONAGE|SMTP|SEND_SMS)_/, "One-time codes"],
  [/^OAUTH_|^TOKEN_STORE/, "OAuth tokens"],
  [/^(TOKEN|REDIS|UPSTASH)_/, "Provider tokens"],
  [/^ALERT_/, "Alerts"],
  [/^OTEL_/, "Traces"],
  [/./, "Others"],
];

/** docs/configuration.md: every setting with its default, its values, what it is for and when it is required. */
export function configurationPage(settings: Setting[]): string {
  const sections = GROUPS.map(([prefix, title]) => {
    const ofGroup = settings.filter(({ name }) => GROUPS.find(([one]) => one.test(name))![0] === prefix);
    return ofGroup.length === 0 ? "" : `## ${title}\n\n${table(ofGroup)}\n`;
  });
  return `# Configuration

Written by \`deno task docs\` from \`supabase/functions/_shared/env.ts\`, which alone reads the environment. A value that
does not fit stops every request with \`internal\`; the function's log says which one and why.

Locally the settings come from \`supabase/functions/.env\` and the environment of \`deno task start\`, which sets keys of its
own where nothing is named. Hosted they are secrets of the project:

<!-- not run: needs a hosted project -->

\`\`\`sh
supabase secrets set AI_BASE_URL=https://api.openai.com/v1 AI_API_KEY=sk-…
supabase secrets set --env-file production.env
\`\`\`

[.env.example](../.env.example) has every setting, to copy from. Supabase sets \`SUPABASE_URL\`, the project's keys and its key set by itself. \`deno task deploy\` and \`deno task doctor\`
compare the project's secrets with this list.

New keys for \`TOKEN_ENCRYPTION_KEYS\` and \`OTP_PEPPERS\`, 32 bytes each, with the day as their id:

\`\`\`sh
echo "k$(date +%Y%m%d):$(openssl rand -base64 32)"
\`\`\`

${sections.filter(Boolean).join("\n")}`;
}

function table(settings: Setting[]): string {
  return [
    "| setting | what it is for | default | possible values | required |",
    "|---|---|---|---|---|",
    ...settings.map(({ name, description, defaultText, values, isRequired, need }) =>
      `| \`${name}\` | ${cell(description)} | ${
        defaultText === undefined ? "" : `\`${cell(defaultText)}\``
      } | ${cell(values)} | ${isRequired ? "always" : need ? `when ${cell(need.when)}` : ""} |`
    ),
  ].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

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

export interface Group {
  title: string;
  settings: Setting[];
}

/** The settings under what they are about, without empty groups. */
export function settingsByGroup(settings: Setting[]): Group[] {
  return GROUPS.map(([prefix, title]) => ({
    title,
    settings: settings.filter(({ name }) => GROUPS.find(([one]) => one.test(name))![0] === prefix),
  })).filter(({ settings }) => settings.length > 0);
}

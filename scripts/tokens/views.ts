import type { Status, Synced } from "./answers.ts";

const number = (value: number) => value.toLocaleString("en-US");

/** A readable time, to the second, in UTC. */
export function timeOf(text: string | null): string {
  return text === null ? "–" : `${new Date(text).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Columns under their headings, as wide as their content. */
export function tableOf(heads: string[], rows: string[][]): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: string[]) =>
    `   ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join("  ").trimEnd()}`;
  return [line(heads), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n");
}

/** The result of a sync, in the format of the earlier client. */
export function syncView(synced: Synced): string {
  const lines = [
    `Sync ${synced.is_complete ? "successful" : "unfinished"}: synced ${
      number(synced.synced)
    } tokens from Redis in ${(synced.duration_ms / 1_000).toFixed(1)} s`,
    `   Unchanged:    ${number(synced.unchanged)}`,
    `   Deactivated:  ${number(synced.deactivated)}`,
    `   Key mappings: ${number(synced.mappings)}`,
    `   Active now:   ${number(synced.active)}`,
  ];
  if (synced.rejected > 0) {
    lines.push(`   No tokens:    ${number(synced.rejected)} (deno task tokens status says which)`);
  }
  if (synced.unusable_names > 0) lines.push(`   Unusable key names: ${number(synced.unusable_names)}`);
  if (synced.vanished > 0) lines.push(`   Ended meanwhile: ${number(synced.vanished)}`);
  if (synced.accounts.length > 0) {
    lines.push("", "Accounts synced:", ...synced.accounts.map((account) => `   • ${account}`));
    const more = synced.synced - synced.accounts.length;
    if (more > 0) lines.push(`   … and ${number(more)} more`);
  }
  return lines.join("\n");
}

/** The status in the format of the earlier client, with the reasons why tokens are unusable. */
export function statusView(status: Status): string {
  const { redis, postgres, sync, encryption, recent, expiring, unusable } = status;
  const lines = [
    "Token status",
    `   Postgres tokens: ${number(postgres.usable)} usable of ${number(postgres.tokens)}`,
    `   Redis tokens:    ${redis.keys === null ? `unknown (${redis.problem})` : number(redis.keys)}`,
    `   Main accounts:   ${number(postgres.main_accounts)}`,
    `   Sync needed:     ${status.sync_needed ? "yes" : "no"}${
      sync.is_unfinished ? " (one is unfinished)" : ""
    }${sync.is_running ? " (one is running)" : ""}`,
    `   Last sync:       ${timeOf(sync.completed_at)}`,
    `   Last updated:    ${timeOf(status.last_updated_at)}`,
    `   Encrypted with:  ${encryption.active_key_id ?? "no key"}`,
  ];
  if (encryption.problem) lines.push(`   Keys:            ${encryption.problem}`);
  if (recent.length > 0) {
    const rows = recent.map((
      one,
    ) => [one.account_name, one.main_account, timeOf(one.expires_at), timeOf(one.updated_at)]);
    lines.push("", "Recent tokens", tableOf(["account", "main account", "expires", "updated"], rows));
  }
  if (expiring.count > 0) {
    const rows = expiring.accounts.map((
      one,
    ) => [one.account_name, timeOf(one.expires_at), `${one.expires_in_s} s`]);
    lines.push(
      "",
      `Ending within 10 minutes: ${number(expiring.count)}`,
      tableOf(["account", "expires", "in"], rows),
    );
  }
  const count = Object.values(unusable.counts).reduce((sum, one) => sum + one, 0);
  if (count > 0) {
    const rows = unusable.accounts.map((
      one,
    ) => [one.account_name, one.problem, timeOf(one.since), one.reason]);
    lines.push("", `Not usable: ${number(count)}`, tableOf(["account", "problem", "since", "why"], rows));
  }
  return lines.join("\n");
}

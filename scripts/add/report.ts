import type { Setting } from "../settings/settings.ts";
import type { Plan } from "./changes.ts";

/** The report about a plan, most useful parts first. */
export function reportOf(plan: Plan, needed: Setting[], { isWritten }: { isWritten: boolean }): string {
  const { steps, kept, conflicts, notes } = plan;
  const parts: string[] = [];
  if (steps.length > 0) parts.push(steps.join("\n"));
  for (const { path, why, difference } of kept) {
    parts.push(`kept    ${path}: ${why}. --force ${path} takes Tessera's\n${difference}`);
  }
  if (notes.length > 0) parts.push(notes.map((note) => `Note: ${note}`).join("\n"));
  if (needed.length > 0 && steps.length > 0) {
    const width = Math.max(...needed.map(({ name }) => name.length));
    const lines = needed.map(({ name, description, isRequired, need }) =>
      `  ${name.padEnd(width)}  ${description}${isRequired ? "" : ` (when ${need!.when})`}`
    );
    parts.push(`The required settings, in supabase/functions/.env or as secrets:\n${lines.join("\n")}`);
  }
  if (conflicts.length > 0) {
    parts.push(
      `${plural(conflicts.length, "conflict")}: nothing is written\n${
        conflicts.map((one) => `  ${one}`).join("\n")
      }`,
    );
  } else if (steps.length === 0) {
    parts.push(isWritten || plan.writes.size === 0 ? "Nothing to do." : "Only the record is new.");
  } else if (!isWritten) {
    parts.push(`A dry run: ${plural(steps.length, "change")}. To apply them, add --yes`);
  } else parts.push(`Done: ${plural(steps.length, "change")}.`);
  return parts.join("\n\n");
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

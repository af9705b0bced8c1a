import type postgres from "postgres";

const TABLE = /(<!-- jobs -->\n)[\s\S]*(<!-- end -->)/;

/** docs/schedule.md with the jobs of a database in its table, in the form that `deno fmt` leaves as it is. */
export async function withJobs(document: string, sql: postgres.Sql): Promise<string> {
  if (!TABLE.test(document)) {
    throw new Error("docs/schedule.md has lost its marks: <!-- jobs --> … <!-- end -->");
  }
  const jobs = await sql`
    select name, schedule, kind, description, overdue_after::text from private.jobs order by name collate "C"`;
  const rows = [
    ["job", "when", "kind", "does", "overdue after"],
    ...jobs.map((
      { name, schedule, kind, description, overdue_after },
    ) => [`\`${name}\``, `\`${schedule}\``, kind, description, shortened(overdue_after)]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const table = [line(rows[0]!), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)];
  return document.replace(TABLE, (_, begin, end) => `${begin}\n${table.join("\n")}\n\n${end}`);
}

/** 00:10:00 as 10 min. */
function shortened(interval: string): string {
  const [hours, minutes] = interval.split(":").map(Number);
  if (minutes === undefined) return interval;
  return hours! > 0 ? `${hours} h` : `${minutes} min`;
}

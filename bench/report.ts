import { join } from "node:path";

import { projectFolder } from "../scripts/local/paths.ts";
import { run } from "../scripts/local/run.ts";
import type { Effort } from "./interleave.ts";
import type { Section } from "./section.ts";

const FILE = join(projectFolder, "docs", "benchmarks.md");

/** Writes docs/benchmarks.md and prints its path. */
export async function writeReport(machine: string, effort: Effort, sections: Section[]): Promise<string> {
  const body = sections.map(({ title, text, table }) =>
    [`## ${title}`, ...(text ? [text] : []), table].join("\n\n")
  );
  await Deno.writeTextFile(FILE, `${introduction(machine, effort)}\n\n${body.join("\n\n")}\n`);
  await run(Deno.execPath(), { args: ["fmt", "-q", FILE], cwd: projectFolder });
  return FILE;
}

function introduction(machine: string, { rounds, seconds }: Effort): string {
  return `# Benchmarks

Written by \`deno task bench\`, which starts a stack of its own that flushes every commit, and removes it afterwards.
One part alone is printed and not written: \`deno task bench ledger\`, \`http\`, \`steady\`, \`growth\`, \`imports\`,
\`oauth\`, \`tokens\`, \`community\` (its full size takes an hour: \`--messages 5000000\`).
\`--rounds\` and \`--seconds\` say how long to measure. It needs \`pgbench\` on the \`PATH\` (Debian:
\`postgresql-contrib\`), and compares with Redis where that is installed (\`redis-server\`, \`redis-tools\`).

Load generator, database and functions share the processors, so rates say more about the machine than about the
code: **read the ratios**. The sides of a table take turns, ${rounds} rounds of ${seconds} s each. Rates and latencies are
medians of the rounds; a ratio is the median of the rounds' ratios to the side that is 1.00, and in brackets the middle
half of them. Above 1 is faster for rates and slower for CPU. Server CPU is the time that Postgres itself used for one
operation, autovacuum included; other programs on the machine disturb it less than a rate.

SQL is sent by \`pgbench\`: 16 clients (batches: 2), prepared statements, each call a transaction. The bare form is
one function with one update of a balance and one insert of an entry, on tables of the ledger's shape, without
idempotency. Redis runs one Lua script for each charge, asked by \`redis-benchmark\` with 16 clients: it claims the
request, checks and lowers the balance and appends an entry, and flushes before it answers. Latencies are those of a
call: of a whole batch, or of a whole pipeline. Over HTTP a client calls the gateway, which calls the function, which
calls the demo model without delay; the metered one also holds and settles.

${machine}`;
}

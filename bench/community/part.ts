import { join } from "node:path";
import postgres from "postgres";

import { findFreePortBase, type Stack } from "../../scripts/local/stack.ts";
import { startUnlimitedStack } from "../../scripts/local/unlimited.ts";
import type { Effort } from "../interleave.ts";
import { count } from "../markdown.ts";
import { Pgbench, requirePgbench } from "../pgbench.ts";
import { measure, type Report } from "../section.ts";
import { fill, liftLimits, type Size, sizeOf } from "./community_of_size.ts";
import { measureHeartbeats } from "./heartbeats.ts";
import { OPERATIONS } from "./operations.ts";
import { policyPlans } from "./plans.ts";

const SMALL = sizeOf(10_000);

interface Grown {
  name: string;
  size: Size;
  sql: postgres.Sql;
  databaseUrl: string;
  pgbench: Pgbench;
}

/** Compares a community with a larger one: two databases, in turns. `--messages 5000000` is the full size. */
export async function measureCommunity(_stack: Stack, effort: Effort, report: Report): Promise<void> {
  await requirePgbench();
  const opened: (() => Promise<void>)[] = [];
  try {
    const communities: Grown[] = [];
    for (const size of [SMALL, sizeOf(effort.messages)]) {
      const { grown, close } = await openCommunity(size);
      opened.push(close);
      communities.push(grown);
    }
    const [small, large] = communities as [Grown, Grown];
    // Reads first: they find what was filled in, and not what the writes of another round left.
    for (
      const { title, unit, perSecond, script } of OPERATIONS.toSorted((one, other) =>
        order(one) - order(other)
      )
    ) {
      const sides = communities.map(({ name, size, pgbench }) => ({
        name,
        run: (seconds: number) => pgbench.forSeconds(script(size), seconds, { perSecond }),
      }));
      report(await measure({ title: `Community: ${title}`, unit, reference: small.name, sides }, effort));
    }
    report(await measureHeartbeats(large.sql, large.databaseUrl, effort.rounds));
    report(await policyPlans(large.sql, large.name));
    for (const grown of communities) await expectSound(grown);
  } finally {
    for (const close of opened) await close();
  }
}

function order({ unit }: { unit: string }): number {
  return unit === "messages" ? 1 : 0;
}

async function openCommunity(size: Size): Promise<{ grown: Grown; close(): Promise<void> }> {
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-bench-" });
  let stack: Stack | undefined;
  let sql: postgres.Sql | undefined;
  const close = async () => {
    await sql?.end();
    await stack?.stop();
    await Deno.remove(dataDir, { recursive: true });
  };
  try {
    stack = await startUnlimitedStack({
      portBase: await findFreePortBase(),
      dataDir,
      quiet: true,
      realtime: false,
    });
    sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
    await liftLimits(sql);
    await fill(sql, size);
    const folder = join(dataDir, "pgbench");
    await Deno.mkdir(folder);
    const grown = {
      name: `${count(size.messages)} messages, ${count(size.salons)} salons, ${count(size.users)} users`,
      size,
      sql,
      databaseUrl: stack.databaseUrl,
      // With the rights of who asks, so that policies are part of what is measured.
      pgbench: new Pgbench(folder, stack.databaseUrl, { role: "authenticated" }),
    };
    return { grown, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A fast answer that refuses, or that leaves counts wrong, is no measurement. */
async function expectSound({ name, size, sql }: Grown): Promise<void> {
  const broken = await sql`select * from private.verify_messages()`;
  if (broken.length > 0) throw new Error(`${name}: broken after the run: ${JSON.stringify(broken[0])}`);
  const [{ messages }] = await sql<[{ messages: number }]>`
    select count(*)::float8 as messages from public.chat_messages`;
  if (messages <= size.messages) throw new Error(`${name}: none of the messages was sent`);
}

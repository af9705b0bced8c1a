// Fills the running local stack with a made-up community. deno task seed [chat] [--messages N] [--clean]

import { parseArgs } from "node:util";

import { connectTo } from "./local/connect.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";
import { explainWhenAsked } from "./local/usage.ts";
import { removeSeeds, seedMessages, seedPeople, seedSalons } from "./seed/community.ts";
import { people } from "./seed/people.ts";

const USAGE = `deno task seed                 30 people, 12 salons, and 5,000 messages if the salons are new
deno task seed chat            100 more messages in these salons
deno task seed … --messages N  as many messages
deno task seed --clean         deletes these people and salons, with all that was written there

All of it goes into the running local stack, where the demo user is in the first three salons.
docs: docs/community.md`;

const MESSAGES = { all: 5_000, chat: 100 };
const MOST_MESSAGES = 1_000_000;

explainWhenAsked("seed", USAGE);

try {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { clean: { type: "boolean", default: false }, messages: { type: "string" } },
  });
  const part = positionals[0] ?? "all";
  if (positionals.length > 1 || (part !== "all" && part !== "chat") || (values.clean && part !== "all")) {
    throw new StackError(USAGE);
  }
  const count = Number(values.messages ?? MESSAGES[part]);
  if (!Number.isInteger(count) || count < 1 || count > MOST_MESSAGES) {
    throw new StackError(
      `--messages must be a whole number from 1 to ${MOST_MESSAGES}: current value is ${values.messages}`,
    );
  }
  await seed(part, count, values.clean);
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

async function seed(part: "all" | "chat", count: number, isClean: boolean): Promise<void> {
  const { url, databaseUrl, secrets } = await findRunningStack();
  const admin = { url, secretKey: secrets.secretKey, password: secrets.demoUserPassword };
  const sql = connectTo(databaseUrl);
  try {
    if (isClean) {
      const removed = await removeSeeds(sql, admin);
      console.log(`Deleted: ${removed.people} people, ${removed.salons} salons and what was written there`);
      return;
    }
    if (part === "chat") {
      console.log(`Written: ${await seedMessages(sql, count)} messages`);
      return;
    }
    const newPeople = await seedPeople(sql, admin);
    const guests = await sql<{ id: string }[]>`select id from auth.users where email = 'demo@example.com'`;
    const newSalons = await seedSalons(sql, guests.map(({ id }) => id));
    const messages = newSalons > 0 ? await seedMessages(sql, count) : 0;
    console.log(`New: ${newPeople} people, ${newSalons} salons, ${messages} messages
Sign in as any of them, with the demo user's password: ${people[0]!.email} ${admin.password}`);
  } finally {
    await sql.end();
  }
}

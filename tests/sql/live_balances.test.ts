import postgres from "postgres";
import { afterEach, describe, expect, it } from "vitest";

import { ADMIN_ROLE } from "../../scripts/local/postgres.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { stack } from "../support/stack.ts";
import { createDatabase, newId, range, run, until } from "./support.ts";
import { act, remove, Teams } from "./wallet_support.ts";

const { sql, ledger, url } = await createDatabase();
const teams = new Teams(sql);

/** What the calls of a watch answer. */
interface Watched {
  success: boolean;
  error: string | null;
  topic: string;
  balance: number;
  held: number;
  available: number;
  sequence: number;
  watched_until: string;
}

afterEach(async () => {
  expect(await ledger.problems()).toEqual([]);
});

function watch(user: string, wallet = user, as: postgres.ISql = sql): Promise<Watched> {
  return run<Watched>(as, act("watch_wallet", user, wallet));
}

/** All that was told of a wallet. */
async function told(wallet: string, as: postgres.ISql = sql) {
  const rows = await as`
    select payload from realtime.messages
    where topic = ${`wallet:${wallet}`} and event = 'balance' and extension = 'broadcast' and private
    order by payload -> 'sequence'`;
  return rows.map(({ payload }) => payload);
}

async function lapse(wallet: string): Promise<void> {
  await sql`update token_balances set watched_until = now() - interval '1 second' where user_id = ${wallet}`;
}

/** A user with tokens who watches its wallet; and the number that its next change has. */
async function watcher(tokens = 100) {
  const user = newId();
  if (tokens > 0) await ledger.add(user, tokens);
  const { sequence } = await watch(user);
  return { user, next: sequence + 1 };
}

/** A superuser of a database, as the platform is one in the schema `realtime`. */
async function superuserOf(database: string): Promise<postgres.Sql> {
  const address = new URL(database);
  address.username = ADMIN_ROLE;
  address.password = (await readSecrets(stack.dataDir)).adminPassword;
  return postgres(address.href, { max: 1, onnotice: () => {} });
}

describe("a wallet that somebody watches", () => {
  it("tells of holds, settlements, releases, grants and charges, each with the next number", async () => {
    const { user, next } = await watcher();
    const [one, two] = [newId(), newId()];
    await ledger.hold(user, 10, one);
    await ledger.settle(user, one, 4);
    await ledger.hold(user, 10, two);
    await ledger.release(user, two);
    await ledger.add(user, 50);
    await ledger.consume(user, 6);
    expect(await told(user)).toEqual(
      [[100, 10], [96, 0], [96, 10], [96, 0], [146, 0], [140, 0]].map(([balance, held], at) => ({
        id: user,
        balance,
        held,
        sequence: next + at,
      })),
    );
    expect(await watch(user)).toMatchObject({ balance: 140, held: 0, available: 140, sequence: next + 5 });
  });

  it("tells of a transaction's end, and of nothing in between", async () => {
    const { user, next } = await watcher();
    await sql.begin(async (transaction) => {
      for (const amount of [1, 2, 3]) {
        await transaction`select consume_tokens_atomic(${newId()}, ${user}, ${amount}, 'meal-analyzer')`;
      }
    });
    expect(await told(user)).toEqual([{ id: user, balance: 94, held: 0, sequence: next }]);
  });

  it("tells each wallet of a batch its own", async () => {
    const watchers = await Promise.all(range(3).map(() => watcher()));
    const operations = watchers.flatMap(({ user }, at) =>
      range(2).map(() => ({
        operation: "consume",
        request_id: newId(),
        user_id: user,
        token_amount: at + 1,
        operation_type: "meal-analyzer",
      }))
    );
    await sql`select run_token_operations(${operations as never}::jsonb)`;
    for (const [at, { user, next }] of watchers.entries()) {
      expect(await told(user)).toEqual([{ id: user, balance: 98 - 2 * at, held: 0, sequence: next }]);
    }
  });

  it("tells nothing of a charge that was rolled back, of one that is known, and of one that was refused", async () => {
    const { user } = await watcher();
    const id = newId();
    await ledger.consume(user, 1, id);
    const before = await told(user);
    await ledger.consume(user, 1_000);
    await sql.begin(async (transaction) => {
      await transaction`select consume_tokens_atomic(${newId()}, ${user}, 1, 'meal-analyzer')`;
      throw new Error("never mind");
    }).catch(() => {});
    expect(await told(user)).toEqual(before);
    expect((await watch(user)).sequence).toBe(before.at(-1)!.sequence);
    // A known request takes the tokens and gives them back before anybody sees it: at most the same is said again.
    await ledger.consume(user, 1, id);
    expect((await told(user)).slice(before.length).every(({ balance }) => balance === 99)).toBe(true);
  });

  it("numbers what happens at once without a gap, in the order in which it happened", async () => {
    const { user, next } = await watcher(1_000);
    const charges = range(40);
    const lines = range(4).map(() => postgres(url, { max: 1, onnotice: () => {} }));
    try {
      await Promise.all(
        charges.map((at) =>
          lines[at % 4]!`select consume_tokens_atomic(${newId()}, ${user}, 1, 'meal-analyzer')`
        ),
      );
    } finally {
      await Promise.all(lines.map((line) => line.end()));
    }
    const heard = await told(user);
    expect(heard.map(({ sequence }) => sequence)).toEqual(charges.map((at) => next + at));
    expect(heard.map(({ balance }) => balance)).toEqual(charges.map((at) => 999 - at));
  });
});

describe("a wallet that nobody watches", () => {
  it("tells nothing, whether nobody ever watched or nobody does any more", async () => {
    const user = newId();
    await ledger.add(user, 100);
    await ledger.consume(user, 1);
    expect(await told(user)).toEqual([]);
    await watch(user);
    await lapse(user);
    await ledger.consume(user, 1);
    expect(await told(user)).toEqual([]);
    // The charges after it need not look at the time.
    expect(await sql`select from token_balances where user_id = ${user} and watched_until is null`)
      .toHaveLength(1);
  });

  it("has the next number once it is watched again, so that nobody takes an old balance for the newest", async () => {
    const { user, next } = await watcher();
    await lapse(user);
    await ledger.consume(user, 1);
    expect(await watch(user)).toMatchObject({ balance: 99, sequence: next });
    await ledger.consume(user, 1);
    expect(await told(user)).toEqual([{ id: user, balance: 98, held: 0, sequence: next + 1 }]);
  });

  it("counts a charge that came after its watch's end, though who watches again began before", async () => {
    const { user, next } = await watcher();
    const [{ until: end }] = await sql<[{ until: Date }]>`
      update token_balances set watched_until = clock_timestamp() + interval '200 milliseconds'
      where user_id = ${user} returning watched_until as until`;
    await sql.begin(async (transaction) => {
      const [{ is_before }] = await transaction<[{ is_before: boolean }]>`select now() < ${end} as is_before`;
      expect(is_before).toBe(true);
      await until(async () => (await transaction`select where clock_timestamp() > ${end}`).length > 0);
      await ledger.consume(user, 1);
      expect(await watch(user, user, transaction)).toMatchObject({ balance: 99, sequence: next });
    });
    expect(await told(user)).toEqual([]);
  });
});

describe("to watch", () => {
  it("is for the wallet's own user and for members, whatever their role", async () => {
    const team = await teams.open({ tokens: 50 });
    const [member, viewer] = [await team.join(), await team.join("viewer")];
    for (const user of [team.owner, member, viewer]) {
      expect(await watch(user, team.wallet)).toMatchObject({
        success: true,
        topic: `wallet:${team.wallet}`,
        balance: 50,
      });
    }
    await teams.do(remove(team.owner, team.wallet, member));
    for (const user of [newId(), member]) {
      expect(await watch(user, team.wallet)).toMatchObject({ success: false, error: "forbidden" });
      expect(await watch(user, newId())).toMatchObject({ error: "forbidden" });
      expect(await watch(user, viewer)).toMatchObject({ error: "forbidden" });
    }
  });

  it("makes a row for who has none, and for nobody else", async () => {
    const [user, nobody] = [newId(), newId()];
    expect(await watch(user)).toMatchObject({ success: true, balance: 0, held: 0 });
    await watch(user, nobody);
    expect(await sql`select from token_balances where user_id = ${nobody}`).toHaveLength(0);
    await ledger.add(user, 5);
    expect(await told(user)).toMatchObject([{ balance: 5 }]);
  });

  it("often writes to the row seldom", async () => {
    const { user } = await watcher();
    const version = async () =>
      (await sql`select xmin::text from token_balances where user_id = ${user}`)[0]!.xmin;
    const before = await version();
    for (const _ of range(5)) await watch(user);
    expect(await version()).toBe(before);
    await sql`update token_balances set watched_until = now() + interval '9 minutes' where user_id = ${user}`;
    const { watched_until } = await watch(user);
    expect(Date.parse(watched_until)).toBeGreaterThan(Date.now() + 14 * 60_000);
  });

  it("shows no tokens that have ended", async () => {
    const user = newId();
    await ledger.add(user, 10, newId(), { p_kind: "promotion", p_expires_at: new Date(Date.now() + 200) });
    await until(async () => (await watch(user)).balance === 0);
  });
});

describe("where telling fails", () => {
  it("a charge is made in a moment, though another keeps the messages locked", async () => {
    const { user, next } = await watcher();
    const other = postgres(url, { max: 1, onnotice: () => {} });
    try {
      await other.begin(async (transaction) => {
        await transaction`lock table realtime.messages in access exclusive mode`;
        const began = performance.now();
        expect(await ledger.consume(user, 1)).toMatchObject({ success: true, balance: 99 });
        expect(performance.now() - began).toBeLessThan(5_000);
      });
    } finally {
      await other.end();
    }
    expect(await told(user)).toEqual([]);
    await ledger.consume(user, 1);
    // The number shows that one is missing.
    expect(await told(user)).toEqual([{ id: user, balance: 98, held: 0, sequence: next + 1 }]);
  });

  it("a charge is made, whatever becomes of the schema realtime", async () => {
    const { user, next } = await watcher();
    const admin = await superuserOf(url);
    for (
      const [broken, mended] of [
        [
          "alter function realtime.send(jsonb, text, text, boolean) rename to sent",
          "alter function realtime.sent(jsonb, text, text, boolean) rename to send",
        ],
        ["alter table realtime.messages rename to mail", "alter table realtime.mail rename to messages"],
        ["alter schema realtime rename to unreal", "alter schema unreal rename to realtime"],
      ] as const
    ) {
      await admin.unsafe(broken);
      try {
        expect(await ledger.consume(user, 1)).toMatchObject({ success: true });
      } finally {
        await admin.unsafe(mended);
      }
    }
    await admin.end();
    expect((await watch(user)).sequence).toBe(next + 2);
    await ledger.consume(user, 1);
    expect(await told(user)).toEqual([{ id: user, balance: 96, held: 0, sequence: next + 3 }]);
  });
});

it("without the schema realtime everything applies, and its topics are opened once it is there", async () => {
  const own = await createDatabase();
  const platform = await superuserOf(own.url);
  try {
    await platform`drop policy "who may read a wallet hears of its balance" on realtime.messages`;
    await platform`alter schema realtime rename to unreal`;
    expect((await own.sql`select private.open_wallet_topics() as is_open`)[0]!.is_open).toBe(false);
    const user = newId();
    await own.ledger.add(user, 10);
    expect(await watch(user, user, own.sql)).toMatchObject({ success: true, balance: 10 });
    expect(await own.ledger.consume(user, 1)).toMatchObject({ success: true, balance: 9 });
    await platform`alter schema unreal rename to realtime`;
    for (const _ of range(2)) {
      expect((await own.sql`select private.open_wallet_topics() as is_open`)[0]!.is_open).toBe(true);
    }
    expect(
      await own.sql`
      select cmd, roles from pg_policies where schemaname = 'realtime' and policyname like 'who may read a wallet%'`,
    )
      .toEqual([{ cmd: "SELECT", roles: ["authenticated"] }]);
  } finally {
    await platform.end();
  }
});

import { createClient } from "@supabase/supabase-js";
import { SignJWT } from "jose";
import { createClient as createClientOf2025 } from "supabase-js-of-2025";
import { describe, expect, inject, it, onTestFinished } from "vitest";

import {
  createTesseraClient,
  type LiveBalance,
  onBalance,
  type OnBalanceOptions,
  type RealtimeClient,
  type WatchingClient,
} from "../../client/mod.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { newId, range, until } from "../sql/support.ts";
import { remove, Teams } from "../sql/wallet_support.ts";
import { connect } from "../support/stack.ts";
import { openLossyProxy } from "./support/lossy_proxy.ts";

const sql = connect({ connections: 2 });
const { url, publishableKey, dataDir } = inject("stack");
const teams = new Teams(sql);
const { ledger } = teams;
const proxy = await openLossyProxy(url);

const VERSIONS = { "the newest supabase-js": createClient, "supabase-js of a year ago": createClientOf2025 };

async function tokenOf(sub: string): Promise<string> {
  const { jwtSecret } = await readSecrets(dataDir);
  return await new SignJWT({ role: "authenticated", aud: "authenticated", sub, n: newId() })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" }).setExpirationTime("1h")
    .sign(new TextEncoder().encode(jwtSecret));
}

/** A device of a user that shows a balance, by a way that may break. */
async function listen(
  user: string,
  { wallet, version = "the newest supabase-js" }: OnBalanceOptions & { version?: keyof typeof VERSIONS } = {},
) {
  let token = await tokenOf(user);
  const supabase = (VERSIONS[version] as typeof createClient)(proxy.url, publishableKey, {
    accessToken: () => Promise.resolve(token),
    realtime: { reconnectAfterMs: () => 50 } as never,
  });
  const tessera = createTesseraClient({
    url: proxy.url,
    publishableKey,
    accessToken: () => token,
    retries: 0,
    timeoutMs: 5_000,
  });
  const [shown, answered, ends] = [[] as LiveBalance[], [] as LiveBalance[], [] as unknown[]];
  const watching: WatchingClient = {
    async accountWatch(input, options) {
      const answer = await tessera.accountWatch(input, options);
      const { wallet_id: walletId, balance, held, available, sequence } = answer.data;
      answered.push({ walletId, balance, held, available, sequence });
      return answer;
    },
  };
  const stop = onBalance(watching, supabase as unknown as RealtimeClient, (balance) => shown.push(balance), {
    wallet,
    retryDelayMs: 50,
    onEnd: (error) => ends.push(error),
  });
  onTestFinished(async () => {
    await stop();
    await supabase.removeAllChannels();
  });
  return {
    shown,
    answered,
    ends,
    stop,
    async renew() {
      token = await tokenOf(user);
      await supabase.realtime.setAuth(token);
    },
    /** Until the topic is joined, which it asks after. */
    isJoined: () => until(() => Promise.resolve(answered.length >= 2)),
  };
}

async function truthOf(wallet: string) {
  const [row] = await sql<[{ balance: number; held: number; sequence: number }]>`
    select balance::float8, held::float8, change_number::float8 as sequence from token_balances where user_id = ${wallet}`;
  return row;
}

describe.each(Object.keys(VERSIONS) as (keyof typeof VERSIONS)[])("with %s", (version) => {
  it("the balance is shown as it is, and each change once and in order", async () => {
    const user = newId();
    await ledger.add(user, 100);
    const { shown, isJoined } = await listen(user, { version });
    await isJoined();
    const id = newId();
    await ledger.hold(user, 10, id);
    await ledger.settle(user, id, 4);
    await ledger.consume(user, 6);
    await until(() => Promise.resolve(shown.at(-1)?.balance === 90));
    expect(shown.map(({ balance, held, available }) => [balance, held, available])).toEqual([
      [100, 0, 100],
      [100, 10, 90],
      [96, 0, 96],
      [90, 0, 90],
    ]);
    expect(shown.every(({ walletId }) => walletId === user)).toBe(true);
  });

  it(
    "whatever is cut, lost or away at random, each change is shown once at most, in order, and the last one is",
    async () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const random = randomOf(seed);
      const user = newId();
      await ledger.add(user, 10_000);
      const { shown, answered, isJoined } = await listen(user, { version });
      await isJoined();
      const holds: string[] = [];
      const acts = [
        () => ledger.consume(user, 1 + Math.floor(random() * 5)),
        () => ledger.add(user, 1 + Math.floor(random() * 5)),
        async () => {
          const id = newId();
          await ledger.hold(user, 10, id);
          holds.push(id);
        },
        async () => {
          const id = holds.pop();
          if (id) await (random() < 0.5 ? ledger.settle(user, id, 3) : ledger.release(user, id));
        },
        () => Promise.resolve(proxy.cut()),
        async () => {
          proxy.isDown = true;
          proxy.cut();
          await pause(random() * 200);
          proxy.isDown = false;
        },
      ];
      proxy.isLost = (text) => text.includes('"balance"') && text.includes("sequence") && random() < 0.3;
      try {
        for (const _ of range(120)) {
          await acts[Math.floor(random() * (random() < 0.7 ? 4 : acts.length))]!();
          await pause(random() * 40);
        }
      } finally {
        proxy.isLost = () => false;
        proxy.isDown = false;
      }
      // What comes now is heard, or its number shows that something was not.
      await until(async () => {
        await ledger.consume(user, 1);
        await pause(50);
        const { balance, held } = await truthOf(user);
        return shown.at(-1)?.balance === balance && shown.at(-1)?.held === held;
      });
      const told = new Map((await sql`
      select payload from realtime.messages where topic = ${`wallet:${user}`}`)
        .map(({ payload }) => [payload.sequence, payload]));
      const sequences = shown.map(({ sequence }) => sequence);
      expect(sequences, `seed ${seed}`).toEqual([...new Set(sequences)].sort((one, other) => one - other));
      for (const [at, { balance, held, sequence }] of shown.entries()) {
        const truth = told.get(sequence) ?? answered.find((one) => one.sequence === sequence);
        expect({ balance, held }, `seed ${seed}, ${sequence}`).toEqual({
          balance: truth.balance,
          held: truth.held,
        });
        if (at > 0) expect([shown[at - 1]!.balance, shown[at - 1]!.held]).not.toEqual([balance, held]);
      }
      expect(shown.length).toBeGreaterThan(5);
    },
    120_000,
  );
});

describe("a team's wallet", () => {
  it("is shown to each member, and to who is removed until its token is renewed", async () => {
    const team = await teams.open({ tokens: 100 });
    const member = await team.join();
    const [owners, members] = [
      await listen(team.owner, { wallet: team.wallet }),
      await listen(member, { wallet: team.wallet }),
    ];
    await Promise.all([owners.isJoined(), members.isJoined()]);
    await ledger.consume(team.wallet, 1);
    for (const { shown } of [owners, members]) {
      await until(() => Promise.resolve(shown.at(-1)?.balance === 99));
    }
    await teams.do(remove(team.owner, team.wallet, member));
    await members.renew();
    await until(() => Promise.resolve(members.ends.length > 0));
    expect(members.ends).toMatchObject([{ code: "forbidden", status: 403 }]);
    await ledger.consume(team.wallet, 1);
    await until(() => Promise.resolve(owners.shown.at(-1)?.balance === 98));
    expect(members.shown.at(-1)).toMatchObject({ balance: 99 });
    expect(owners.ends).toEqual([]);
  });

  it("of others is not shown, and that is said once", async () => {
    const team = await teams.open({ tokens: 100 });
    const { shown, ends } = await listen(newId(), { wallet: team.wallet });
    await until(() => Promise.resolve(ends.length > 0));
    expect(ends).toMatchObject([{ code: "forbidden" }]);
    expect(shown).toEqual([]);
  });
});

it("once it is stopped nothing is shown any more", async () => {
  const user = newId();
  await ledger.add(user, 100);
  const [stopped, other] = [await listen(user), await listen(user)];
  await Promise.all([stopped.isJoined(), other.isJoined()]);
  await stopped.stop();
  const before = [...stopped.shown];
  await ledger.consume(user, 1);
  await until(() => Promise.resolve(other.shown.at(-1)?.balance === 99));
  expect(stopped.shown).toEqual(before);
  expect(stopped.ends).toEqual([]);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The same numbers from 0 to 1 for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

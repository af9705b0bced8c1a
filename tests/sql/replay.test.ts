import { expect, it } from "vitest";

import { createDatabase, newId } from "./support.ts";

const { sql } = await createDatabase();

/** The history of a wallet with so many grants of any order, each with a charge after it, and a part of each third one refunded. */
async function historyOf(grants: number): Promise<string> {
  const user = newId();
  await sql`
    insert into public.token_balance_history
      (user_id, entry_number, delta, balance_after, created_at, operation_type, metadata, chain)
    select ${user}, 3 * number - 3 + kind, (array[10, -7, 2])[kind], 0, now(), (array['grant', 'meal', 'refund'])[kind],
      (array[
        jsonb_build_object('grant', jsonb_build_object('priority', number * 7919 % 101)),
        '{}',
        jsonb_build_object('grants', jsonb_build_array(jsonb_build_object('grant', 3 * (number / 2) + 1, 'tokens', 2)))
      ])[kind], ''
    from generate_series(1, ${grants}::integer) as number
    cross join generate_series(1, 3) as kind`;
  return user;
}

async function replay(user: string): Promise<{ ms: number; tokens: number }> {
  const times = [];
  let tokens = 0;
  for (const _ of [1, 2, 3]) {
    const startedAt = performance.now();
    const [row] = await sql`
      select coalesce(sum(remaining), 0)::integer as tokens from private.replay_token_grants(${user})`;
    times.push(performance.now() - startedAt);
    tokens = row!.tokens;
  }
  return { ms: Math.min(...times), tokens };
}

it(
  "a history with six times as many grants is replayed in about six times the time, not in the square of it",
  async () => {
    const [few, many] = [await historyOf(1_500), await historyOf(9_000)];
    const [one, other] = [await replay(few), await replay(many)];
    expect([one.tokens, other.tokens]).toEqual([5 * 1_500, 5 * 9_000]);
    console.log(`Replayed 1,500 grants in ${Math.round(one.ms)} ms, 9,000 in ${Math.round(other.ms)} ms`);
    expect(other.ms / one.ms).toBeLessThan(15);
  },
  120_000,
);

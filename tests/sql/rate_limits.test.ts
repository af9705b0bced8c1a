import { describe, expect, it } from "vitest";

import { connect } from "../support/stack.ts";

const sql = connect({ connections: 20 });

interface Limit {
  name: string;
  key: string;
  quota: number;
  window_s: number;
  cost?: number;
}

const newKey = () => `test:${crypto.randomUUID()}`;
const limitOf = (limit: Partial<Limit> = {}): Limit => ({
  name: "user",
  key: newKey(),
  quota: 5,
  window_s: 3_600,
  ...limit,
});

async function take(...limits: Limit[]) {
  const [row] = await sql`select public.take_rate_limits(${sql.json(limits as never)}) as answer`;
  return row!.answer;
}

/** As if time had passed. */
async function pass({ key }: Limit, seconds: number): Promise<void> {
  await sql`update private.rate_limits set full_at = full_at - make_interval(secs => ${seconds}) where key = ${key}`;
}

describe("a rate limit", () => {
  it.each([
    ["a negative quota", { quota: -5 }],
    ["a quota without end", { quota: "Infinity" }],
    ["a quota that is no number", { quota: "NaN" }],
    ["no quota", { quota: null }],
    ["a window of 0 s", { window_s: 0 }],
    ["a negative window", { window_s: -60 }],
    ["a window without end", { window_s: "Infinity" }],
    ["no window", { window_s: null }],
    ["a negative cost", { cost: -1 }],
    ["no key", { key: null }],
  ])("with %s is a mistake of its caller, and takes nothing", async (_what, wrong) => {
    const limit = limitOf();
    expect(await take(limit, { ...limitOf(), ...wrong } as unknown as Limit)).toMatchObject({
      allowed: false,
      error: "invalid_request",
    });
    expect(await sql`select from private.rate_limits where key = ${limit.key}`).toHaveLength(0);
  });

  it("lets the whole quota through in one burst, tells what is left, and then when to come back", async () => {
    const limit = limitOf();
    for (const remaining of [4, 3, 2, 1, 0]) {
      const answer = await take(limit);
      expect(answer).toMatchObject({ allowed: true, denied_by: null, limits: [{ name: "user", remaining }] });
    }
    const denied = await take(limit);
    expect(denied).toMatchObject({ allowed: false, denied_by: "user", limits: [{ remaining: 0 }] });
    expect(denied.retry_after_s).toBeGreaterThan(700);
    expect(denied.retry_after_s).toBeLessThanOrEqual(720);
  });

  it("refills evenly over its window, to its quota and no further", async () => {
    const limit = limitOf();
    for (let count = 0; count < 5; count++) await take(limit);
    await pass(limit, 720);
    expect((await take(limit)).allowed).toBe(true);
    expect((await take(limit)).allowed).toBe(false);
    await pass(limit, 100_000);
    for (let count = 0; count < 5; count++) expect((await take(limit)).allowed).toBe(true);
    expect((await take(limit)).allowed).toBe(false);
  });

  it("is not used by a denied call, however often it is repeated", async () => {
    const limit = limitOf({ quota: 1, window_s: 60 });
    await take(limit);
    for (let count = 0; count < 10; count++) expect((await take(limit)).allowed).toBe(false);
    await pass(limit, 60);
    expect((await take(limit)).allowed).toBe(true);
  });

  it("takes from all of several limits or from none of them, whichever of them denies", async () => {
    for (const quotas of [[1, 5, 5], [5, 1, 5], [5, 5, 1]]) {
      const keys = [newKey(), newKey(), newKey()].toSorted();
      const limits = quotas.map((quota, index) =>
        limitOf({ name: `limit ${index}`, key: keys[index]!, quota })
      );
      expect((await take(...limits)).limits).toHaveLength(3);
      expect(await take(...limits)).toMatchObject({
        allowed: false,
        denied_by: `limit ${quotas.indexOf(1)}`,
      });
      for (const wide of limits.filter(({ quota }) => quota === 5)) {
        expect((await take(wide)).limits[0].remaining).toBe(3);
      }
    }
  });

  it("counts a cost, and refuses for ever what costs more than the quota", async () => {
    const limit = limitOf({ quota: 10 });
    expect((await take({ ...limit, cost: 7 })).limits[0].remaining).toBe(3);
    expect((await take({ ...limit, cost: 4 })).allowed).toBe(false);
    expect((await take({ ...limit, cost: 3 })).allowed).toBe(true);
    expect(await take(limitOf({ quota: 10, cost: 11 }))).toMatchObject({
      allowed: false,
      retry_after_s: null,
    });
    expect(await take(limitOf({ quota: 0 }))).toMatchObject({ allowed: false, retry_after_s: null });
  });

  it("of zero denies also a cost of zero, even if it was larger before", async () => {
    const limit = limitOf({ cost: 0 });
    expect(await take(limit)).toMatchObject({ allowed: true });
    expect(await take({ ...limit, quota: 0 })).toMatchObject({ allowed: false, retry_after_s: null });
  });

  it("lets exactly the quota through when 200 ask at once, under two limits in any order", async () => {
    const [one, other] = [limitOf({ quota: 5 }), limitOf({ name: "ip", quota: 8 })];
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => index % 2 ? take(one, other) : take(other, one)),
    );
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(5);
    expect((await take(other)).limits[0].remaining).toBe(2);
  });

  it("is forgotten by the cleanup when it is full again, not before", async () => {
    const [used, whole] = [limitOf(), limitOf()];
    await take(used);
    await take(whole);
    await pass(whole, 100_000);
    await sql`select private.cleanup_rate_limits()`;
    const left = await sql`select key from private.rate_limits where key in (${used.key}, ${whole.key})`;
    expect(left.map(({ key }) => key)).toEqual([used.key]);
  });

  it("is deleted one by one if no number is given", async () => {
    const ended = [limitOf(), limitOf(), limitOf()];
    for (const limit of ended) {
      await take(limit);
      await pass(limit, 100_000);
    }
    const [row] = await sql`select private.cleanup_rate_limits(null) as count`;
    expect(row!.count).toBeLessThanOrEqual(1);
  });
});

describe("what was taken of a rate limit", () => {
  it("is given back if the action did not happen, by its cost, and for no other limit", async () => {
    const [one, other] = [limitOf({ cost: 2 }), limitOf({ name: "other" })];
    await take(one, other);
    await sql`select private.give_back_rate_limits(${sql.json([one] as never)})`;
    const { limits } = await take({ ...one, cost: 1 }, other);
    const remaining = limits.map((
      limit: { name: string; remaining: number },
    ) => [limit.name, limit.remaining]);
    expect(Object.fromEntries(remaining)).toEqual({ user: 4, other: 3 });
  });

  it("is deleted with its user", async () => {
    const limit = limitOf({ quota: 1 });
    expect(await take(limit)).toMatchObject({ allowed: true });
    expect(await take(limit)).toMatchObject({ allowed: false });
    await sql`select private.forget_rate_limits(array[${limit.key}])`;
    expect(await take(limit)).toMatchObject({ allowed: true });
  });
});

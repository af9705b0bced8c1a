import { afterAll, describe, expect, it } from "vitest";

import { connect } from "../support/stack.ts";

const sql = connect({ connections: 12 });
const keys: string[] = [];
const providers: string[] = [];
afterAll(async () => {
  await sql`delete from private.oauth_leases where key = any(${keys})`;
  await sql`delete from private.oauth_grants where key = any(${keys})`;
  await sql`delete from private.oauth_provider_health where provider = any(${providers})`;
});

function newLease(): { key: string; provider: string } {
  const lease = { key: `test:${crypto.randomUUID()}`, provider: `test-${crypto.randomUUID()}` };
  keys.push(lease.key);
  providers.push(lease.provider);
  return lease;
}

type Lease = ReturnType<typeof newLease>;

async function claim({ key, provider }: Lease, { leaseMs = 60_000, isForced = false } = {}) {
  const [row] = await sql`
    select public.claim_oauth_lease(${key}, ${provider}, gen_random_uuid(), ${leaseMs}, ${isForced}) as answer`;
  return row!.answer;
}

async function finish({ key, provider }: Lease, fence: number, outcome: string, failureCount = 0) {
  const [row] = await sql`
    select public.finish_oauth_lease(${key}, ${provider}, ${fence}, ${outcome}, ${failureCount}) as answer`;
  return row!.answer.accepted;
}

const read = async ({ key, provider }: Lease) =>
  (await sql`select public.read_oauth_lease(${key}, ${provider}) as answer`)[0]!.answer;
const revoke = async ({ key }: Lease) =>
  (await sql`select public.revoke_oauth_lease(${key}) as answer`)[0]!.answer.fence;

describe("what a user is told of the access that it gave", () => {
  const finishWith = async (lease: Lease, fence: number, outcome: string, grant: object | null = null) => {
    const [row] = await sql`
      select public.finish_oauth_lease(${lease.key}, ${lease.provider}, ${fence}, ${outcome},
        p_grant => ${grant && sql.json(grant as never)}) as answer`;
    return row!.answer.accepted;
  };
  const told = async (subject: string) =>
    (await sql`select private.export_oauth_user(${subject}) as it`)[0]!.it.grants;
  const given = async (subject: string, more: object = {}) => {
    const lease = newLease();
    const { fence } = await claim(lease);
    const grant = { subject, scope: "read", is_new: true, lifetime_ms: 3_600_000, kept_ms: null, ...more };
    expect(await finishWith(lease, fence, "succeeded", grant)).toBe(true);
    return { lease, grant };
  };

  it("has provider, scope and times; a renewal only changes the times", async () => {
    const subject = crypto.randomUUID();
    const { lease, grant } = await given(subject);
    const [first] = await told(subject);
    expect(first).toEqual({
      provider: lease.provider,
      scope: "read",
      granted_at: expect.any(String),
      renewed_at: first.granted_at,
      token_expires_at: expect.any(String),
      kept_until: null,
    });
    const { fence } = await claim(lease);
    await finishWith(lease, fence, "succeeded", { ...grant, is_new: false, lifetime_ms: null });
    const [renewed] = await told(subject);
    expect(renewed).toEqual({ ...first, renewed_at: renewed.renewed_at, token_expires_at: null });
    expect(Date.parse(renewed.renewed_at)).toBeGreaterThan(Date.parse(first.renewed_at));
    expect(await told(crypto.randomUUID())).toEqual([]);
  });

  it("has nothing that came too late, and nothing of the app itself", async () => {
    const subject = crypto.randomUUID();
    const lease = newLease();
    const { fence } = await claim(lease);
    await revoke(lease);
    expect(await finishWith(lease, fence, "succeeded", { subject, scope: null, is_new: true })).toBe(false);
    const { fence: next } = await claim(lease);
    expect(await finishWith(lease, next, "succeeded")).toBe(true);
    expect(await sql`select from private.oauth_grants where key = ${lease.key}`).toHaveLength(0);
  });

  it("is deleted when the user revokes it, when the provider ends it, and when the user is forgotten", async () => {
    const subject = crypto.randomUUID();
    const revoked = await given(subject);
    const ended = await given(subject);
    await given(subject);
    expect(await told(subject)).toHaveLength(3);
    await revoke(revoked.lease);
    expect(await told(subject)).toHaveLength(2);
    await finishWith(ended.lease, (await claim(ended.lease)).fence, "ended");
    expect(await told(subject)).toHaveLength(1);
    await sql`select private.forget_oauth_user(${subject})`;
    expect(await told(subject)).toEqual([]);
    await sql`delete from private.oauth_revocations where subject = ${subject}`;
  });

  it("expires with a token that is kept for a limited time: at once for the user, later from the table", async () => {
    const subject = crypto.randomUUID();
    const { lease } = await given(subject, { kept_ms: 3_600_000 });
    expect(await told(subject)).toHaveLength(1);
    await sql`update private.oauth_grants set kept_until = clock_timestamp() where key = ${lease.key}`;
    expect(await told(subject)).toEqual([]);
    await sql`select private.cleanup_oauth_tokens()`;
    expect(await sql`select from private.oauth_grants where key = ${lease.key}`).toHaveLength(0);
  });
});

describe("a lease", () => {
  it.each([null, 0, -1])(
    "of %s milliseconds is refused, because it would not expire in time",
    async (leaseMs) => {
      const lease = newLease();
      await expect(claim(lease, { leaseMs: leaseMs as number })).rejects.toMatchObject({ code: "22023" });
      expect(await claim(lease)).toMatchObject({ claimed: true });
    },
  );

  it.each([
    ["no state", null, "t1.x", 60],
    ["no request", crypto.randomUUID(), null, 60],
    ["no time", crypto.randomUUID(), "t1.x", null],
    ["no time left", crypto.randomUUID(), "t1.x", 0],
  ])("is asked for by no authorization with %s", async (_what, state, request, ttl) => {
    const [row] =
      await sql`select public.keep_oauth_authorization(${state}, ${request}, ${ttl}::integer) as answer`;
    expect(row!.answer).toEqual({ kept: false });
  });

  it("is given to one of 40 simultaneous callers; the others learn how long it lasts", async () => {
    const lease = newLease();
    const answers = await Promise.all(Array.from({ length: 40 }, () => claim(lease)));
    const [given] = answers.filter(({ claimed }) => claimed);
    expect(answers.filter(({ claimed }) => claimed)).toHaveLength(1);
    expect(given.fence).toBe(1);
    for (const { claimed, reason, wait_ms } of answers) {
      if (!claimed) {
        expect({ reason, isSoon: wait_ms > 50_000 && wait_ms <= 60_000 }).toEqual({
          reason: "held",
          isSoon: true,
        });
      }
    }
  });

  it("ends by the database's clock, and the next one has a higher fence", async () => {
    const lease = newLease();
    const first = await claim(lease);
    await sql`update private.oauth_leases set held_until = clock_timestamp() + interval '1 minute' where key = ${lease.key}`;
    expect((await claim(lease)).claimed).toBe(false);
    await sql`update private.oauth_leases set held_until = clock_timestamp() where key = ${lease.key}`;
    const second = await claim(lease);
    expect(second).toMatchObject({ claimed: true, fence: first.fence + 1 });
    expect(await finish(lease, first.fence, "succeeded")).toBe(false);
    expect(await finish(lease, second.fence, "succeeded")).toBe(true);
    expect((await claim(lease)).fence).toBe(second.fence + 1);
  });

  it("stays valid for a late holder as long as nobody has taken it over", async () => {
    const lease = newLease();
    const { fence } = await claim(lease);
    await sql`update private.oauth_leases set held_until = clock_timestamp() - interval '1 hour' where key = ${lease.key}`;
    expect(await finish(lease, fence, "succeeded")).toBe(true);
  });

  it("is refused after a revocation, and revocations race with finishes to one of two ends (20 rounds)", async () => {
    for (let round = 0; round < 20; round++) {
      const lease = newLease();
      const { fence } = await claim(lease);
      const [isAccepted, revokedFence] = await Promise.all([
        finish(lease, fence, "succeeded"),
        revoke(lease),
      ]);
      const { revoked_fence } = await read(lease);
      // Whichever came first: what was got under the lease is revoked afterwards.
      expect(revoked_fence).toBe(revokedFence);
      expect(revoked_fence).toBeGreaterThan(fence);
      if (!isAccepted) expect(await finish(lease, fence, "succeeded")).toBe(false);
      expect((await claim(lease)).fence).toBeGreaterThan(revoked_fence);
    }
  });

  it("is taken from its holder by force, for a user who has authorized again", async () => {
    const lease = newLease();
    const first = await claim(lease);
    const forced = await claim(lease, { isForced: true });
    expect(forced).toMatchObject({ claimed: true, fence: first.fence + 1 });
    expect(await finish(lease, first.fence, "ended")).toBe(false);
    expect((await read(lease)).revoked_fence).toBe(0);
  });

  it("whose grant has ended leaves nothing behind that may be served", async () => {
    const lease = newLease();
    const { fence } = await claim(lease);
    expect(await finish(lease, fence, "ended")).toBe(true);
    expect((await read(lease)).revoked_fence).toBe(fence);
  });
});

describe("a provider that failed", () => {
  it("is tried by one of many callers when its pause is over, and the pause doubles up to 300 s", async () => {
    const { provider } = newLease();
    const lease = () => ({ ...newLease(), provider });
    let failureCount = 0;
    for (const pause of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
      const one = lease();
      const given = await claim(one);
      expect(given).toMatchObject({ claimed: true, failure_count: failureCount });
      await finish(one, given.fence, "failed", failureCount++);
      const { retry_after_ms } = await read(one);
      expect(Math.ceil(retry_after_ms / 1_000)).toBe(pause);
      expect(await claim(lease())).toMatchObject({ claimed: false, reason: "left_alone" });
      await sql`update private.oauth_provider_health set retry_at = clock_timestamp() where provider = ${provider}`;
    }
    const answers = await Promise.all(Array.from({ length: 20 }, () => claim(lease())));
    expect(answers.filter(({ claimed }) => claimed)).toHaveLength(1);
  });

  it("is released by a caller who did not call it after all", async () => {
    const [one, other] = [newLease(), newLease()];
    other.provider = one.provider;
    const failed = await claim(one);
    await finish(one, failed.fence, "failed");
    await sql`update private.oauth_provider_health set retry_at = clock_timestamp() where provider = ${one.provider}`;
    const probe = await claim(one);
    expect((await claim(other)).claimed).toBe(false);
    await finish(one, probe.fence, "unneeded", probe.failure_count);
    expect((await claim(other)).claimed).toBe(true);
  });
});

describe("an authorization", () => {
  const keep = async (state: string, request = "t1.request", ttlS = 60) =>
    (await sql`select public.keep_oauth_authorization(${state}, ${request}, ${ttlS}) as answer`)[0]!.answer
      .kept;
  const answer = async (state: string, text = "t1.answer") =>
    (await sql`select public.answer_oauth_authorization(${state}, ${text}) as answer`)[0]!.answer.request;
  const take = async (state: string) =>
    (await sql`select public.take_oauth_authorization(${state}) as answer`)[0]!.answer;

  it("is answered once and taken once, by one of 20 who come at once", async () => {
    const state = crypto.randomUUID();
    expect(await keep(state)).toBe(true);
    expect(await keep(state)).toBe(false);
    expect(await take(state)).toEqual({ request: null, answer: null });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => answer(state, `t1.${index}`)));
    expect(answers.filter((request) => request === "t1.request")).toHaveLength(1);
    const taken = await Promise.all(Array.from({ length: 20 }, () => take(state)));
    expect(taken.filter(({ request }) => request !== null)).toHaveLength(1);
    expect(await answer(state)).toBeNull();
  });

  it("accepts nothing readable", async () => {
    const state = crypto.randomUUID();
    expect(await keep(state, "readable")).toBe(false);
    await keep(state);
    expect(await answer(state, "readable")).toBeNull();
    expect(await answer(state)).toBe("t1.request");
    await take(state);
  });
});

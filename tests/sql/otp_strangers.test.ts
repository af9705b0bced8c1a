import { describe, expect, it } from "vitest";

import { type Judged, newPhone, Otp, request, type Requested, RIGHT, verify } from "./otp_support.ts";
import { createDatabase, newId, raceAll, range } from "./support.ts";

// What strangers can do to a phone, prefix and country of others, and what they leave behind.

const { url, sql } = await createDatabase();
const otp = new Otp(sql);

const WRONG = "111111";

async function newUser(address?: string): Promise<string> {
  const id = newId();
  await sql`insert into auth.users (id, email, email_confirmed_at)
    values (${id}, ${address ?? null}, ${address === undefined ? null : new Date()})`;
  return id;
}

/** A French mobile number of this prefix, which is all but the last four digits. */
const inPrefix = (prefix: string, index: number) => `${prefix}${String(index).padStart(4, "0")}`;

/** Some prefix of French mobile numbers. */
const newPrefix = () => newPhone().slice(0, -4);

/** Makes the phone one whose code came back to the network. */
async function verifyFrom(phone: string, network: string, user?: string): Promise<void> {
  const challenge = await otp.issue(phone, { network, user });
  expect((await otp.verify(phone, RIGHT, { challenge, network, user })).success).toBe(true);
}

/** How many rows each table of one-time codes has. */
async function countRows(): Promise<Record<string, number>> {
  const tables = [
    "public.otp_codes",
    "private.otp_guesses",
    "private.otp_decisions",
    "private.otp_statistics",
    "private.otp_networks",
    "private.otp_known_phones",
    "private.otp_routes",
    "private.otp_used_proofs",
  ];
  const counts = await Promise.all(tables.map(async (table) => {
    const [row] = await sql.unsafe(`select count(*)::integer as count from ${table}`);
    return [table.replace(/^\w+\.otp_/, ""), row!.count] as const;
  }));
  return Object.fromEntries(counts);
}

describe("a stranger's guesses", () => {
  it("by e-mail codes for somebody's number leave its owner-to-be every guess and every code", async () => {
    const phone = newPhone();
    const address = `${newId()}@example.com`;
    const stranger = await newUser(address);
    for (const _ of range(4)) {
      const options = { user: stranger, channel: "email", address };
      const { challenge_id } = await otp.request(phone, options);
      await sql`delete from private.rate_limits where key like 'otp:cooldown:email:%'`;
      for (const _ of range(5)) await otp.verify(phone, WRONG, { challenge: challenge_id, user: stranger });
    }
    const asked = await otp.request(phone);
    expect(asked).toMatchObject({ success: true, attempts_left: 5 });
    expect((await otp.verify(phone, RIGHT, { challenge: asked.challenge_id })).success).toBe(true);
  });

  it("at SMS codes for it neither, from however many networks, with or without being signed in", async () => {
    const phone = newPhone();
    const strangers = [{ user: await newUser() }, ...range(8).map(() => ({}))];
    const victim = { network: newId() };
    const asked = await otp.request(phone, victim);
    expect(asked.success).toBe(true);
    for (const stranger of strangers) {
      const { challenge_id, success } = await otp.request(phone, { ...stranger, network: newId() });
      expect(success).toBe(true);
      for (const _ of range(5)) {
        expect((await otp.verify(phone, WRONG, { ...stranger, challenge: challenge_id })).error).toBe(
          "incorrect",
        );
      }
    }
    expect((await otp.verify(phone, WRONG, { ...victim, challenge: asked.challenge_id })).attempts_left).toBe(
      4,
    );
    expect((await otp.verify(phone, RIGHT, { ...victim, challenge: asked.challenge_id })).success).toBe(true);
  });

  it("beyond those of the phone leave each code one, at which a right one is taken", async () => {
    await otp.withSettings({ guesses_per_phone_day: 20 }, async () => {
      const phone = newPhone();
      const challenges: string[] = [];
      for (const _ of range(6)) challenges.push(await otp.issue(phone));
      const answers = await raceAll<Judged>(
        url,
        range(30).map((index) => verify(phone, WRONG, { challenge: challenges[index % 6] })),
      );
      // Twenty, and one of each of the codes that had none judged before.
      const judged = answers.filter(({ error }) => error === "incorrect").length;
      expect(judged).toBeGreaterThanOrEqual(20);
      expect(judged).toBeLessThanOrEqual(20 + 5);
      const asked = await otp.request(phone);
      expect(asked).toMatchObject({ success: true, attempts_left: 1 });
      expect((await otp.verify(phone, RIGHT, { challenge: asked.challenge_id })).success).toBe(true);
      const again = await otp.issue(phone);
      expect(await otp.verify(phone, WRONG, { challenge: again })).toMatchObject({
        error: "incorrect",
        attempts_left: 0,
      });
      expect((await otp.verify(phone, RIGHT, { challenge: again })).error).toBe("too_many_attempts");
    });
  });

  it("do not affect a user who verified the phone before", async () => {
    await otp.withSettings({ guesses_per_phone_day: 20 }, async () => {
      const [phone, user] = [newPhone(), await newUser()];
      await verifyFrom(phone, newId(), user);
      for (const _ of range(5)) {
        const challenge = await otp.issue(phone);
        for (const _ of range(5)) await otp.verify(phone, WRONG, { challenge });
      }
      expect(await otp.request(phone, { user })).toMatchObject({ success: true, attempts_left: 5 });
    });
  });

  it("without a challenge reach neither another network's code nor a signed-in user's in the same network", async () => {
    const [phone, network, user] = [newPhone(), newId(), await newUser()];
    await otp.request(phone, { network, user });
    for (const _ of range(6)) {
      expect((await otp.verify(phone, WRONG, { network })).error).toBe("expired");
      expect((await otp.verify(phone, WRONG)).error).toBe("expired");
    }
    expect((await otp.verify(phone, RIGHT, { user })).success).toBe(true);
  });
});

describe("a stranger's codes", () => {
  it("set no waiting time for another network, and void nobody else's code", async () => {
    const phone = newPhone();
    const asked = await otp.request(phone);
    for (const _ of range(12)) expect((await otp.request(phone)).success).toBe(true);
    expect((await otp.verify(phone, RIGHT, { challenge: asked.challenge_id })).success).toBe(true);
  });

  it("of many networks at once leave a network that asks for the first time its code", async () => {
    await otp.withSettings({ sends_per_phone_day: 1, sends_per_prefix_hour: 1_000 }, async () => {
      const phone = newPhone();
      await raceAll<Requested>(url, range(20).map(() => request(phone)));
      expect((await otp.request(phone)).success).toBe(true);
    });
  });

  it("of one network use up a small part of a prefix's alone", async () => {
    const [prefix, network] = [newPrefix(), newId()];
    const answers: Requested[] = [];
    for (const index of range(8)) answers.push(await otp.request(inPrefix(prefix, index), { network }));
    expect(answers.filter(({ success }) => success)).toHaveLength(5);
    expect(answers.at(-1)).toMatchObject({ error: "too_many_sends", denied_by: "network_prefix" });
    expect((await otp.request(inPrefix(prefix, 9))).success).toBe(true);
  });

  it("of the networks of one IPv6 /48 are together no more than four networks'", async () => {
    await otp.withSettings({ sends_per_network_hour: 2 }, async () => {
      const wideNetwork = newId();
      const before = await countRows();
      const answers = await raceAll<Requested>(
        url,
        range(30).map(() => request(newPhone(), { network: newId(), wideNetwork })),
      );
      expect(answers.filter(({ success }) => success)).toHaveLength(8);
      expect(answers.filter(({ denied_by }) => denied_by === "network")).toHaveLength(22);
      // One row of denials, for all that the /48 may have of networks.
      expect((await countRows()).decisions! - before.decisions!).toBe(9);
    });
  });

  it("that use up a prefix, a country or the money stop no phone that was verified from its network", async () => {
    const settings = { sends_per_prefix_hour: 3, sends_per_country_hour: 4, sends_per_phone_day: 1 };
    const [prefix, network] = [newPrefix(), newId()];
    const known = inPrefix(prefix, 0);
    await verifyFrom(known, network);
    await otp.withSettings({ ...settings, spend_cap_micros: 100_000 }, async () => {
      await sql`delete from private.otp_spend`;
      await sql`delete from private.rate_limits where key = 'otp:country:FR'`;
      for (const index of range(6)) await otp.request(inPrefix(prefix, 1 + index));
      expect((await otp.request(inPrefix(prefix, 20))).denied_by).toMatch(/^(prefix|country)$/);
      expect((await otp.request(known, { network, cost: 90_000 })).success).toBe(true);
      await otp.cool(known);
      // The rows have a bounded lifetime.
      expect((await otp.request(known, { network, cost: 90_000 })).error).toBe("spend_cap");
      expect((await otp.request(known)).denied_by).toMatch(/^(prefix|country)$/);
    });
    await sql`delete from private.rate_limits where key = 'otp:country:FR'`;
    await sql`delete from private.otp_spend`;
  });

  it("cannot spend what is reserved for verified owners, not even many at once", async () => {
    const [known, network] = [newPhone(), newId()];
    await verifyFrom(known, network);
    await otp.withSettings({ spend_cap_micros: 500_000 }, async () => {
      const answers = await raceAll<Requested>(
        url,
        range(20).map(() => request(newPhone(), { cost: 50_000 })),
      );
      expect(answers.filter(({ success }) => success)).toHaveLength(8);
      expect((await otp.request(known, { network, cost: 50_000 })).success).toBe(true);
    });
    await sql`delete from private.otp_spend`;
  });
});

describe("codes by e-mail", () => {
  it("go to the user's own address alone, and only once it is confirmed", async () => {
    const address = `${newId()}@example.com`;
    const user = await newUser(address);
    const ask = (changes: Record<string, unknown> = {}) =>
      otp.request(newPhone(), { user, channel: "email", address, ...changes });
    expect((await ask({ address: `${newId()}@example.com` })).error).toBe("unconfirmed_address");
    await sql`update auth.users set email_confirmed_at = null where id = ${user}`;
    expect((await ask()).error).toBe("unconfirmed_address");
    await sql`update auth.users set email_confirmed_at = now() where id = ${user}`;
    expect((await ask({ address: address.toUpperCase() })).success).toBe(true);
    expect((await ask({ user: undefined })).error).toBe("invalid_request");
  });

  it("are limited by address, whatever numbers they are for", async () => {
    await otp.withSettings({ sends_per_address_day: 3 }, async () => {
      const address = `${newId()}@example.com`;
      const user = await newUser(address);
      const answers: Requested[] = [];
      for (const _ of range(4)) {
        answers.push(await otp.request(newPhone(), { user, channel: "email", address }));
        expect((await otp.request(newPhone(), { user, channel: "email", address })).success).toBe(false);
        await sql`delete from private.rate_limits where key like 'otp:cooldown:email:%'`;
      }
      expect(answers.map(({ success }) => success)).toEqual([true, true, true, false]);
      expect(answers.at(-1)!.denied_by).toBe("address");
    });
  });

  it("can only be verified by their user, and are in no statistics", async () => {
    const address = `${newId()}@example.com`;
    const [user, phone] = [await newUser(address), newPhone()];
    const { challenge_id } = await otp.request(phone, { user, channel: "email", address });
    expect((await otp.verify(phone, RIGHT, { challenge: challenge_id })).error).toBe("expired");
    expect((await otp.verify(phone, RIGHT, { user })).success).toBe(true);
    expect(await sql`select from private.otp_statistics where area = ${phone.slice(0, -4)}`).toHaveLength(0);
    expect(await sql`select from private.otp_known_phones where phone = ${await otp.digest("phone", phone)}`)
      .toHaveLength(0);
  });
});

describe("what a stranger can fill", () => {
  it("is bounded by the network's quota, also where the guard, a breaker or the spend cap denies", async () => {
    for (
      const [settings, providers] of [
        [{ guard_mode: "deny", guard_network_floor_day: 0, guard_countries_per_network: 0 }, undefined],
        [{ spend_cap_micros: 0 }, undefined],
        [{}, [newId()]],
      ] as const
    ) {
      if (providers) {
        await sql`insert into private.otp_providers (name, failures, open_until, updated_at)
          values (${providers[0]}, 9, now() + interval '1 hour', now())`;
      }
      await otp.withSettings({ ...settings, sends_per_network_hour: 10 }, async () => {
        const [network, before] = [newId(), await countRows()];
        const ask = () =>
          request(newPhone(), { network, cost: 1, ...(providers && { providers: [...providers] }) });
        const answers: Requested[] = [];
        for (const _ of range(4)) answers.push(...await raceAll<Requested>(url, range(15).map(ask)));
        expect(answers.every(({ success }) => !success)).toBe(true);
        expect(answers.filter(({ reasons }) => !reasons.includes("limit_network"))).toHaveLength(10);
        const after = await countRows();
        const { statistics, ...others } = Object.fromEntries(
          Object.entries(after).map(([table, count]) => [table, count - before[table]!]),
        );
        expect(others).toEqual({
          codes: 0,
          guesses: 0,
          // The reason, and that the network is beyond its quota.
          decisions: 2,
          networks: 0,
          known_phones: 0,
          routes: 0,
          used_proofs: 0,
        });
        // Those of one country.
        expect(statistics).toBeLessThanOrEqual(15);
        const [counted] = await sql`
          select sum(repeat_count)::integer as count from private.otp_decisions
          where network = ${await otp.digest("network", network)}`;
        expect(counted!.count).toBe(60);
      });
    }
  });

  it("by wrong guesses for codes that are not there is nothing", async () => {
    const before = await countRows();
    for (const _ of range(20)) await otp.verify(newPhone(), WRONG, { challenge: newId() });
    expect(await countRows()).toEqual(before);
  });
});

describe("the guard", () => {
  const DENY = {
    guard_mode: "deny",
    sends_per_network_prefix_hour: 1_000,
    sends_per_network_hour: 1_000,
    // The guard is asked here, not the quota: all that race may have been sent before the first is counted.
    sends_per_prefix_hour: 1_000,
  };

  it("lets one network close neither a country nor a prefix, and denies that network alone", async () => {
    await otp.withSettings(DENY, async () => {
      const [network, prefix] = [newId(), "+32470123"];
      const answers = await raceAll<Requested>(
        url,
        range(30).map((index) => request(inPrefix(prefix, index), { network, country: "BE" })),
      );
      expect(answers.filter(({ success }) => success).length).toBeGreaterThanOrEqual(10);
      expect(await otp.request(inPrefix(prefix, 31), { network, country: "BE" })).toMatchObject({
        error: "too_many_sends",
        reasons: ["unverified_in_network_day"],
      });
      expect((await otp.request(inPrefix(prefix, 32), { country: "BE" })).success).toBe(true);
      const rows = await sql`
        select kind, sum(waiting)::integer as waiting from private.otp_statistics where area in ('BE', ${prefix})
        group by kind order by kind`;
      expect([...rows]).toEqual([{ kind: "country", waiting: 2 }, { kind: "prefix", waiting: 2 }]);
    });
  });

  it("closes the prefix, and the country only for what is spread over many", async () => {
    await otp.withSettings(DENY, async () => {
      const reasons = new Map<string, number>();
      const ask = async (phone: string) => {
        const key = (await otp.request(phone, { country: "LU" })).reasons?.join() ?? "sent";
        reasons.set(key, (reasons.get(key) ?? 0) + 1);
      };
      for (const index of range(20)) await ask(inPrefix("+35262110", index));
      expect(Object.fromEntries(reasons)).toEqual({ sent: 5, unverified_in_prefix_hour: 15 });
      for (const index of range(20)) await ask(inPrefix(`+3526212${index % 10}`, index));
      expect(Object.fromEntries(reasons)).toEqual({
        sent: 10,
        unverified_in_prefix_hour: 15,
        unverified_in_country_hour: 15,
      });
    });
  });

  it("in a closed country sends to phones and from networks whose codes came back", async () => {
    await otp.withSettings({ ...DENY, guard_country_floor_hour: 0, guard_country_floor_day: 0 }, async () => {
      const [phone, network, user] = [newPhone(), newId(), await newUser()];
      const closed = async (options: Record<string, unknown> = {}) =>
        (await otp.request(options.phone as string ?? newPhone(), { country: "NL", ...options })).reasons
          ?.join();
      await otp.withSettings({ guard_mode: "record_only" }, async () => {
        const challenge = await otp.issue(phone, { country: "NL", network, user });
        expect((await otp.verify(phone, RIGHT, { challenge, user })).success).toBe(true);
        await otp.issue(newPhone(), { country: "NL" });
      });
      expect(await closed()).toMatch(/^unverified_in_country/);
      expect(await closed({ phone })).toBeUndefined();
      expect(await closed({ network })).toBeUndefined();
      expect(await closed({ phone, user })).toBeUndefined();
      // The exception ends where the network itself is suspicious.
      for (const _ of range(12)) await otp.request(newPhone(), { country: "NL", network });
      expect(await closed({ network })).toBe("unverified_in_network_day");
    });
  });

  it("no longer counts codes that were verified or not delivered", async () => {
    await otp.withSettings({
      ...DENY,
      guard_prefix_floor_hour: 2,
      guard_prefix_floor_day: 2,
      guard_country_floor_hour: 1_000,
      guard_country_floor_day: 1_000,
    }, async () => {
      const prefix = newPrefix();
      for (const index of range(6)) {
        const phone = inPrefix(prefix, index);
        const asked = await otp.request(phone);
        expect(asked.success).toBe(true);
        if (index % 2) await otp.delivery(asked.challenge_id, "failed");
        else expect((await otp.verify(phone, RIGHT, { challenge: asked.challenge_id })).success).toBe(true);
      }
      const [row] = await sql`
        select sum(waiting)::integer as waiting, sum(hour_waiting)::integer as hour_waiting from private.otp_statistics
        where area = ${prefix}`;
      expect(row).toEqual({ waiting: 0, hour_waiting: 0 });
    });
  });

  it("counts codes of Supabase Auth apart, whose networks are not known", async () => {
    await otp.withSettings(DENY, async () => {
      const fromAuth = async (phone: string) => {
        const call = request(phone, { network: null, country: "AT", channel: "auth_hook" });
        const [row] =
          await sql`select public.request_otp(p_phone => ${phone}, p_country => 'AT', p_purpose => 'supabase_auth',
          p_channel => 'auth_hook', p_network => null, p_key_id => 'k1', p_mac => null,
          p_providers => ${call.args.p_providers as string[]}, p_cost_micros => 0) as answer`;
        return row!.answer as Requested;
      };
      const answers: Requested[] = [];
      for (const index of range(12)) answers.push(await fromAuth(`+43660${1_000_000 + 20_000 * index}`));
      expect(answers.at(-1)!.reasons).toEqual(["unverified_in_country_hour"]);
      expect((await otp.request("+436641234567", { country: "AT" })).success).toBe(true);
    });
  });
});

describe("a message that was taken and did not arrive", () => {
  const report = async (id: string, isDelivered: boolean, isFault = !isDelivered, message = "SM1") => {
    const [row] = await sql`
      select public.record_otp_report(${id}, 'twilio', ${message}, ${isDelivered}, ${isFault}) as answer`;
    return row!.answer as { success: boolean; error: string | null };
  };
  const PROVIDERS = { providers: ["twilio", "vonage"] };

  it("sends the requester's next code by another provider, and nobody else's", async () => {
    const [phone, network] = [newPhone(), newId()];
    const asked = await otp.request(phone, { ...PROVIDERS, network });
    expect(asked.providers).toEqual(["twilio", "vonage"]);
    expect(await report(asked.challenge_id, false, false)).toEqual({ success: true, error: null });
    expect(await report(asked.challenge_id, false, false)).toEqual({ success: false, error: "not_waiting" });
    await otp.cool(phone);
    expect((await otp.request(phone, { ...PROVIDERS, network })).providers).toEqual(["vonage", "twilio"]);
    expect((await otp.request(phone, PROVIDERS)).providers).toEqual(["twilio", "vonage"]);
  });

  it("again and again in one country by the provider's fault puts it last there, until one arrives", async () => {
    const send = (country: string) => otp.request(newPhone(), { ...PROVIDERS, country });
    for (const _ of range(5)) {
      const { challenge_id } = await send("SE");
      await otp.delivery(challenge_id, "sent", [{ provider: "twilio", is_fault: false }]);
      expect((await report(challenge_id, false)).success).toBe(true);
    }
    expect((await send("SE")).providers).toEqual(["vonage", "twilio"]);
    expect((await send("DK")).providers).toEqual(["twilio", "vonage"]);
    const { challenge_id } = await send("SE");
    expect((await report(challenge_id, true)).success).toBe(true);
    expect((await send("SE")).providers).toEqual(["twilio", "vonage"]);
  });

  it("can only be reported by its provider, and only for that message", async () => {
    const { challenge_id } = await otp.request(newPhone(), PROVIDERS);
    await sql`select public.record_otp_delivery(${challenge_id}, 'sent', '[{"provider":"vonage","is_fault":false}]', 'V1')`;
    expect((await report(challenge_id, false)).error).toBe("not_waiting");
    const other = await otp.request(newPhone(), PROVIDERS);
    await sql`select public.record_otp_delivery(${other.challenge_id}, 'sent', '[{"provider":"twilio","is_fault":false}]', 'SM2')`;
    expect((await report(other.challenge_id, false)).error).toBe("not_waiting");
    expect((await report(other.challenge_id, false, true, "SM2")).success).toBe(true);
  });
});

describe("settings", () => {
  it.each([
    ["cooldown", "infinity"],
    ["cooldown", "0"],
    ["breaker_pause", "infinity"],
    ["proof_lifetime", "infinity"],
    ["verified_phone_lifetime", "infinity"],
    ["decision_retention", "infinity"],
    ["guard_country_floor_day", "-1"],
  ])("%s cannot be %s, with which nothing would ever expire", async (name, value) => {
    await expect(sql.unsafe(`update private.otp_settings set ${name} = '${value}'`)).rejects.toMatchObject({
      code: "23514",
    });
  });
});

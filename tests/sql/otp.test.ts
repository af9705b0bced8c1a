import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";

import { type Judged, macOf, newPhone, Otp, request, type Requested, RIGHT, verify } from "./otp_support.ts";
import { createDatabase, newId, raceAll, range, run } from "./support.ts";

const { url, sql } = await createDatabase();
const otp = new Otp(sql);

const WRONG = "111111";
/** As many connections as one race may have. */
const CROWD = 30;

const count = (answers: { error: string | null }[], error: string | null) =>
  answers.filter((one) => one.error === error).length;

async function newUser(): Promise<string> {
  const id = newId();
  await sql`insert into auth.users (id) values (${id})`;
  return id;
}

/** Gives a user an e-mail address that it has confirmed. */
async function confirmAddress(user: string): Promise<string> {
  const address = `${user}@example.com`;
  await sql`update auth.users set email = ${address}, email_confirmed_at = now() where id = ${user}`;
  return address;
}

afterEach(async () => {
  await sql`select pg_stat_force_next_flush()`;
  const [row] =
    await sql`select deadlocks::integer as count from pg_stat_database where datname = current_database()`;
  expect(row!.count).toBe(0);
});

describe("a code", () => {
  it("is valid once, for the phone that it was sent to, and returns the data of a proof", async () => {
    const phone = newPhone();
    const asked = await otp.request(phone);
    expect(asked).toMatchObject({
      success: true,
      duplicate: false,
      expires_in_s: 300,
      resend_in_s: 60,
      attempts_left: 5,
      providers: ["twilio"],
    });
    const judged = await otp.verify(phone, RIGHT, { challenge: asked.challenge_id });
    expect(judged).toMatchObject({ success: true, challenge_id: asked.challenge_id, channel: "sms" });
    const [decision] = await sql`
      select outcome, delivery, verified_at is not null as is_verified from private.otp_decisions
      where issuance_id = ${asked.challenge_id}`;
    expect(decision).toEqual({ outcome: "allowed", delivery: "pending", is_verified: true });
  });

  it("counts down five wrong guesses, and accepts no sixth, not even the right one", async () => {
    const phone = newPhone();
    const challenge = await otp.issue(phone);
    for (const attempts_left of [4, 3, 2, 1, 0]) {
      expect(await otp.verify(phone, WRONG, { challenge })).toMatchObject({
        error: "incorrect",
        attempts_left,
      });
    }
    expect(await otp.verify(phone, RIGHT, { challenge })).toMatchObject({ error: "too_many_attempts" });
  });

  it("issued before a pepper changed is judged under the old one, and a new one under the new", async () => {
    const phone = newPhone();
    const challenge = await otp.issue(phone);
    const macs = { k2: macOf(phone, RIGHT, "verify_phone", "new"), k1: macOf(phone, RIGHT) };
    expect((await otp.verify(phone, RIGHT, { challenge, macs: { k2: macs.k2 } })).error).toBe("incorrect");
    expect((await otp.verify(phone, RIGHT, { challenge, macs })).success).toBe(true);
  });

  it("by e-mail makes no phone its user's", async () => {
    const [phone, user] = [newPhone(), await newUser()];
    const challenge = await otp.issue(phone, { channel: "email", user, address: await confirmAddress(user) });
    expect(await otp.verify(phone, RIGHT, { challenge, user })).toMatchObject({
      success: true,
      channel: "email",
    });
    expect(await sql`select from public.user_phones where user_id = ${user}`).toHaveLength(0);
  });

  it("answers bad arguments with an outcome, not an error", async () => {
    expect((await otp.request("0612345678")).error).toBe("invalid_request");
    expect((await otp.request(newPhone(), { cost: -1 })).error).toBe("invalid_request");
    const [row] = await sql`select public.verify_otp(null, null, null, null) as answer`;
    expect(row!.answer.error).toBe("invalid_request");
  });
});

describe("abuse case 1, parallel guesses", () => {
  it("of many wrong ones at once exactly five are judged", async () => {
    for (const _ of range(2)) {
      const phone = newPhone();
      const challenge = await otp.issue(phone);
      const answers = await raceAll<Judged>(url, range(CROWD).map(() => verify(phone, WRONG, { challenge })));
      expect(count(answers, "incorrect")).toBe(5);
      expect(count(answers, "too_many_attempts")).toBe(CROWD - 5);
      expect(answers.filter(({ error }) => error === "incorrect").map((one) => one.attempts_left).sort())
        .toEqual([0, 1, 2, 3, 4]);
    }
  });

  it("of many right ones at once exactly one succeeds", async () => {
    for (const _ of range(2)) {
      const phone = newPhone();
      const challenge = await otp.issue(phone);
      const answers = await raceAll<Judged>(url, range(CROWD).map(() => verify(phone, RIGHT, { challenge })));
      expect(answers.filter(({ success }) => success)).toHaveLength(1);
      expect(count(answers, "expired")).toBe(CROWD - 1);
    }
  });

  it("over several codes of one requester at once no more than its guesses of the day are judged", async () => {
    const [phone, network] = [newPhone(), newId()];
    const purposes = range(5).map((index) => `purpose_${index}`);
    const challenges: string[] = [];
    for (const purpose of purposes) challenges.push(await otp.issue(phone, { purpose, network }));
    const answers = await raceAll<Judged>(
      url,
      range(CROWD).map((index) => {
        const turn = index % purposes.length;
        return verify(phone, WRONG, { purpose: purposes[turn], challenge: challenges[turn] });
      }),
    );
    expect(count(answers, "incorrect")).toBe(20);
  });
});

describe("abuse case 2, a new code for new guesses", () => {
  it("does not refill the guesses of the day", async () => {
    const [phone, network] = [newPhone(), newId()];
    for (const _ of range(4)) {
      const challenge = await otp.issue(phone, { network });
      for (const _ of range(5)) {
        expect((await otp.verify(phone, WRONG, { challenge })).error).toBe("incorrect");
      }
    }
    const asked = await otp.request(phone, { network });
    expect(asked).toMatchObject({ success: true, attempts_left: 0 });
    const judged = await otp.verify(phone, RIGHT, { challenge: asked.challenge_id });
    expect(judged).toMatchObject({ error: "too_many_attempts", attempts_left: 0 });
    expect(judged.retry_after_s).toBeGreaterThan(4_000);
    expect(judged.retry_after_s).toBeLessThanOrEqual(4_320);
  });

  it("voids the code before it", async () => {
    const [phone, network] = [newPhone(), newId()];
    const first = await otp.issue(phone, { code: "222222", network });
    const second = await otp.issue(phone, { network });
    expect((await otp.verify(phone, "222222", { challenge: first })).error).toBe("expired");
    expect((await otp.verify(phone, "222222", { challenge: second })).error).toBe("incorrect");
    expect((await otp.verify(phone, RIGHT, { challenge: second })).success).toBe(true);
  });
});

describe("abuse case 3, distributed guessing", () => {
  it("counts against the code's requester, from however many networks the guesses come", async () => {
    const [phone, network] = [newPhone(), newId()];
    let judged = 0;
    for (const _ of range(5)) {
      const challenge = await otp.issue(phone, { network });
      for (const _ of range(5)) {
        const { error } = await otp.verify(phone, WRONG, { challenge, network: newId() });
        if (error === "incorrect") judged++;
      }
    }
    expect(judged).toBe(20);
  });

  it("counts against the network, for however many phones the guesses are", async () => {
    await otp.withSettings({ verifications_per_network_hour: 10 }, async () => {
      const network = newId();
      const answers: Judged[] = [];
      for (const _ of range(12)) {
        const phone = newPhone();
        answers.push(await otp.verify(phone, WRONG, { challenge: await otp.issue(phone), network }));
      }
      expect(count(answers, "incorrect")).toBe(10);
      expect(count(answers, "too_many_attempts")).toBe(2);
    });
  });
});

describe("abuse case 4, replay", () => {
  it("finds no code any more, and no trace of it in its row", async () => {
    const phone = newPhone();
    const challenge = await otp.issue(phone);
    expect((await otp.verify(phone, RIGHT, { challenge })).success).toBe(true);
    expect((await otp.verify(phone, RIGHT, { challenge })).error).toBe("expired");
    expect((await otp.code(challenge))!.code).toBe("");
  });

  it("of a proof is told from its first use, of many at once too, and from one that has ended", async () => {
    const id = newId();
    const end = Math.floor(Date.now() / 1000) + 300;
    const use = (p_expires_at_s: number, p_id = id) => ({
      name: "use_otp_proof",
      args: { p_id, p_expires_at_s },
    });
    const answers = await raceAll<unknown>(url, range(20).map(() => use(end)));
    expect(answers.filter((one) => one === "used_now")).toHaveLength(1);
    expect(answers.filter((one) => one === "used_before")).toHaveLength(19);
    expect(await run<unknown>(sql, use(end - 1_000, newId()))).toBe("expired");
  });
});

describe("abuse case 5, a code for something else", () => {
  it("fits no other phone, purpose or challenge", async () => {
    const [phone, other, network] = [newPhone(), newPhone(), newId()];
    const challenge = await otp.issue(phone, { network });
    await otp.issue(other, { code: "333333", network });
    await otp.issue(phone, { purpose: "payment", code: "444444", network });
    expect((await otp.verify(other, RIGHT, { challenge, network })).error).toBe("expired");
    expect((await otp.verify(other, RIGHT, { network })).error).toBe("incorrect");
    expect((await otp.verify(phone, RIGHT, { purpose: "payment", network })).error).toBe("incorrect");
    expect((await otp.verify(phone, RIGHT, { challenge: newId(), network })).error).toBe("expired");
    expect((await otp.verify(phone, RIGHT, { challenge, network })).success).toBe(true);
  });

  it("makes a code useless in another row", async () => {
    const phone = newPhone();
    const known = await otp.issue(phone, { code: "555555" });
    const target = await otp.issue(phone, { purpose: "payment" });
    await sql`update public.otp_codes set code = (select code from public.otp_codes where id = ${known})
      where id = ${target}`;
    expect((await otp.verify(phone, "555555", { purpose: "payment", challenge: target })).error).toBe(
      "incorrect",
    );
  });
});

describe("abuse case 6, a leak of the database", () => {
  it("does not give the codes: every code was tried without the pepper, and with it one fits", async () => {
    const phone = newPhone();
    const code = "001711"; // among the first of those tried
    const id = await otp.issue(phone, { code });
    const row = await otp.code(id);
    const [settings] = await sql`select digest_salt from private.otp_settings`;
    const stored = row!.code.split(".")[1];
    const uuid = Uint8Array.from(id.replaceAll("-", "").match(/../g)!, (byte) => parseInt(byte, 16));
    const found = (mac: (guess: string) => string | Uint8Array) =>
      range(2_000).map((number) => String(number).padStart(6, "0")).filter((guess) =>
        createHash("sha256").update(uuid).update(mac(guess)).digest("hex") === stored
      );
    const bare = (guess: string) => createHash("sha256").update(phone + guess).digest();
    const salted = (guess: string) =>
      createHash("sha256").update(settings!.digest_salt).update(guess).digest();
    expect(found(bare)).toEqual([]);
    expect(found(salted)).toEqual([]);
    expect(found(() => new Uint8Array())).toEqual([]);
    expect(found((guess) => Uint8Array.from(macOf(phone, guess).match(/../g)!, (byte) => parseInt(byte, 16))))
      .toEqual([code]);
    const all = JSON.stringify(
      await sql`
      select (select jsonb_agg(c) from public.otp_codes as c where id = ${id}) as codes,
        (select jsonb_agg(d) from private.otp_decisions as d where issuance_id = ${id}) as decisions`,
    );
    expect(all).not.toContain(code);
  });
});

describe("abuse case 7, SMS pumping", () => {
  it("is stopped by prefix when codes do not come back, while other prefixes go on", async () => {
    await otp.withSettings({
      guard_mode: "deny",
      guard_country_floor_day: 1_000,
      guard_country_floor_hour: 1_000,
    }, async () => {
      const prefix = "+99312345";
      const answers: Requested[] = [];
      for (const index of range(8)) {
        answers.push(await otp.request(`${prefix}${1000 + index}`, { country: "TM" }));
      }
      expect(answers.filter(({ success }) => success)).toHaveLength(5);
      expect(answers.at(-1)).toMatchObject({
        error: "too_many_sends",
        reasons: ["unverified_in_prefix_hour"],
      });
      expect((await otp.request("+993654321000", { country: "TM" })).success).toBe(true);
      const rows = await sql`
        select outcome, reasons, repeat_count::integer from private.otp_decisions
        where prefix = ${prefix} and outcome = 'denied'`;
      expect(rows.map((row) => row.reasons)).toEqual(Array(rows.length).fill(["unverified_in_prefix_hour"]));
      expect(rows.reduce((sum, row) => sum + row.repeat_count, 0)).toBe(3);
    });
  });

  it("is not seen where codes come back, nor where a country's own history explains them", async () => {
    await otp.withSettings({
      guard_mode: "deny",
      guard_prefix_floor_day: 1_000,
      guard_prefix_floor_hour: 1_000,
      guard_country_floor_day: 3,
      guard_country_floor_hour: 1_000,
    }, async () => {
      const send = (country: string, index: number) =>
        otp.request(`+3584${1_000_000 + index * 10_000}`, { country });
      for (const index of range(10)) {
        const phone = `+3585${1_000_000 + index * 10_000}`;
        const challenge = await otp.issue(phone, { country: "FI" });
        expect((await otp.verify(phone, RIGHT, { challenge })).success).toBe(true);
      }
      for (const index of range(3)) expect((await send("FI", index)).success).toBe(true);
      expect((await send("FI", 3)).reasons).toEqual(["unverified_in_country_day"]);
      await sql`
        insert into private.otp_statistics (kind, area, day, sent, verified, hour)
        values ('country', 'FI', (now() at time zone 'UTC')::date - 3, 100, 90, now() - interval '3 days')`;
      expect((await send("FI", 4)).success).toBe(true);
    });
  });

  it("is recognized by a network that asks for many countries", async () => {
    await otp.withSettings({ guard_mode: "deny" }, async () => {
      const network = newId();
      const answers: Requested[] = [];
      for (const [country, code] of [["LV", "371"], ["LT", "370"], ["EE", "372"], ["MD", "373"]]) {
        answers.push(await otp.request(`+${code}2${newPhone().slice(5)}`, { country, network }));
      }
      expect(answers.map(({ success }) => success)).toEqual([true, true, true, false]);
      expect(answers.at(-1)!.reasons).toEqual(["countries_per_network"]);
      expect((await otp.request(`+3712${newPhone().slice(5)}`, { country: "LV", network })).success).toBe(
        true,
      );
    });
  });

  it("is recorded and sent in mode record_only, and not looked for when the guard is off", async () => {
    for (const [guard_mode, reasons] of [["record_only", ["countries_per_network"]], ["off", []]] as const) {
      await otp.withSettings({
        guard_mode,
        guard_countries_per_network: 0,
        guard_country_floor_day: 1_000,
        guard_country_floor_hour: 1_000,
      }, async () => {
        const challenge = await otp.issue(newPhone());
        const [decision] =
          await sql`select reasons, guard_mode from private.otp_decisions where issuance_id = ${challenge}`;
        expect(decision).toEqual({ reasons: [...reasons], guard_mode });
      });
    }
  });

  it("is bounded by prefix and by country, whatever the guard thinks", async () => {
    await otp.withSettings({ sends_per_prefix_hour: 2, sends_per_country_hour: 3 }, async () => {
      const send = (index: number, prefix: string) =>
        otp.request(`+47${prefix}${1000 + index}`, { country: "NO" });
      expect((await send(1, "4000")).success && (await send(2, "4000")).success).toBe(true);
      expect(await send(3, "4000")).toMatchObject({ error: "too_many_sends", denied_by: "prefix" });
      expect((await send(4, "4001")).success).toBe(true);
      expect(await send(5, "4002")).toMatchObject({ error: "too_many_sends", denied_by: "country" });
    });
  });

  it("cannot cost more than the cap of the day, of many at once either, and a code that fails costs nothing", async () => {
    await sql`delete from private.otp_spend`;
    await otp.withSettings({ spend_cap_micros: 500_000, spend_kept_percent: 0 }, async () => {
      const phones = range(25).map(newPhone);
      const answers = await raceAll<Requested>(url, phones.map((phone) => request(phone, { cost: 50_000 })));
      expect(answers.filter(({ success }) => success)).toHaveLength(10);
      expect(count(answers, "spend_cap")).toBe(15);
      const denied = phones[answers.findIndex(({ success }) => !success)]!;
      const [left] = await sql`
        select count(*)::integer as count from private.rate_limits where key like ${`otp:%${await otp.digest(
        "phone",
        denied,
      )}%`}`;
      expect(left!.count).toBe(0);
      const sent = answers.find(({ success }) => success)!;
      await otp.delivery(sent.challenge_id, "failed", [{ provider: "twilio", is_fault: false }]);
      expect((await otp.request(denied, { cost: 50_000 })).success).toBe(true);
      expect((await otp.request(newPhone(), { cost: 50_000 })).error).toBe("spend_cap");
      const [spend] = await sql`select spent_micros::integer, messages from private.otp_spend`;
      expect(spend).toEqual({ spent_micros: 500_000, messages: 10 });
    });
    const [table] = await sql`select relpersistence from pg_class where oid = 'private.otp_spend'::regclass`;
    expect(table!.relpersistence).toBe("p");
  });
});

describe("abuse case 8, bombing one victim", () => {
  it("ends at the cooldown, and at the codes of the day, of one network", async () => {
    await otp.withSettings({ sends_per_network_prefix_hour: 100, sends_per_phone_day: 100 }, async () => {
      const [phone, network] = [newPhone(), newId()];
      expect((await otp.request(phone, { network })).success).toBe(true);
      const again = await otp.request(phone, { network });
      expect(again).toMatchObject({ error: "too_many_sends", denied_by: "cooldown" });
      expect(again.retry_after_s).toBeLessThanOrEqual(60);
      for (const _ of range(9)) {
        await otp.cool(phone);
        expect((await otp.request(phone, { network })).success).toBe(true);
      }
      await otp.cool(phone);
      expect(await otp.request(phone, { network })).toMatchObject({
        error: "too_many_sends",
        denied_by: "phone",
      });
    });
  });

  it("by several networks ends at the codes that they share, after the first two of each", async () => {
    await otp.withSettings({ sends_per_network_prefix_hour: 100, sends_per_phone_day: 3 }, async () => {
      const phone = newPhone();
      const sent: boolean[] = [];
      for (const network of [newId(), newId()]) {
        for (const _ of range(5)) {
          sent.push((await otp.request(phone, { network })).success);
          await otp.cool(phone);
        }
      }
      expect(sent).toEqual([true, true, true, true, true, true, true, false, false, false]);
    });
  });

  it("of many at once sends one", async () => {
    const [phone, network] = [newPhone(), newId()];
    const answers = await raceAll<Requested>(url, range(20).map(() => request(phone, { network })));
    expect(answers.filter(({ success }) => success)).toHaveLength(1);
    expect(
      await sql`select from private.otp_decisions where outcome = 'allowed' and phone = ${await otp.digest(
        "phone",
        phone,
      )}`,
    )
      .toHaveLength(1);
  });

  it("lengthens no waiting time by asking again and again", async () => {
    const [phone, network] = [newPhone(), newId()];
    await otp.request(phone, { network });
    const waits = [];
    for (const _ of range(10)) waits.push((await otp.request(phone, { network })).retry_after_s);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60);
  });

  it("does not lock out the phone's owner, who has codes and guesses of its own", async () => {
    const [phone, user, stranger] = [newPhone(), await newUser(), await newUser()];
    const first = await otp.issue(phone, { user });
    expect((await otp.verify(phone, RIGHT, { challenge: first, user })).success).toBe(true);

    for (const _ of range(4)) {
      const challenge = await otp.issue(phone, { user: stranger });
      for (const _ of range(5)) await otp.verify(phone, WRONG, { challenge, user: stranger });
    }
    const network = newId();
    await otp.request(phone, { network });
    expect((await otp.request(phone, { network })).denied_by).toBe("cooldown");

    const own = await otp.request(phone, { user });
    expect(own).toMatchObject({ success: true, attempts_left: 5 });
    await otp.cool(phone);
    await otp.request(phone, { user: stranger });
    expect((await otp.verify(phone, RIGHT, { challenge: own.challenge_id, user: stranger })).error).toBe(
      "expired",
    );
    expect((await otp.verify(phone, RIGHT, { challenge: own.challenge_id })).error).toBe("expired");
    expect((await otp.verify(phone, RIGHT, { challenge: own.challenge_id, user })).success).toBe(true);
  });

  it("cannot use up the attempts of a code without its challenge, from another network than it was asked from", async () => {
    const [phone, network] = [newPhone(), newId()];
    const challenge = await otp.issue(phone, { network });
    for (const _ of range(10)) expect((await otp.verify(phone, WRONG)).error).toBe("expired");
    expect(await otp.verify(phone, WRONG, { network })).toMatchObject({
      error: "incorrect",
      attempts_left: 4,
    });
    expect((await otp.verify(phone, RIGHT, { challenge })).success).toBe(true);
  });
});

describe("abuse case 9, a provider that fails", () => {
  it("leaves no code that can be used, and no waiting time for the phone", async () => {
    const phone = newPhone();
    const { challenge_id } = await otp.request(phone);
    expect(await otp.delivery(challenge_id, "failed")).toMatchObject({ success: true, is_code_gone: true });
    expect((await otp.verify(phone, RIGHT, { challenge: challenge_id })).error).toBe("expired");
    for (const _ of range(12)) {
      const asked = await otp.request(phone);
      expect(asked.success).toBe(true);
      await otp.delivery(asked.challenge_id, "failed");
    }
    const [statistics] = await sql`
      select sum(sent)::integer as sent, sum(failed)::integer as failed from private.otp_statistics where kind = 'prefix' and area = ${
      phone.slice(0, -4)
    }`;
    expect(statistics).toEqual({ sent: 0, failed: 13 });
  });

  it("gives back nothing to the caller's network", async () => {
    await otp.withSettings({ sends_per_network_hour: 3 }, async () => {
      const network = newId();
      for (const _ of range(3)) {
        const { challenge_id } = await otp.request(newPhone(), { network });
        await otp.delivery(challenge_id, "failed");
      }
      expect((await otp.request(newPhone(), { network })).denied_by).toBe("network");
    });
  });

  it("late cannot delete a newer code, and is counted once", async () => {
    const [phone, network] = [newPhone(), newId()];
    const first = await otp.issue(phone, { network });
    const second = await otp.issue(phone, { network });
    expect(await otp.delivery(first, "failed")).toMatchObject({ success: true, is_code_gone: false });
    expect(await otp.delivery(first, "failed")).toMatchObject({ success: false, error: "not_pending" });
    expect((await otp.verify(phone, RIGHT, { challenge: second })).success).toBe(true);
  });

  it("reported while its code is verified ends well, whichever comes first", async () => {
    for (const _ of range(6)) {
      const phone = newPhone();
      const challenge = await otp.issue(phone);
      const [judged, recorded] = await raceAll<Judged & { is_code_gone: boolean }>(url, [
        verify(phone, RIGHT, { challenge }),
        {
          name: "record_otp_delivery",
          args: { p_issuance_id: challenge, p_delivery: "failed", p_attempts: [] },
        },
        request(phone),
      ]);
      if (judged!.success) expect(recorded!.is_code_gone).toBe(false);
    }
  });

  it("several times in a row is not called for a while, then tried by one request, and used again if that worked", async () => {
    await otp.withSettings({ breaker_failures: 3 }, async () => {
      const [bad, good] = [newId(), newId()];
      const send = async () => await otp.request(newPhone(), { providers: [bad, good] });
      const report = async (is_fault: boolean) => {
        const { challenge_id } = await send();
        await otp.delivery(challenge_id, "sent", [{ provider: bad, is_fault }]);
      };
      for (const _ of range(2)) await report(true);
      expect((await send()).providers).toEqual([bad, good]);
      await report(true);
      expect((await send()).providers).toEqual([good]);
      expect(await otp.request(newPhone(), { providers: [bad] })).toMatchObject({
        error: "delivery_unavailable",
      });
      await sql`update private.otp_providers set open_until = clock_timestamp() - interval '1 second' where name = ${bad}`;
      const probes = await raceAll<Requested>(
        url,
        range(10).map(() => request(newPhone(), { providers: [bad, good] })),
      );
      expect(probes.filter(({ providers }) => providers.includes(bad)).length).toBeGreaterThanOrEqual(1);
      expect((await send()).providers).toEqual([good]);
      await otp.delivery(probes.find(({ providers }) => providers.includes(bad))!.challenge_id, "sent", [
        { provider: bad, is_fault: false },
      ]);
      expect((await send()).providers).toEqual([bad, good]);
    });
  });
});

describe("abuse case 10, the same request again", () => {
  it("gives the same challenge and no provider to send it again, also for many at once", async () => {
    const [phone, key] = [newPhone(), newId()];
    const answers = await raceAll<Requested>(url, range(20).map(() => request(phone, { key })));
    expect(answers.every(({ success }) => success)).toBe(true);
    expect(new Set(answers.map((one) => one.challenge_id)).size).toBe(1);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(answers.filter(({ providers }) => providers.length > 0)).toHaveLength(1);
  });

  it("is a new one after a failure, and when the one before never came to its end", async () => {
    const [phone, key] = [newPhone(), newId()];
    const first = await otp.request(phone, { key });
    await otp.delivery(first.challenge_id, "failed");
    const second = await otp.request(phone, { key });
    expect(second).toMatchObject({ success: true, duplicate: false });
    await sql`update private.otp_decisions set created_at = now() - interval '2 minutes' where issuance_id = ${second.challenge_id}`;
    await otp.cool(phone);
    expect(await otp.request(phone, { key })).toMatchObject({ success: true, duplicate: false });
  });
});

describe("abuse case 11, enumeration", () => {
  it("a phone that a user verified and one that nobody knows are answered alike", async () => {
    const [known, unknown, user] = [newPhone(), newPhone(), await newUser()];
    const challenge = await otp.issue(known, { user });
    await otp.verify(known, RIGHT, { challenge, user });
    const shapes = await Promise.all([known, unknown].map(async (phone) => {
      // The use of the limits is not part of a response.
      const { limits: _limits, ...asked } = await otp.request(phone);
      const wrong = await otp.verify(phone, WRONG, { challenge: asked.challenge_id });
      const none = await otp.verify(phone, WRONG);
      return JSON.stringify([asked, wrong, none]).replaceAll(/[0-9a-f-]{36}/g, "id");
    }));
    expect(shapes[0]).toBe(shapes[1]);
  });
});

describe("abuse case 13, clocks", () => {
  it("a code ends by the database's clock alone", async () => {
    const phone = newPhone();
    const challenge = await otp.issue(phone);
    await sql`update public.otp_codes set expires_at = clock_timestamp() - interval '1 millisecond' where id = ${challenge}`;
    expect((await otp.verify(phone, RIGHT, { challenge })).error).toBe("expired");
  });
});

describe("abuse case 14, cleanup", () => {
  it("deletes expired codes in batches, and no counters that limits need", async () => {
    await sql`delete from public.otp_codes`;
    const [phone, network] = [newPhone(), newId()];
    await otp.settings({ sends_per_network_prefix_hour: 100 });
    for (const _ of range(4)) {
      const challenge = await otp.issue(phone, { network });
      for (const _ of range(5)) await otp.verify(phone, WRONG, { challenge });
    }
    const live = newPhone();
    const challenge = await otp.issue(live);
    await otp.request(phone, { network });
    for (const _ of range(5)) await otp.issue(newPhone());
    await sql`update public.otp_codes set expires_at = now() - interval '1 second' where id <> ${challenge}`;
    const spendBefore = await sql`select * from private.otp_spend`;
    const clean = async (limit: number) => {
      const [row] = await sql`select private.cleanup_expired_otps(${limit}) as answer`;
      return row!.answer;
    };
    expect((await clean(4)).codes).toBe(4);
    expect((await clean(100)).codes).toBe(2);
    expect((await clean(100)).codes).toBe(0);

    expect((await otp.request(phone, { network })).denied_by).toBe("cooldown");
    await otp.cool(phone);
    expect(await otp.request(phone, { network })).toMatchObject({ success: true, attempts_left: 0 });
    await otp.settings({ sends_per_network_prefix_hour: 5 });
    expect(await sql`select * from private.otp_spend`).toEqual(spendBefore);
    expect((await otp.verify(live, RIGHT, { challenge })).success).toBe(true);
  });

  it("at once with requests and guesses fails none of them", async () => {
    const phones = range(10).map(newPhone);
    const challenges: string[] = [];
    for (const phone of phones) challenges.push(await otp.issue(phone));
    await sql`update public.otp_codes set expires_at = now() - interval '1 second' where id = any(${
      challenges.slice(0, 5)
    })`;
    const answers = await raceAll<Judged>(url, [
      ...range(3).map(() => ({ name: "private.cleanup_expired_otps", args: {} })),
      ...phones.map((phone, index) => verify(phone, RIGHT, { challenge: challenges[index] })),
      ...phones.slice(0, 5).map((phone) => request(phone)),
    ]);
    expect(answers.slice(3, 13).map(({ success }) => success)).toEqual([
      ...Array(5).fill(false),
      ...Array(5).fill(true),
    ]);
    expect(answers.slice(13).every(({ success }) => success)).toBe(true);
  });
});

describe("abuse case 15, test numbers", () => {
  it("have their fixed code until their end, without a message or a limit, and are usual numbers after it", async () => {
    const phone = newPhone();
    const testUntil = new Date(Date.now() + 60_000).toISOString();
    for (const _ of range(15)) {
      const asked = await otp.request(phone, { testUntil });
      expect(asked).toMatchObject({ success: true, is_test: true, providers: [] });
      expect((await otp.verify(phone, "000000", { challenge: asked.challenge_id })).success).toBe(true);
    }
    const ended = await otp.request(phone, { testUntil: new Date(Date.now() - 1_000).toISOString() });
    expect(ended).toMatchObject({ success: true, is_test: false, providers: ["twilio"] });
    expect((await otp.verify(phone, "000000", { challenge: ended.challenge_id })).error).toBe("incorrect");
  });
});

describe("abuse case 19, a number that was given to somebody else", () => {
  it("belongs to whoever verified it last", async () => {
    const [phone, before, now] = [newPhone(), await newUser(), await newUser()];
    for (const user of [before, now]) {
      const challenge = await otp.issue(phone, { user });
      expect((await otp.verify(phone, RIGHT, { challenge, user })).success).toBe(true);
    }
    expect([...await sql`select user_id from public.user_phones where phone = ${phone}`]).toEqual([{
      user_id: now,
    }]);
    await sql`delete from auth.users where id = ${now}`;
    expect(await sql`select from public.user_phones where phone = ${phone}`).toHaveLength(0);
  });

  it("does not count as its user's forever", async () => {
    const [phone, user] = [newPhone(), await newUser()];
    const challenge = await otp.issue(phone, { user });
    await otp.verify(phone, RIGHT, { challenge, user });
    const own = await otp.issue(phone, { user });
    expect((await otp.code(own))!.owner_id).toBe(user);
    await sql`update public.user_phones set verified_at = now() - interval '181 days' where user_id = ${user}`;
    const later = await otp.issue(phone, { user });
    expect((await otp.code(later))!.owner_id).toBeNull();
  });
});

describe("a code of Supabase Auth", () => {
  const fromAuth = (phone: string, user: string, key: string) => {
    const call = request(phone, { network: null, key });
    return { ...call, args: { ...call.args, p_mac: null, p_channel: "auth_hook", p_auth_user_id: user } };
  };

  it("takes from the same limits, leaves no code here, and comes back to the guard when its user signs in", async () => {
    const [phone, user, key] = [newPhone(), await newUser(), newId()];
    const asked = await run<Requested>(sql, fromAuth(phone, user, key));
    expect(asked).toMatchObject({ success: true, providers: ["twilio"] });
    expect(await otp.code(asked.challenge_id)).toBeUndefined();
    expect(await run<Requested>(sql, fromAuth(phone, user, key))).toMatchObject({
      duplicate: true,
      providers: [],
    });
    expect(await run<Requested>(sql, fromAuth(phone, user, newId()))).toMatchObject({
      denied_by: "cooldown",
    });
    await otp.delivery(asked.challenge_id, "sent");
    await sql`update auth.users set last_sign_in_at = now() + interval '1 second' where id = ${user}`;
    await sql`select private.cleanup_expired_otps()`;
    await sql`select private.cleanup_expired_otps()`;
    const [statistics] = await sql`
      select sum(sent)::integer as sent, sum(verified)::integer as verified from private.otp_statistics where kind = 'auth_prefix' and area = ${
      phone.slice(0, -4)
    }`;
    expect(statistics).toEqual({ sent: 1, verified: 1 });
  });
});

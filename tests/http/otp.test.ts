import { createLocalJWKSet, jwtVerify } from "jose";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

import { functionsFolder } from "../../scripts/local/paths.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { readLogs } from "../support/log_secrets.ts";
import { anonymousClient, connect, type SignedInUser, signUp } from "../support/stack.ts";
import { type Answer, call, eventually, expectRefusal } from "./support/calls.ts";
import { logLines, openFunctions } from "./support/functions.ts";
import { openMailbox } from "./support/mailbox.ts";
import { openSmsVendors, twilioError, vonageAnswer } from "./support/sms_vendors.ts";

const sql = connect({ connections: 2 });
const vendors = openSmsVendors();
const mailbox = await openMailbox();
const TIMEOUT_MS = 1_500;
const WEB_DOMAIN = "app.example.com";

let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions({
    ...vendors.env,
    OTP_PROVIDERS: "twilio vonage smtp",
    OTP_PROVIDER_TIMEOUT_MS: String(TIMEOUT_MS),
    OTP_WEB_DOMAIN: WEB_DOMAIN,
    SMTP_URL: mailbox.url,
    SMTP_FROM: "Tessera <codes@example.com>",
  }, functionsFolder);
  // All tests come from one address; how networks are limited is in tests/sql.
  await sql`update private.otp_settings set sends_per_network_hour = 100000, verifications_per_network_hour = 100000`;
});

afterAll(async () => {
  await sql`update private.otp_settings set sends_per_network_hour = 30, verifications_per_network_hour = 300`;
});

beforeEach(() => sql`delete from private.otp_providers where name in ('twilio', 'vonage', 'smtp')`);

/** Some French mobile number. */
function newPhone(): string {
  return `+3361${String(crypto.getRandomValues(new Uint32Array(1))[0]! % 10_000_000).padStart(7, "0")}`;
}

interface Options {
  user?: SignedInUser;
  key?: string;
  headers?: Record<string, string | undefined>;
}

const request = (body: Record<string, unknown>, options: Options = {}) =>
  call("otp/request", { base: functions.url, body, ...options });
const verify = (body: Record<string, unknown>, options: Options = {}) =>
  call("otp/verify", { base: functions.url, body, ...options });

/** Asks for a code and reads it from the SMS. */
async function obtain(phone: string, body: Record<string, unknown> = {}, options: Options = {}) {
  const answer = await request({ phone, ...body }, options);
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return { challenge_id: answer.body.challenge_id as string, code: codeIn(vendors.sent(phone).at(-1)!.text) };
}

function codeIn(text: string): string {
  return /\b\d{6}\b/.exec(text)![0];
}

const wrong = (code: string) => code === "111111" ? "222222" : "111111";

function claimsOf(proof: string) {
  return JSON.parse(atob(proof.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
}

/** A user with an address that begins so. */
async function signUpAs(beginning: string): Promise<SignedInUser> {
  const client = anonymousClient();
  const { data } = await client.auth.signUp({
    email: `${beginning}-${crypto.randomUUID()}@example.com`,
    password: crypto.randomUUID(),
  });
  return { id: data.user!.id, token: data.session!.access_token, client };
}

const deliveryOf = async (challenge: string) => {
  const [row] =
    await sql`select delivery, provider from private.otp_decisions where issuance_id = ${challenge}`;
  return row && { ...row };
};

describe("a code", () => {
  it("is sent with the publishable key alone, and comes back for a proof that anybody can check", async () => {
    const phone = newPhone();
    const asked = await request({ phone, locale: "fr-FR" });
    expect(asked.status).toBe(200);
    expect(asked.body).toEqual({
      challenge_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      expires_in: 300,
      resend_in: 60,
      attempts_left: 5,
    });
    expect(asked.headers.get("RateLimit")).toMatch(/^"network";r=\d+;t=\d+$/);
    const [message] = vendors.sent(phone);
    const code = codeIn(message!.text);
    expect(message!.text).toBe(
      `Tessera : votre code est ${code}. Il est valable 5 min. Ne le donnez à personne.\n@${WEB_DOMAIN} #${code}`,
    );
    const verified = await verify({ phone, code, challenge_id: asked.body.challenge_id });
    expect(verified.status).toBe(200);
    expect(verified.body).toMatchObject({
      verified: true,
      phone,
      purpose: "verify_phone",
      proof_expires_in: 300,
    });

    const { otpProofKey: { d: _private, ...publicKey } } = await readSecrets(inject("stack").dataDir);
    const { payload } = await jwtVerify(verified.body.proof, createLocalJWKSet({ keys: [publicKey] }), {
      algorithms: ["ES256"],
      audience: "tessera-otp-proof",
    });
    expect(payload).toMatchObject({ phone, purpose: "verify_phone", channel: "sms" });
    expect(payload.sub).toBeUndefined();
    await eventually(
      "the delivery",
      async () => (await deliveryOf(asked.body.challenge_id))?.delivery === "sent",
    );
  });

  it("can be asked for and given back by one function with an action, as supabase-js invokes it", async () => {
    const phone = newPhone();
    const asked = await call("otp", {
      base: functions.url,
      body: { action: "request", phone, purpose: "sign_in" },
    });
    expect(asked.status).toBe(200);
    const code = codeIn(vendors.sent(phone)[0]!.text);
    const verified = await call("otp", {
      base: functions.url,
      body: { action: "verify", phone, code, purpose: "sign_in" },
    });
    expect(verified.body).toMatchObject({ verified: true, purpose: "sign_in" });
  });

  it("of a signed-in user makes the phone that user's, who alone sees it", async () => {
    const [phone, user, other] = [newPhone(), await signUp(), await signUp()];
    const { code, challenge_id } = await obtain(phone, {}, { user });
    const verified = await verify({ phone, code, challenge_id }, { user });
    expect(claimsOf(verified.body.proof)).toMatchObject({ sub: user.id, phone });
    expect((await user.client.from("user_phones").select("*")).data).toEqual([
      { user_id: user.id, phone, verified_at: expect.any(String) },
    ]);
    expect((await other.client.from("user_phones").select("*")).data).toEqual([]);
  });

  it("goes by e-mail to the signed-in user's own address, and makes no phone anybody's", async () => {
    const [phone, user] = [newPhone(), await signUp()];
    const { email } = (await user.client.auth.getUser()).data.user!;
    const asked = await request({ phone, channel: "email" }, { user });
    expect({ status: asked.status, text: asked.text }).toMatchObject({ status: 200 });
    const [mail] = mailbox.mails(email!);
    const code = codeIn(/^Subject: .*$/m.exec(mail!)![0]);
    expect(mail).toContain(`<${asked.body.challenge_id}@example.com>`);
    expect(vendors.sent(phone)).toEqual([]);
    const verified = await verify({ phone, code, challenge_id: asked.body.challenge_id }, { user });
    expect(claimsOf(verified.body.proof)).toMatchObject({ channel: "email" });
    expect((await user.client.from("user_phones").select("*")).data).toEqual([]);
    expectRefusal(await request({ phone, channel: "email" }), 400, "invalid_request");
  });

  it("goes by e-mail to no address that its user has not confirmed", async () => {
    const [phone, user] = [newPhone(), await signUp()];
    await sql`update auth.users set email_confirmed_at = null where id = ${user.id}`;
    const answer = await request({ phone, channel: "email" }, { user });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.message).toContain("confirmed");
    const { email } = (await user.client.auth.getUser()).data.user!;
    expect(mailbox.mails(email!)).toEqual([]);
  });

  it("names its audience, and costs as much as its parts", async () => {
    const messageOf = async (fields: Record<string, unknown>) => {
      const phone = newPhone();
      const asked = await request({ phone, ...fields });
      const [row] =
        await sql`select cost_micros::integer as cost from private.otp_decisions where issuance_id = ${asked.body.challenge_id}`;
      return {
        lines: vendors.sent(phone)[0]!.text.split("\n").slice(1).map((line) => line[0]),
        cost: row!.cost,
      };
    };
    expect(await messageOf({ code_reader: "web" })).toEqual({ lines: ["@"], cost: 50_000 });
    expect(await messageOf({ code_reader: "android" })).toEqual({ lines: [], cost: 50_000 });
    expect(await messageOf({ locale: "ar_EG" })).toEqual({ lines: ["@"], cost: 100_000 });
  });

  it("is not told by any log, whatever happens to it", async () => {
    const phone = newPhone();
    const { code, challenge_id } = await obtain(phone);
    await verify({ phone, code: wrong(code), challenge_id });
    await verify({ phone, code: [code], challenge_id });
    const done = await verify({ phone, code, challenge_id });
    await logLines(functions, done.headers.get("X-Request-Id")!);
    expect(functions.log).not.toContain(code);
    expect(functions.log).not.toContain(phone);
  });
});

describe("abuse case 1, parallel guesses", () => {
  it("of 200 wrong ones at once exactly 5 are judged", async () => {
    const phone = newPhone();
    const { code, challenge_id } = await obtain(phone);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => verify({ phone, code: wrong(code), challenge_id })),
    );
    const count = (error: string) => answers.filter(({ body }) => body.error === error).length;
    expect({ incorrect: count("otp_incorrect"), tooMany: count("otp_too_many_attempts") })
      .toEqual({ incorrect: 5, tooMany: 195 });
    expectRefusal(await verify({ phone, code, challenge_id }), 429, "otp_too_many_attempts");
  });

  it("of 200 right ones at once exactly 1 succeeds", async () => {
    const phone = newPhone();
    const { code, challenge_id } = await obtain(phone);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => verify({ phone, code, challenge_id })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.error === "otp_expired")).toHaveLength(199);
  });
});

describe("abuse case 5, a code for something else", () => {
  it("is refused in words that tell wrong from expired", async () => {
    const phone = newPhone();
    const { code, challenge_id } = await obtain(phone);
    const judged = await verify({ phone, code: wrong(code), challenge_id });
    expectRefusal(judged, 422, "otp_incorrect");
    expect(judged.body.details).toEqual({ attempts_left: 4 });
    expectRefusal(await verify({ phone, code, purpose: "payment", challenge_id }), 410, "otp_expired");
    expectRefusal(await verify({ phone: newPhone(), code, challenge_id }), 410, "otp_expired");
    expect((await verify({ phone, code, challenge_id })).status).toBe(200);
  });
});

describe("abuse case 8, bombing one victim", () => {
  it("ends at the cooldown with the time to wait, however the number is spelled (abuse case 12)", async () => {
    const phone = newPhone();
    await obtain(phone);
    const spellings = [
      phone,
      phone.replace("+33", "0033 "),
      phone.replace("+33", "+33 (0)"),
      [...phone].map((one) => one === "+" ? one : String.fromCodePoint(0x0660 + Number(one))).join(""),
    ];
    for (const spelled of spellings) {
      const again = await request({ phone: spelled });
      expectRefusal(again, 429, "otp_too_many_sends");
      expect(again.body.details).toEqual({ retry_after_s: expect.any(Number), limit: "cooldown" });
      expect(Number(again.headers.get("Retry-After"))).toBe(again.body.details.retry_after_s);
    }
    expect(vendors.sent(phone)).toHaveLength(1);
  });
});

describe("abuse case 9, a provider that fails", () => {
  it("hands over to the next one", async () => {
    const phone = newPhone();
    vendors.fault("twilio", phone, () => twilioError(503, 20503, "Service unavailable"));
    const { challenge_id, code } = await obtain(phone);
    expect(vendors.sent(phone).map(({ vendor }) => vendor)).toEqual(["vonage"]);
    expect((await verify({ phone, code, challenge_id })).status).toBe(200);
    await eventually("the delivery", async () => (await deliveryOf(challenge_id))?.provider === "vonage");
  });

  it("leaves no code and no waiting time when the next one fails too", async () => {
    const phone = newPhone();
    let challenge = "";
    vendors.fault("twilio", phone, () => twilioError(400, 21408, "Permission to send has not been enabled"));
    vendors.fault("vonage", phone, async () => {
      const [row] = await sql`select id from public.otp_codes where phone_number = ${phone}`;
      challenge = row!.id;
      return vonageAnswer("9");
    });
    for (let count = 0; count < 2; count++) {
      expectRefusal(await request({ phone }), 502, "otp_delivery_failed");
      expect(await sql`select from public.otp_codes where phone_number = ${phone}`).toHaveLength(0);
      expect(await deliveryOf(challenge)).toEqual({ delivery: "failed", provider: "vonage" });
    }
  });

  it("because the number gets no messages asks nobody else", async () => {
    const phone = newPhone();
    vendors.fault(
      "twilio",
      phone,
      () => twilioError(400, 21610, "Attempt to send to unsubscribed recipient"),
    );
    const answer = await request({ phone });
    expectRefusal(answer, 422, "otp_unsupported_number");
    expect(answer.body.details).toEqual({ reason: "unreachable" });
    expect(vendors.asked("vonage", phone)).toBe(0);
  });

  it("again and again is not asked any more", async () => {
    for (let count = 0; count < 5; count++) {
      const phone = newPhone();
      vendors.fault("twilio", phone, () => twilioError(500, 20500, "Internal server error"));
      const { challenge_id } = await obtain(phone);
      await eventually("the record", async () => (await deliveryOf(challenge_id))?.delivery === "sent");
    }
    const phone = newPhone();
    await obtain(phone);
    expect(vendors.asked("twilio", phone)).toBe(0);
    expect(vendors.asked("vonage", phone)).toBe(1);
  });

  it("is not a mailbox that puts mail off: others get theirs", async () => {
    for (let count = 0; count < 6; count++) {
      const user = await signUpAs("greylisted");
      expectRefusal(
        await request({ phone: newPhone(), channel: "email" }, { user }),
        502,
        "otp_delivery_failed",
      );
    }
    const user = await signUp();
    expect((await request({ phone: newPhone(), channel: "email" }, { user })).status).toBe(200);
  });

  it("is not a mailbox that does not exist: nobody else is asked, and the code is void", async () => {
    const user = await signUpAs("nobody");
    const phone = newPhone();
    expectRefusal(await request({ phone, channel: "email" }, { user }), 422, "otp_unsupported_number");
    expect(await sql`select from public.otp_codes where phone_number = ${phone}`).toHaveLength(0);
  });
});

describe("abuse case 10, a timeout after acceptance", () => {
  it("is no second SMS: neither another provider nor a retry with the same key sends one", async () => {
    const phone = newPhone();
    let accepted = "";
    vendors.fault("twilio", phone, async (request) => {
      accepted = request.url;
      await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS + 400));
      return Response.json({ sid: "SM1" }, { status: 201 });
    });
    const key = crypto.randomUUID();
    const first = await request({ phone }, { key });
    expect({ status: first.status, text: first.text }).toMatchObject({ status: 200 });
    expect(accepted).toContain("/Messages.json");
    expect(vendors.asked("vonage", phone)).toBe(0);
    await eventually(
      "the record",
      async () => (await deliveryOf(first.body.challenge_id))?.delivery === "unknown",
    );
    const again = await request({ phone }, { key });
    expect(again.body.challenge_id).toBe(first.body.challenge_id);
    expect(vendors.asked("twilio", phone) + vendors.asked("vonage", phone)).toBe(1);
  });
});

describe("abuse case 11, enumeration", () => {
  it("a number that a user has verified and one that nobody knows get the same answers", async () => {
    const [known, unknown, user] = [newPhone(), newPhone(), await signUp()];
    const { code, challenge_id } = await obtain(known, {}, { user });
    expect((await verify({ phone: known, code, challenge_id }, { user })).status).toBe(200);
    const answers = await Promise.all([known, unknown].map(async (phone) => {
      const asked = await request({ phone, purpose: "sign_in" });
      const shape = (answer: Answer) => {
        const { request_id: _request, challenge_id: _challenge, details: _details, ...rest } = answer.body;
        return { status: answer.status, rest, headers: [...answer.headers.keys()] };
      };
      return [shape(await verify({ phone, code: "123456", purpose: "other" })), asked.status];
    }));
    expect(answers[0]![0]).toEqual(answers[1]![0]);
  });
});

describe("abuse case 12, spelling", () => {
  it("gives no second code, and only mobile numbers get one", async () => {
    const refused: [string, string][] = [
      ["+1 900 555 0123", "type"],
      ["+882 16 1234 5678", "type"],
      ["+33 1 42 68 53 00", "type"],
      ["+33 6 12 34 56 78 ext. 5", "extension"],
      ["+33 6 12", "not_a_number"],
      ["06 12 34 56 78", "not_a_number"],
      ["call me at +33612345678", "not_a_number"],
      ["+225 60 12 34 56", "old_form"],
    ];
    for (const [phone, reason] of refused) {
      const answer = await request({ phone });
      expectRefusal(answer, 422, "otp_unsupported_number");
      expect({ phone, ...answer.body.details }).toMatchObject({ phone, reason });
    }
  });

  it("in an outdated format, or as a tel: URI, is the same phone", async () => {
    const eight = `97${newPhone().slice(-6)}`;
    const { code, challenge_id } = await (async () => {
      const asked = await request({ phone: `tel:+229-${eight};phone-context=ignored.example` });
      return { ...asked.body, code: codeIn(vendors.sent(`+22901${eight}`)[0]!.text) };
    })();
    const verified = await verify({ phone: `+22901${eight}`, code, challenge_id });
    expect(verified.body.phone).toBe(`+22901${eight}`);
  });
});

describe("abuse case 18, spelled codes", () => {
  it("are taken with blanks and the digits of any script; a number is refused, and costs no guess", async () => {
    const phone = newPhone();
    const { code, challenge_id } = await obtain(phone);
    const numeric = await verify({ phone, code: Number(code), challenge_id });
    expectRefusal(numeric, 400, "invalid_request");
    expect(numeric.body.message).toContain("leading zeros");
    expectRefusal(await verify({ phone, code: code.slice(1), challenge_id }), 400, "invalid_request");
    expect((await verify({ phone, code: wrong(code), challenge_id })).body.details).toEqual({
      attempts_left: 4,
    });
    const arabic = [...code].map((digit) => String.fromCodePoint(0x0660 + Number(digit)));
    const typed = ` ${arabic.slice(0, 3).join("")}\u00a0${arabic.slice(3).join("")} `;
    expect((await verify({ phone, code: typed, challenge_id })).status).toBe(200);
  });
});

describe("abuse case 20, a form of another site", () => {
  it("sends nothing: no form can have the content type that is expected, nor the key", async () => {
    const phone = newPhone();
    for (
      const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]
    ) {
      for (const name of ["otp/request", "otp?action=request", "otp"]) {
        const answer = await call(name, {
          base: functions.url,
          body: JSON.stringify({ action: "request", phone }),
          headers: { "Content-Type": type, Origin: "https://evil.example" },
        });
        expectRefusal(answer, 415, "unsupported_media_type");
      }
    }
    const withoutKey = await request({ phone }, { headers: { apikey: undefined } });
    expectRefusal(withoutKey, 401, "unauthorized");
    expect(vendors.sent(phone)).toEqual([]);
  });
});

describe("Supabase Auth's Send SMS hook", () => {
  async function hook(body: unknown, change: { id?: string; secret?: string; timestamp?: Date } = {}) {
    const { smsHookSecret } = await readSecrets(inject("stack").dataDir);
    const { id = `msg_${crypto.randomUUID()}`, secret = smsHookSecret, timestamp = new Date() } = change;
    const text = JSON.stringify(body);
    return await call("otp/hook", {
      base: functions.url,
      body: text,
      headers: {
        apikey: undefined,
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(timestamp.getTime() / 1000)),
        "webhook-signature": new Webhook(secret.replace("v1,", "")).sign(id, timestamp, text),
      },
    });
  }
  const payload = (phone: string, otp = "561166") => ({
    user: { id: crypto.randomUUID(), phone: phone.slice(1), aud: "authenticated", user_metadata: {} },
    sms: { otp },
  });

  it("sends the code that Auth made, once however often it is repeated, and under the same limits", async () => {
    const phone = newPhone();
    const first = payload(phone);
    // Auth gives each of its up to three attempts a separate message id.
    for (let count = 0; count < 3; count++) {
      const answer = await hook(first);
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: {} });
    }
    expect(vendors.sent(phone).map(({ text }) => codeIn(text))).toEqual(["561166"]);
    const next = await hook({ ...first, sms: { otp: "561167" } });
    expect({ status: next.status, body: next.body }).toEqual({
      status: 200,
      body: { error: { http_code: 429, message: expect.stringMatching(/\S/) } },
    });
  });

  it("fails over as any other code, and says in Auth's words when nobody sends", async () => {
    const phone = newPhone();
    vendors.fault("twilio", phone, () => twilioError(503, 20503, "Service unavailable"));
    vendors.fault("vonage", phone, () => vonageAnswer("5"));
    const failed = await hook(payload(phone));
    expect(failed.body).toEqual({ error: { http_code: 502, message: expect.stringMatching(/\S/) } });
    vendors.fault("vonage", phone, () => vonageAnswer("0"));
    expect((await hook(payload(phone))).body).toEqual({});
  });

  it("is refused with another signature, an old one, none, or for another body", async () => {
    const phone = newPhone();
    const old = new Date(Date.now() - 10 * 60_000);
    const answers = [
      await hook(payload(phone), { secret: `v1,whsec_${btoa("x".repeat(32))}` }),
      await hook(payload(phone), { timestamp: old }),
      await call("otp/hook", { base: functions.url, body: payload(phone), headers: { apikey: undefined } }),
      await hook({ not: "a payload" }),
    ];
    for (const answer of answers) expectRefusal(answer, 400, "invalid_request");
    expect(vendors.sent(phone)).toEqual([]);
  });
});

describe("a provider's report of a message that it took", () => {
  it("is asked for and taken on a project with an https address, when it is signed", async () => {
    const project = "https://project.example";
    const deployed = await openFunctions({
      ...vendors.env,
      OTP_PROVIDERS: "twilio vonage",
      SUPABASE_PUBLIC_URL: project,
    }, functionsFolder);
    const phone = newPhone();
    const ask = () => call("otp/request", { base: deployed.url, body: { phone } });
    const asked = await ask();
    expect({ status: asked.status, text: asked.text }).toMatchObject({ status: 200 });
    const [message] = vendors.sent(phone);
    const url = message!.reportUrl!;
    expect(url).toBe(`${project}/functions/v1/otp/twilio-report?id=${asked.body.challenge_id}`);
    await eventually(
      "the delivery",
      async () => (await deliveryOf(asked.body.challenge_id))?.delivery === "sent",
    );
    const post = (init: RequestInit) => fetch(url.replace(project, deployed.url), init);
    const undelivered = vendors.report(message!, { MessageStatus: "undelivered", ErrorCode: "30007" });
    expect((await post({ ...undelivered, body: `${undelivered.body}&More=1` })).status).toBe(403);
    expect((await deliveryOf(asked.body.challenge_id))!.delivery).toBe("sent");
    expect((await post(undelivered)).status).toBe(200);
    expect((await deliveryOf(asked.body.challenge_id))!.delivery).toBe("undelivered");
    await sql`delete from private.rate_limits where key like 'otp:cooldown:%'`;
    expect((await ask()).status).toBe(200);
    expect(vendors.sent(phone).map(({ vendor }) => vendor)).toEqual(["twilio", "vonage"]);
  });

  it("is not asked for on a local one", async () => {
    const phone = newPhone();
    await obtain(phone);
    expect(vendors.sent(phone)[0]!.reportUrl).toBeUndefined();
    expectRefusal(
      await call("otp/twilio-report", { base: functions.url, body: "", headers: { apikey: undefined } }),
      404,
      "not_found",
    );
  });
});

describe("the local stack", () => {
  it("prints codes in place of sending them", async () => {
    const phone = newPhone();
    const asked = await call("otp/request", { body: { phone } });
    expect({ status: asked.status, text: asked.text }).toMatchObject({ status: 200 });
    const line = await eventually("the message", async () => {
      const log = (await readLogs(inject("stack").dataDir)).get("functions.log") ?? "";
      return log.split("\n").find((one) => one.includes(phone));
    });
    const verified = await call("otp/verify", { body: { phone, code: codeIn(line.split(phone)[1]!) } });
    expect({ status: verified.status, text: verified.text }).toMatchObject({ status: 200 });
  });
});

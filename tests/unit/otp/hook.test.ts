import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";

import { readHookCall } from "../../../supabase/functions/_otp/hook.ts";

const SECRET = `v1,whsec_${btoa("a secret of thirty-two bytes ....")}`;
const OTHER = `v1,whsec_${btoa("another one of thirty-two bytes .")}`;
const USER = "4d2f1f0e-0f5e-4c39-8d05-3c2a6d0a7a11";

function signatureOf(body: string, secret: string): string {
  return new Webhook(secret.replace("v1,", "")).sign("msg_1", new Date(), body);
}

function read(payload: unknown, signature?: string, secrets = SECRET) {
  const body = JSON.stringify(payload);
  const headers = new Headers({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(Date.now() / 1000)),
    "webhook-signature": signature ?? signatureOf(body, SECRET),
  });
  return readHookCall(headers, body, secrets);
}

describe("a call of Supabase Auth's Send SMS hook", () => {
  it.each([
    ["of a user with a phone", { phone: "33612345678" }, {}],
    ["of a user with an address alone who adds a phone", { phone: "", new_phone: "33612345678" }, {
      phone: "33612345678",
    }],
    ["of a user without a phone", { phone: null, new_phone: null }, { phone: "33612345678" }],
    ["for a second factor that is another phone", { phone: "33698765432" }, { phone: "+33612345678" }],
    ["for a change of phone", { phone: "33698765432", new_phone: "33612345678" }, { phone: "" }],
    ["without the field", {}, { phone: "33612345678" }],
  ])("%s names the phone that the code is for", async (_what, user, sms) => {
    const call = await read({ user: { id: USER, ...user }, sms: { otp: "123456", ...sms } });
    expect(call).toMatchObject({ userId: USER, phone: "+33612345678", code: "123456" });
  });

  it("without any phone is refused", async () => {
    await expect(read({ user: { id: USER, phone: "" }, sms: { otp: "123456" } })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  it("has its user's language, whatever else is in there", async () => {
    const localeOf = async (user_metadata: unknown) =>
      (await read({ user: { phone: "33612345678", user_metadata }, sms: { otp: "123456" } })).locale;
    expect(await localeOf({ locale: "fr_FR" })).toBe("fr_FR");
    for (const odd of [null, { locale: 7 }, [], "fr"]) expect(await localeOf(odd)).toBeUndefined();
  });

  it("is taken with one of two secrets while they change, and with two signatures in one header", async () => {
    const payload = { user: { phone: "33612345678" }, sms: { otp: "123456" } };
    const body = JSON.stringify(payload);
    const [ours, others] = [signatureOf(body, SECRET), signatureOf(body, OTHER)];
    for (const signature of [ours, others, `${others} ${ours}`, `${others}, ${ours}`, `${ours}, ${others}`]) {
      expect((await read(payload, signature, `${SECRET}|${OTHER}`)).code).toBe("123456");
    }
    await expect(read(payload, others)).rejects.toMatchObject({ code: "invalid_request" });
  });
});

import { importJWK, SignJWT } from "jose";
import { beforeAll, describe, expect, inject, it } from "vitest";

import { readSecrets } from "../../scripts/local/secrets.ts";
import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { call, expectRefusal } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";
import { stack } from "../support/stack.ts";

let functions: ExtraFunctions;

beforeAll(async () => {
  functions = await openFunctions();
});

const take = (body: Record<string, unknown>) => call("proof-taker", { base: functions.url, body });

/** A proof as otp/verify signs it, with changes. */
async function proofOf(changes: Record<string, unknown> = {}): Promise<string> {
  const { otpProofKey } = await readSecrets(inject("stack").dataDir);
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: `${stack.url}/functions/v1/otp`,
    aud: "tessera-otp-proof",
    jti: crypto.randomUUID(),
    iat: now,
    exp: now + 300,
    phone: "+33612345678",
    purpose: "payment",
    channel: "sms",
    sub: "4d2f1f0e-0f5e-4c39-8d05-3c2a6d0a7a11",
    ...changes,
  };
  return await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: otpProofKey.kid, typ: "JWT" })
    .sign(await importJWK(otpProofKey, "ES256"));
}

const REFUSED: [string, Record<string, unknown>, Record<string, unknown>][] = [
  ["for another purpose", { purpose: "sign_in" }, {}],
  ["of another phone", {}, { phone: "+33612345679" }],
  ["of another user", {}, { user_id: "5d2f1f0e-0f5e-4c39-8d05-3c2a6d0a7a11" }],
  ["by e-mail, where a phone must be proven", { channel: "email" }, {}],
  ["that has ended", { exp: Math.floor(Date.now() / 1000) - 1 }, {}],
  ["of another project", { iss: "https://other.supabase.co/functions/v1/otp" }, {}],
  ["for something else, such as a user's token", { aud: "authenticated" }, {}],
  ["without an id", { jti: undefined }, {}],
];

describe("a proof", () => {
  it("is taken by another function, once, of many at once too", async () => {
    const proof = await proofOf();
    const body = { proof, purpose: "payment", phone: "+33612345678" };
    const answers = await Promise.all(Array.from({ length: 10 }, () => take(body)));
    expect(answers.filter(({ status }) => status === 200).map((one) => one.body)).toEqual([{
      phone: "+33612345678",
      purpose: "payment",
      channel: "sms",
      userId: "4d2f1f0e-0f5e-4c39-8d05-3c2a6d0a7a11",
    }]);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectRefusal(answer, 403, "forbidden");
    }
  });

  it.each(REFUSED)("%s is refused", async (_what, changes, expected) => {
    const proof = await proofOf(changes);
    expectRefusal(await take({ proof, purpose: "payment", ...expected }), 403, "forbidden");
  });

  it("that is refused for its content is not used up", async () => {
    const proof = await proofOf();
    expectRefusal(await take({ proof, purpose: "sign_in" }), 403, "forbidden");
    expect((await take({ proof, purpose: "payment" })).status).toBe(200);
  });

  it("that was altered, signed by another key or by none is refused", async () => {
    const [head, body, signature] = (await proofOf()).split(".");
    const other = btoa(JSON.stringify({ alg: "none" })).replaceAll("=", "");
    const claims = body!.slice(0, -2) + (body!.endsWith("A") ? "BB" : "AA");
    for (
      const proof of [
        `${head}.${claims}.${signature}`,
        `${other}.${body}.`,
        `${head}.${body}.AAAA`,
        "",
        "x",
        "a.b.c",
      ]
    ) {
      expectRefusal(await take({ proof, purpose: "payment" }), 403, "forbidden");
    }
  });
});

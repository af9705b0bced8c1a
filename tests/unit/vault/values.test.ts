import { describe, expect, it } from "vitest";

import { readTokenValue } from "../../../supabase/functions/_vault/values.ts";

const jwtOf = (payload: unknown, head: unknown = { alg: "RS256" }) =>
  `${btoa(JSON.stringify(head))}.${btoa(JSON.stringify(payload))}.c2lnbmF0dXJl`.replaceAll("=", "");

describe("a value in Redis", () => {
  const token = jwtOf({ sub: "1", exp: 1_900_000_000 });

  it.each([
    ["a JWT", token, { token, expiresAtS: 1_900_000_000, expirySource: "jwt" }],
    ["a JWT with white space around it", ` ${token}\n`, {
      token,
      expiresAtS: 1_900_000_000,
      expirySource: "jwt",
    }],
    ["a JWT without exp", jwtOf({ sub: "1" }), { token: jwtOf({ sub: "1" }), expiresAtS: undefined }],
    ["JSON with access_token", JSON.stringify({ access_token: token, x: 1 }), {
      token,
      expiresAtS: 1_900_000_000,
      expirySource: "jwt",
    }],
    ["JSON with accessToken", JSON.stringify({ accessToken: token }), {
      token,
      expiresAtS: 1_900_000_000,
      expirySource: "jwt",
    }],
    ["JSON with an opaque token", '{"token":"opaque-1"}', { token: "opaque-1", expiresAtS: undefined }],
    ["JSON with a null before the token", '{"access_token":null,"token":"t"}', {
      token: "t",
      expiresAtS: undefined,
    }],
  ])("%s is a token", (_what, value, expected) => {
    expect(readTokenValue(value)).toEqual(expected);
  });

  it.each([
    ["in JSON quotes", JSON.stringify(token)],
    ["in JSON quotes twice, with white space", ` ${JSON.stringify(` ${JSON.stringify(token)}\n`)}`],
    ["with Bearer before it", `Bearer ${token}`],
    ["with Bearer before it, in quotes", JSON.stringify(`bearer  ${token}`)],
    ["in JSON that was encoded twice", JSON.stringify(JSON.stringify({ access_token: token }))],
    ["in JSON with Bearer before it", JSON.stringify({ token: `Bearer ${token}` })],
  ])("is a token %s", (_how, value) => {
    expect(readTokenValue(value)).toEqual({ token, expiresAtS: 1_900_000_000, expirySource: "jwt" });
  });

  const END_S = 1_800_000_000;
  const NOW_S = 1_700_000_000;

  it.each([
    ["expirationTime", "2027-01-15T08:00:00.000Z"],
    ["expirationTime", "2027-01-15T09:00:00+01:00"],
    ["expires_at", "2027-01-15T08:00:00.000000+00:00"],
    ["expiresAt", "2027-01-15 08:00:00"],
    ["expirationTime", "2027-01-15T08:00:00"],
    ["expires_at", END_S],
    ["expires_at", String(END_S)],
    ["expires_at", END_S * 1_000],
    ["expirationTime", String(END_S * 1_000)],
    ["expires", ` ${END_S} `],
    ["exp", END_S],
    ["expiry", "2027-01-15T08:00:00Z"],
  ])("ends when its field %s says: %s", (name, given) => {
    const value = JSON.stringify({ token: "opaque-1", [name]: given });
    expect(readTokenValue(value, NOW_S)).toEqual({
      token: "opaque-1",
      expiresAtS: END_S,
      expirySource: "field",
    });
  });

  it.each([
    [{ expires_in: 3_600, created_at: END_S - 3_600 }, END_S, "field"],
    [{ expires_in: "3600", issued_at: "2027-01-15T07:00:00Z" }, END_S, "field"],
    [{ expiresIn: 3_600 }, NOW_S + 3_600, "arrival"],
    [{ expires_in: "3600" }, NOW_S + 3_600, "arrival"],
    [{ expires_at: "soon", expires_in: 60 }, NOW_S + 60, "arrival"],
    [{ expires_at: null, expirationTime: "", expires_in: 0 }, undefined, undefined],
    [{ expires_at: -1, expires_in: "never" }, undefined, undefined],
    [{ expires_at: 0 }, undefined, undefined],
    [{ expires_at: 1e300, expires_in: 1e300 }, undefined, undefined],
    [{ expires_at: "2027-99-99T08:00:00Z" }, undefined, undefined],
  ])("ends a lifetime after it was written, or read: %j", (fields, expiresAtS, expirySource) => {
    const value = JSON.stringify({ token: "opaque-1", ...fields });
    expect(readTokenValue(value, NOW_S)).toEqual({ token: "opaque-1", expiresAtS, expirySource });
  });

  it("ends with its JWT where that is earlier, or nothing else says", () => {
    const both = (expires_at: number) => readTokenValue(JSON.stringify({ token, expires_at }));
    expect(both(1_899_999_000)).toMatchObject({ expiresAtS: 1_899_999_000, expirySource: "field" });
    expect(both(1_900_001_000)).toMatchObject({ expiresAtS: 1_900_000_000, expirySource: "jwt" });
    const lifetime = readTokenValue(JSON.stringify({ token: jwtOf({ iat: NOW_S }), expires_in: 60 }));
    expect(lifetime).toMatchObject({ expiresAtS: NOW_S + 60, expirySource: "field" });
  });

  it.each([
    ["a time of the wrong type", "1900000000"],
    ["a time below 0", -1],
    ["a time after the year 9999", 1e15],
    ["no number", Number.NaN],
  ])("with %s as exp ends when Redis says", (_what, exp) => {
    expect(readTokenValue(jwtOf({ exp }))).toMatchObject({ expiresAtS: undefined });
  });

  it.each([
    ["nothing", "", "empty"],
    ["white space", " \n", "empty"],
    ["text", "error: login failed", "neither a JWT nor JSON"],
    ["three words with dots", "a.b.c", "neither a JWT nor JSON"],
    ["a JWT whose head is no JSON", `bm8.${token.split(".")[1]}.c2ln`, "neither a JWT nor JSON"],
    ["a JWT whose payload is a list", jwtOf([1]), "neither a JWT nor JSON"],
    ["broken JSON", '{"access_token":', "JSON that cannot be read"],
    ["JSON without a token", '{"error":"x"}', "JSON without access_token, accessToken, token"],
    ["JSON with a number as token", '{"token":1}', "JSON whose token is not text that fits in a header"],
    [
      "JSON with a line break in its token",
      '{"token":"a\\nb"}',
      "JSON whose token is not text that fits in a header",
    ],
    ["JSON with an empty token", '{"token":""}', "JSON whose token is not text that fits in a header"],
  ])("%s is none, and the reason does not repeat it", (_what, value, reason) => {
    expect(readTokenValue(value)).toEqual({ reason });
  });
});

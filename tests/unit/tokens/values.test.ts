import { describe, expect, it } from "vitest";

import { readTokenValue } from "../../../supabase/functions/_tokens/values.ts";

const jwtOf = (payload: unknown, head: unknown = { alg: "RS256" }) =>
  `${btoa(JSON.stringify(head))}.${btoa(JSON.stringify(payload))}.c2lnbmF0dXJl`.replaceAll("=", "");

describe("a value in Redis", () => {
  const token = jwtOf({ sub: "1", exp: 1_900_000_000 });

  it.each([
    ["a JWT", token, { token, expiresAtS: 1_900_000_000 }],
    ["a JWT with white space around it", ` ${token}\n`, { token, expiresAtS: 1_900_000_000 }],
    ["a JWT without exp", jwtOf({ sub: "1" }), { token: jwtOf({ sub: "1" }), expiresAtS: undefined }],
    ["JSON with access_token", JSON.stringify({ access_token: token, x: 1 }), {
      token,
      expiresAtS: 1_900_000_000,
    }],
    ["JSON with accessToken", JSON.stringify({ accessToken: token }), { token, expiresAtS: 1_900_000_000 }],
    ["JSON with an opaque token", '{"token":"opaque-1"}', { token: "opaque-1", expiresAtS: undefined }],
    ["JSON with a null before the token", '{"access_token":null,"token":"t"}', {
      token: "t",
      expiresAtS: undefined,
    }],
  ])("%s is a token", (_what, value, expected) => {
    expect(readTokenValue(value)).toEqual(expected);
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

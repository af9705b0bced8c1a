import { afterEach, describe, expect, it } from "vitest";

import { reserveForBody } from "../../../supabase/functions/_shared/http/memory_budget.ts";

const MIB = 1024 * 1024;
const LIMITS = { json: 50 * MIB, multipart: 26 * MIB };

const admitted: (() => void)[] = [];
afterEach(() => admitted.splice(0).forEach((leave) => leave()));

/** Whether a request with a body of this size may come in now. */
function enter(
  bytes: number | undefined,
  { type = "multipart/form-data; boundary=x", method = "POST", user = "" } = {},
): boolean {
  const headers = { "Content-Type": type, ...bytes !== undefined && { "Content-Length": String(bytes) } };
  try {
    admitted.push(reserveForBody(new Request("http://localhost/", { method, headers }), LIMITS, user));
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "service_unavailable", headers: { "Retry-After": "5" } });
    return false;
  }
}

describe("large bodies", () => {
  it("come in while there is room, and again once others have left", () => {
    expect([1, 2, 3].map(() => enter(25 * MIB))).toEqual([true, true, false]);
    admitted.shift()!();
    expect([1, 2].map(() => enter(25 * MIB))).toEqual([true, false]);
  });

  it("count as JSON for what text takes in memory", () => {
    expect([1, 2].map(() => enter(20 * MIB, { type: "application/json" }))).toEqual([true, false]);
  });

  it("count as the largest there may be where their length is not stated", () => {
    expect([1, 2, 3].map(() => enter(undefined))).toEqual([true, true, false]);
  });

  it("come in alone, whatever they take", () => {
    expect(enter(49 * MIB, { type: "application/json" })).toBe(true);
    expect(enter(1 * MIB)).toBe(false);
  });

  it("of one user leave room for another's recording, however many they are", () => {
    const photo = (user: string) => enter(7 * MIB, { type: "application/json", user });
    expect([1, 2, 3].map(() => photo("one"))).toEqual([true, true, false]);
    expect(enter(25 * MIB, { user: "other" })).toBe(true);
    admitted.splice(0).forEach((leave) => leave());
    expect([1, 2].map(() => enter(25 * MIB, { user: "one" }))).toEqual([true, false]);
    expect(enter(25 * MIB, { user: "other" })).toBe(true);
    admitted.splice(0, 1).forEach((leave) => leave());
    expect(enter(25 * MIB, { user: "one" })).toBe(true);
  });

  it("that are too large or of another kind are refused as such", () => {
    for (
      const [headers, code] of [
        [{ "Content-Type": "application/json", "Content-Length": String(51 * MIB) }, "payload_too_large"],
        [{ "Content-Type": "text/plain", "Content-Length": "1" }, "unsupported_media_type"],
      ] as const
    ) {
      const request = new Request("http://localhost/", { method: "POST", headers });
      expect(() => reserveForBody(request, LIMITS)).toThrow(expect.objectContaining({ code }));
    }
  });
});

it("small bodies and questions without one always come in", () => {
  enter(50 * MIB, { type: "application/json" });
  expect(Array.from({ length: 1_000 }, () => enter(100_000)).every(Boolean)).toBe(true);
  expect(enter(undefined, { method: "GET" })).toBe(true);
});

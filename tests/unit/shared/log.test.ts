import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";

import { AppError } from "../../../supabase/functions/_shared/platform/errors.ts";
import { describeCause, logRequest } from "../../../supabase/functions/_shared/platform/log.ts";

describe("describeCause", () => {
  it("is nothing where there is no cause", () => expect(describeCause(undefined)).toBeUndefined());

  it("tells the chain of causes with names and messages, and where the first one is", () => {
    const cause = new RangeError("inner");
    const text = describeCause(new AppError("internal", "outer", { cause }))!;
    expect(text).toMatch(/^AppError: outer\nRangeError: inner\n.*log\.test\.ts/s);
  });

  it("tells a cause that is no error as JSON", () => {
    expect(describeCause({ code: "PGRST301", message: "no" })).toBe('{"code":"PGRST301","message":"no"}');
    expect(describeCause("words")).toBe('"words"');
  });

  it("never throws and stays short, whatever was thrown", () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const things = fc.oneof(fc.anything(), fc.constant(circular), fc.constant(10n), fc.constant(null));
    fc.assert(fc.property(things, (thrown) => {
      for (const one of [thrown, new Error("x".repeat(5_000), { cause: thrown })]) {
        expect((describeCause(one) ?? "").length).toBeLessThanOrEqual(2_000);
      }
    }));
  });

  it("has no password of an address in it, wherever the password ends", () => {
    for (const password of ["hunter2", "hun@ter/2#", "%zz"]) {
      const address = `postgresql://postgres.abc:${password}@db.example.com:5432/postgres`;
      const text = describeCause(
        new TypeError(`Invalid URL: '${address}'`, { cause: new Error(`rediss://:${password}@r`) }),
      )!;
      expect(text).toContain("db.example.com");
      expect(text).not.toContain(password);
    }
  });

  it("ends, though an error be its own cause", () => {
    const error = new Error("ouroboros");
    error.cause = error;
    expect(describeCause(error)).toContain("ouroboros");
  });

  it.each([
    ["a JWT", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"],
    ["a secret key", "sb_secret_0123456789abcdef"],
    ["a publishable key", "sb_publishable_0123456789abcdef"],
    ["a provider's key", "sk-proj-0123456789_abc-def"],
    ["a photo", "data:image/png;base64,iVBORw0KGgoAAAA+/w=="],
  ])("holds back %s, wherever it is in the chain", (_what, secret) => {
    for (
      const cause of [
        new Error(`got ${secret}!`),
        new Error("outer", { cause: new Error(secret) }),
        { message: secret },
        secret,
      ]
    ) {
      const text = describeCause(cause)!;
      expect(text).not.toContain(secret);
      expect(text).toContain("[secret]");
    }
  });
});

describe("logRequest", () => {
  const entry = { request_id: "id", function: "soup", duration_ms: 1 };

  it.each([[200, "log"], [402, "log"], [499, "log"], [500, "error"], [504, "error"]] as const)(
    "writes one line of JSON for status %i with console.%s",
    (status, method) => {
      const spies = { log: vi.spyOn(console, "log"), error: vi.spyOn(console, "error") };
      Object.values(spies).forEach((spy) => spy.mockImplementation(() => {}));
      logRequest({ ...entry, status, cause: "two\nlines" });
      const calls = spies[method].mock.calls;
      const total = spies.log.mock.calls.length + spies.error.mock.calls.length;
      Object.values(spies).forEach((spy) => spy.mockRestore());
      expect(total).toBe(1);
      const line = calls[0]![0] as string;
      expect(line).not.toContain("\n");
      expect(JSON.parse(line)).toEqual({
        time: expect.any(String),
        level: method === "error" ? "error" : "info",
        ...entry,
        status,
        cause: "two\nlines",
      });
    },
  );
});

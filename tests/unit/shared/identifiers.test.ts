import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { AppError } from "../../../supabase/functions/_shared/platform/errors.ts";
import {
  fingerprint,
  idempotencyKey,
  newRequestId,
  repeatableRequestId,
} from "../../../supabase/functions/_shared/http/identifiers.ts";

const ID = /^[\w-]{22}$/;

describe("newRequestId", () => {
  it("is 22 characters that fit in a URL, and never the same twice", () => {
    const ids = Array.from({ length: 1_000 }, newRequestId);
    for (const id of ids) expect(id).toMatch(ID);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("repeatableRequestId", () => {
  it("is the same for the same user, function and key, and another for any other (mistake 6)", async () => {
    const name = fc.stringMatching(/^[a-z][a-z-]{0,20}$/);
    const key = fc.stringMatching(/^[ -~]{1,40}$/);
    const parts = fc.tuple(fc.uuid(), name, key);
    await fc.assert(fc.asyncProperty(parts, parts, async (one, other) => {
      const id = await repeatableRequestId(...one);
      expect(id).toMatch(ID);
      expect(await repeatableRequestId(...one)).toBe(id);
      if (one.some((part, index) => part !== other[index])) {
        expect(await repeatableRequestId(...other)).not.toBe(id);
      }
    }));
  });

  it("is another one with the wallet of a team, and the same for the same", () => {
    const own = repeatableRequestId("user", "name", "key");
    expect(repeatableRequestId("user", "name", "key", null)).toBe(own);
    const ids = [own, ...["one", "two"].map((wallet) => repeatableRequestId("user", "name", "key", wallet))];
    expect(new Set(ids).size).toBe(3);
    expect(repeatableRequestId("user", "name", "key", "one")).toBe(ids[1]);
  });

  it("keeps its parts apart", async () => {
    expect(await repeatableRequestId("user", "name", "x-key")).not.toBe(
      await repeatableRequestId("user", "name-x", "key"),
    );
    expect(await repeatableRequestId("a", "b", "c")).not.toBe(await repeatableRequestId("a", "bc", ""));
  });
});

describe("fingerprint", () => {
  it("is the same for the same input and another for any other", async () => {
    await fc.assert(fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (one, other) => {
      expect(await fingerprint(one)).toBe(await fingerprint(structuredClone(one)));
      if (JSON.stringify(one) !== JSON.stringify(other)) {
        expect(await fingerprint(one)).not.toBe(await fingerprint(other));
      }
    }));
  });

  it("tells lone surrogates apart, which UTF-8 would not", async () => {
    expect(await fingerprint("\ud800")).not.toBe(await fingerprint("\udc00"));
    expect(await fingerprint("\ud800")).not.toBe(await fingerprint("\ufffd"));
  });

  it("knows an input that is nothing", async () => {
    expect(await fingerprint(undefined)).toMatch(ID);
  });
});

describe("idempotencyKey", () => {
  const read = (value: string) => idempotencyKey(new Headers({ "Idempotency-Key": value }));

  it("is null where there is no header", () => {
    expect(idempotencyKey(new Headers())).toBeNull();
  });

  it("is any 1 to 255 printable characters, quoted or bare", () => {
    fc.assert(fc.property(fc.stringMatching(/^[!-~]([ -~]{0,253}[!-~])?$/), (key) => {
      if (!/".*,/.test(key)) expect(read(`"${key}"`)).toBe(key);
      if (!/^".*"$|,/.test(key)) expect(read(key)).toBe(key);
    }));
  });

  it("is one where a proxy sent it twice, however often, and none where quoted ones differ", () => {
    const sent = (...values: string[]) => {
      const headers = new Headers();
      for (const value of values) headers.append("Idempotency-Key", value);
      return idempotencyKey(headers);
    };
    fc.assert(
      fc.property(fc.stringMatching(/^[!-+\--~]{1,255}$/), fc.integer({ min: 1, max: 5 }), (key, times) => {
        const bare = key.replaceAll('"', "");
        if (bare === "") return;
        expect(sent(...Array(times).fill(bare))).toBe(bare);
        expect(sent(...Array(times).fill(`"${bare}"`))).toBe(bare);
      }),
    );
    expect(sent("k", '"k"')).toBe("k");
    expect(sent('"a, b"')).toBe("a, b");
    expect(sent('"a, b"', '"a, b"')).toBe("a, b");
    expect(() => sent('"a"', '"b"')).toThrow(/different values/);
    // Bare ones cannot be told from one with a comma in it, which is a key like any other.
    expect(sent("a", "b")).toBe("a, b");
    expect(sent("a,b")).toBe("a,b");
  });

  it.each(["", '""', "a\tb", "é", "k".repeat(256), `"${"k".repeat(256)}"`])("refuses %j", (value) => {
    expect(() => read(value)).toThrow(AppError);
    expect(() => read(value)).toThrow(/Idempotency-Key/);
  });

  it("takes a quote that is not closed for a part of the key", () => {
    expect(read('"a')).toBe('"a');
    expect(read('a"')).toBe('a"');
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ShortMemory } from "../../../supabase/functions/_shared/platform/short_memory.ts";

describe("a short memory", () => {
  it("gives back what is not over, and nothing else", () => {
    const memory = new ShortMemory<number>({ maxBytes: 10_000, maxKeyCharacters: 100 });
    memory.set("a", 1, 1_000, { nowMs: 0 });
    expect(memory.get("a", 999)).toBe(1);
    expect(memory.get("b", 999)).toBeUndefined();
    expect(memory.get("a", 1_000)).toBeUndefined();
    expect(memory.byteCount).toBe(0);
  });

  it("never grows beyond its bytes, whatever is remembered", () => {
    const keys = fc.array(fc.tuple(fc.string({ maxLength: 300 }), fc.nat(2_000)), { maxLength: 200 });
    fc.assert(fc.property(keys, (entries) => {
      const memory = new ShortMemory<number>({ maxBytes: 5_000, maxKeyCharacters: 200 });
      for (const [key, untilMs] of entries) {
        memory.set(key, untilMs, untilMs, { nowMs: 1_000 });
        expect(memory.byteCount).toBeLessThanOrEqual(5_000);
        const isKept = key.length <= 200 && untilMs > 1_000;
        expect(memory.get(key, 1_000)).toBe(isKept ? untilMs : memory.get(key, 1_000));
      }
    }));
  });

  it("forgets the oldest that have ended with each new one, and the oldest of all when there is no room", () => {
    const memory = new ShortMemory<number>({ maxBytes: 1_600, maxKeyCharacters: 100 });
    memory.set("ends", 1, 10, { nowMs: 0 });
    memory.set("ends too", 2, 11, { nowMs: 0 });
    const before = memory.byteCount;
    memory.set("new", 3, 1_000, { nowMs: 20 });
    expect(memory.byteCount).toBeLessThan(before);
    for (const key of ["b", "c", "d"]) memory.set(key, 4, 1_000, { nowMs: 20 });
    expect(memory.get("new", 20)).toBeUndefined();
    expect(memory.get("d", 20)).toBe(4);
  });
});

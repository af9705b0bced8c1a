import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  isUnderOldKey,
  keyIdOf,
  open,
  seal,
  sealAll,
} from "../../../supabase/functions/_shared/security/envelope.ts";
import { KeyringText } from "../../../supabase/functions/_shared/security/keyring.ts";

const newKey = (id: string) => `${id}:${randomBytes(32).toString("base64")}`;
const [first, second] = [newKey("2026-01"), newKey("2026-02")];
const keyring = KeyringText.parse(first);
const rotated = KeyringText.parse(`${second}, ${first}`);

describe("an envelope", () => {
  it("opens to what was sealed, whatever it was, at its own place alone", async () => {
    const any = fc.string({ unit: "binary" });
    await fc.assert(fc.asyncProperty(any, fc.string(), fc.string(), async (secret, place, other) => {
      const text = secret.toWellFormed();
      const envelope = await seal(keyring, text, place);
      expect(await open(keyring, envelope, place)).toBe(text);
      if (other !== place) await expect(open(keyring, envelope, other)).rejects.toThrow(/another row/);
    }));
  });

  it("never looks the same twice, and shows nothing of the secret", async () => {
    const secrets = Array.from({ length: 1_000 }, () => ({ secret: "a secret", place: "row" }));
    const envelopes = await sealAll(keyring, secrets);
    expect(new Set(envelopes.map((one) => one.slice(0, 28))).size).toBe(1_000);
    expect(envelopes.join()).not.toContain(btoa("a secret").slice(0, 8));
  });

  it("that was changed in any character is not opened", async () => {
    const envelope = await seal(keyring, "a secret", "row");
    for (let at = 0; at < envelope.length; at++) {
      const changed = envelope.slice(0, at) + (envelope[at] === "A" ? "B" : "A") + envelope.slice(at + 1);
      await expect(open(keyring, changed, "row"), String(at)).rejects.toThrow();
    }
  });

  it("opens after its key has become an old one, and says that it is to be sealed again", async () => {
    const envelope = await seal(keyring, "a secret", "row");
    expect(await open(rotated, envelope, "row")).toBe("a secret");
    expect(isUnderOldKey(rotated, envelope)).toBe(true);
    expect(isUnderOldKey(rotated, await seal(rotated, "a secret", "row"))).toBe(false);
    expect(keyIdOf(await seal(rotated, "a secret", "row"))).toBe("2026-02");
  });

  it("under a key that is not given names the key that is missing", async () => {
    const envelope = await seal(rotated, "a secret", "row");
    await expect(open(keyring, envelope, "row")).rejects.toThrow("The key 2026-02 is not configured");
  });

  it.each(["", "a secret", "t1", "t1.k", "t2.2026-01.AAAA", "t1.2026-01.AAAA"])("is not %j", async (text) => {
    await expect(open(keyring, text, "row")).rejects.toThrow("Expected an envelope");
  });
});

describe("a list of keys", () => {
  it.each([
    ["nothing", ""],
    ["a key without an id", randomBytes(32).toString("base64")],
    ["a short key", `a:${randomBytes(16).toString("base64")}`],
    ["an id twice", `${first} ${first}`],
    ["an id with a dot", newKey("a.b")],
  ])("is not %s, and the refusal shows no key", (_what, text) => {
    const { success, error } = KeyringText.safeParse(text);
    expect(success).toBe(false);
    expect(error!.issues[0]!.message).toMatch(/^Expected/);
    for (const [part] of text.matchAll(/[\w+/]{16,}/g)) expect(error!.message).not.toContain(part);
  });
});

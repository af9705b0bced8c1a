import { afterAll, beforeEach, describe, expect, it } from "vitest";

import type { CallDatabase, RpcArguments } from "../../supabase/functions/_shared/database/rpc.ts";
import { EncryptedStore, lookupOf } from "../../supabase/functions/_oauth/encrypted_store.ts";
import { PostgresStore } from "../../supabase/functions/_oauth/postgres_store.ts";
import { rotateOAuthTokens } from "../../supabase/functions/_oauth/rotation.ts";
import { databaseCall } from "../support/oauth.ts";
import { connect } from "../support/stack.ts";
import { keyringOf, newKeyText } from "../support/vault.ts";

const sql = connect({ connections: 2 });
const namespace = `rotation-${crypto.randomUUID()}`;
const [OLD_ID, NEW_ID] = ["old", "new"].map((word) => `${word}-${crypto.randomUUID().slice(0, 8)}`);
const [oldKey, newKey] = [newKeyText(OLD_ID!), newKeyText(NEW_ID!)];
const both = keyringOf(newKey, oldKey);
const call = databaseCall();
const clear = () => sql`delete from public.tokens where starts_with(key, ${`${namespace}:`})`;
beforeEach(clear);
afterAll(clear);

const storeWith = (...keys: string[]) => new EncryptedStore(new PostgresStore(call), keyringOf(...keys));
const keysOf = (count: number) => Array.from({ length: count }, (_, index) => `${namespace}:${index}`);
const underKey = async (id: string) => {
  const [row] = await sql`
    select count(*)::integer as count from public.tokens
    where starts_with(key, ${`${namespace}:`}) and split_part(token_data #>> '{}', '.', 2) = ${id}`;
  return row!.count;
};

/** Only the rows of this file: others' are under keys that are not known here. */
const ownRows: CallDatabase = async (name, args) => {
  if (name !== "oauth_tokens_to_rotate") return await call(name, args);
  const { p_after } = args as RpcArguments<"oauth_tokens_to_rotate">;
  const after = p_after === "" ? `${namespace}:` : p_after;
  const page = await call(name, { ...args, p_after: after, p_limit: 7 }) as { key: string }[];
  return page.filter(({ key }) => key.startsWith(`${namespace}:`)) as never;
};

describe("a key rotation of OAuth tokens", () => {
  it("encrypts every one again in pages, with its fence and its end, and is done when it is repeated", async () => {
    const before = storeWith(oldKey);
    const keys = keysOf(30);
    for (const [index, key] of keys.entries()) {
      await before.setIfNewer(key, `value ${index}`, { fence: 5, ttlMs: 600_000 });
    }
    await before.bury(keys[29]!, 6);
    const rowOf = async () =>
      (await sql`select fence, expires_at from public.tokens where key = ${lookupOf(keys[0]!)}`)[0];
    const row = await rowOf();
    const progress: number[] = [];
    const rotated = await rotateOAuthTokens({
      call: ownRows,
      keyring: both,
      onProgress: (count) => progress.push(count),
    });
    expect(rotated).toEqual({ rotated: 29, failures: [], isComplete: true });
    expect(progress.length).toBeGreaterThan(3);
    expect([await underKey(OLD_ID!), await underKey(NEW_ID!)]).toEqual([0, 29]);
    expect(await rowOf()).toEqual(row);
    // The old key may go.
    const values = await storeWith(newKey).getMany(keys);
    expect(values).toEqual([...Array.from({ length: 29 }, (_, index) => `value ${index}`), undefined]);
    expect(await rotateOAuthTokens({ call: ownRows, keyring: both })).toMatchObject({
      rotated: 0,
      isComplete: true,
    });
  });

  it("goes on where it was stopped, and leaves a token that was renewed meanwhile as it is", async () => {
    const before = storeWith(oldKey);
    const keys = keysOf(20);
    for (const key of keys) await before.setIfNewer(key, "before", { fence: 10 });
    let replaceCount = 0;
    const stopping: CallDatabase = async (name, args) => {
      if (name === "rotate_oauth_tokens") {
        if (++replaceCount === 2) throw new Error("stopped by a test");
        // Between what was read and what is written a renewal comes: of the first row of this page.
        const [first] = (args as RpcArguments<"rotate_oauth_tokens">).p_replacements as { key: string }[];
        const renewed = keys.find((key) => lookupOf(key) === first!.key)!;
        await before.setIfNewer(renewed, "renewed", { fence: 11 });
        const isReplaced = await ownRows(name, args);
        expect(await before.get(renewed)).toBe("renewed");
        return isReplaced;
      }
      return await ownRows(name, args);
    };
    await expect(rotateOAuthTokens({ call: stopping, keyring: both })).rejects.toThrow("stopped by a test");
    expect([await underKey(OLD_ID!), await underKey(NEW_ID!)]).toEqual([14, 6]);
    expect(await rotateOAuthTokens({ call: ownRows, keyring: both })).toMatchObject({
      rotated: 14,
      isComplete: true,
    });
    const values = await storeWith(newKey).getMany(keys);
    expect(values.toSorted()).toEqual([...Array(19).fill("before"), "renewed"]);
  });

  it("reports values that cannot be decrypted, and leaves them", async () => {
    const lost = newKeyText(`lost-${crypto.randomUUID().slice(0, 8)}`);
    const [key] = keysOf(1);
    await storeWith(lost).set(key!, "value");
    const result = await rotateOAuthTokens({ call: ownRows, keyring: both });
    expect(result).toMatchObject({ isComplete: false, failures: [{ name: lookupOf(key!) }] });
    expect(JSON.stringify(result)).not.toContain("value");
    expect(await storeWith(lost).get(key!)).toBe("value");
  });
});

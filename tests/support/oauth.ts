import { randomBytes } from "node:crypto";

import { type Keyring, KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";
import { ProvidersText } from "../../supabase/functions/_oauth/setting_texts.ts";
import type { CallDatabase } from "../../supabase/functions/_shared/database/rpc.ts";
import { EncryptedStore } from "../../supabase/functions/_oauth/encrypted_store.ts";
import { FallbackStore } from "../../supabase/functions/_oauth/fallback_store.ts";
import { Leases } from "../../supabase/functions/_oauth/leases.ts";
import { PostgresStore } from "../../supabase/functions/_oauth/postgres_store.ts";
import { TokenBroker } from "../../supabase/functions/_oauth/token_broker.ts";
import { isUserKey, keyOf, type TokenOwner } from "../../supabase/functions/_oauth/token_owner.ts";
import type { AccessToken, TokenRecord } from "../../supabase/functions/_oauth/token_record.ts";
import type { TokenStore } from "../../supabase/functions/_oauth/token_store.ts";
import type { Provider } from "../../supabase/functions/_oauth/provider.ts";
import { Upstream } from "../../supabase/functions/_oauth/upstream.ts";
import type { OpenIdProvider } from "./openid_provider.ts";
import { serviceClient } from "./stack.ts";

/** A key of the test's own. */
export function newKeyring(id = "test"): Keyring {
  return KeyringText.parse(`${id}:${randomBytes(32).toString("base64")}`);
}

/** The suite's database, asked through REST as a function asks it. */
export function databaseCall(): CallDatabase {
  const client = serviceClient();
  return async (name, args) => {
    const { data, error } = await client.rpc(name, args);
    if (error) throw new Error(error.message);
    return data;
  };
}

/** A backend behind a switch: switched off, everything that it is asked for fails as `failure` says. */
export function switchable<Backend extends object>(
  backend: Backend,
  failure: () => Error,
): { backend: Backend; switchOff(): void; switchOn(): void } {
  let isOff = false;
  const proxy = new Proxy(backend, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (!isOff || name === "health" || name === "on") return value.bind(target);
      return () => Promise.reject(failure());
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
  return { backend: proxy, switchOff: () => isOff = true, switchOn: () => isOff = false };
}

/** A broker like a process's, with its dependencies. */
export interface TestBroker {
  broker: TokenBroker;
  store: TokenStore;
  leases: Leases;
  upstream: Upstream;
}

export interface TestBrokerOptions {
  keyring: Keyring;
  /** The store of the tokens; default: the database. */
  backend?: TokenStore;
  call?: CallDatabase;
  memoryFallback?: "none" | "app" | "all";
  providerTimeoutMs?: number;
}

/** One more broker: like one more process, it shares nothing with others but the database and the backend. */
export function openBroker(
  { keyring, call = databaseCall(), backend, memoryFallback = "app", providerTimeoutMs = 10_000 }:
    TestBrokerOptions,
): TestBroker {
  const mayKeep = (key: string) => memoryFallback === "all" || (memoryFallback === "app" && !isUserKey(key));
  const store = new EncryptedStore(new FallbackStore(backend ?? new PostgresStore(call), mayKeep), keyring);
  const leases = new Leases(call);
  const upstream = new Upstream(providerTimeoutMs);
  const broker = new TokenBroker({ store, leases, upstream, memoryFallback, providerTimeoutMs });
  return { broker, store, leases, upstream };
}

/** A provider as the settings would give it, under a name of the test's own. */
export function providerOf(settings: Record<string, unknown>): Provider {
  const name = `p${crypto.randomUUID()}`;
  const parsed = ProvidersText.parse(JSON.stringify({ [name]: settings }));
  return { name, settings: parsed.get(name)! };
}

/** Lets a user authorize a provider, as a browser would. */
export async function authorizeUser(
  { broker, upstream }: TestBroker,
  openId: OpenIdProvider,
  owner: Required<TokenOwner>,
  redirectUri: string,
): Promise<AccessToken> {
  const { url, secrets } = await upstream.authorize(owner.provider, redirectUri);
  const answer = await openId.visit(url, { account: owner.subject });
  return await broker.authorize(owner, () => upstream.exchange(owner.provider, new URL(answer), secrets));
}

/** The stored version of a token. */
export async function storedRecord(
  { store }: TestBroker,
  owner: TokenOwner,
): Promise<TokenRecord | undefined> {
  const text = await store.get(keyOf(owner)) as string | undefined;
  return text === undefined ? undefined : JSON.parse(text);
}

/** Changes the stored version, as if it had been so when it was got. */
export async function rewriteRecord(
  test: TestBroker,
  owner: TokenOwner,
  change: Partial<TokenRecord>,
): Promise<TokenRecord> {
  const record = { ...(await storedRecord(test, owner))!, ...change };
  await test.store.setIfNewer(keyOf(owner), JSON.stringify(record), { fence: record.fence });
  return record;
}

/** Lets the access token end. */
export async function expire(test: TestBroker, owner: TokenOwner): Promise<void> {
  await rewriteRecord(test, owner, { expires_at_ms: Date.now() - 60_000 });
}

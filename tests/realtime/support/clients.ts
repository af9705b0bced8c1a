import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { createClient as createClientOf2025 } from "supabase-js-of-2025";
import { afterEach, inject } from "vitest";

/** A channel of either version. */
export type Channel = ReturnType<SupabaseClient["channel"]>;

/** The versions of supabase-js that are tried, each with the serializer that it is given. */
export const CLIENTS = {
  "the newest supabase-js": (key: string) => make(createClient, key, {}),
  "the newest supabase-js, serializer 1.0.0": (key: string) => make(createClient, key, { vsn: "1.0.0" }),
  "supabase-js of a year ago": (key: string) => make(createClientOf2025 as never, key, {}),
} satisfies Record<string, (key: string) => SupabaseClient>;

export type ClientName = keyof typeof CLIENTS;

const PATIENCE_MS = 20_000;
const clients = new Set<SupabaseClient>();

afterEach(async () => {
  await Promise.all([...clients].map(async (client) => {
    await client.removeAllChannels();
    await client.auth.stopAutoRefresh();
  }));
  clients.clear();
});

function make(create: typeof createClient, key: string, realtime: Record<string, unknown>): SupabaseClient {
  const client = create(inject("stack").url, key, {
    auth: { persistSession: false },
    realtime: realtime as never,
  });
  clients.add(client);
  return client;
}

/** A client with the publishable key. */
export function anonymous(name: ClientName = "the newest supabase-js"): SupabaseClient {
  return CLIENTS[name](inject("stack").publishableKey);
}

/** A client whose user signs up for the test. */
export async function signedIn(name: ClientName = "the newest supabase-js") {
  const client = anonymous(name);
  const { data, error } = await client.auth.signUp({
    email: `${crypto.randomUUID()}@example.com`,
    password: crypto.randomUUID(),
  });
  if (error || !data.session || !data.user) throw error ?? new Error("Sign-up gave no session");
  return { client, id: data.user.id, token: data.session.access_token };
}

/** Subscribes and waits for what comes of it. */
export function subscribe(channel: Channel): Promise<{ status: string; message: string | undefined }> {
  return new Promise((resolve) => {
    channel.subscribe((status, error) => resolve({ status, message: error?.message }));
  });
}

/** Subscribes, and fails where that fails. */
export async function joined<One extends Channel>(channel: One): Promise<One> {
  const { status, message } = await subscribe(channel);
  if (status !== "SUBSCRIBED") throw new Error(`${channel.topic}: ${status} ${message}`);
  return channel;
}

/** What a listener gets, in its order, each waited for. */
export function inbox<Item>() {
  const items: Item[] = [];
  const waiting: (() => void)[] = [];
  let taken = 0;
  return {
    items,
    add(item: Item): void {
      items.push(item);
      for (const look of waiting.splice(0)) look();
    },
    async next(what = "a message"): Promise<Item> {
      const end = Date.now() + PATIENCE_MS;
      while (taken >= items.length) {
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), end - Date.now());
          waiting.push(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      return items[taken++]!;
    },
  };
}

/** A topic of its own for a test. */
export function newTopic(prefix = "test"): string {
  return `${prefix}:${crypto.randomUUID()}`;
}

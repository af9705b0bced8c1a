import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { afterEach, describe, expect, inject, it } from "vitest";

import {
  createTesseraClient,
  type Salon,
  type SalonMessage,
  type SalonOptions,
} from "../../../client/mod.ts";
import { connect } from "../../support/stack.ts";

const sql = connect({ connections: 2 });
const { url, publishableKey } = inject("stack");

/** Connections that can be cut, and that lose some of what comes over them. */
class Line {
  readonly sockets = new Set<WebSocket>();
  /** How much of what is told is lost while the connection stands. */
  loss = 0;
  lost = 0;

  readonly transport = ((line: Line) =>
    class extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        line.sockets.add(this);
        this.addEventListener("close", () => line.sockets.delete(this));
      }

      override set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
        super.onmessage = handler && ((event: MessageEvent) => {
          const isTold = typeof event.data === "string" && event.data.includes('"broadcast"');
          if (isTold && Math.random() < line.loss) line.lost++;
          else handler.call(this, event);
        });
      }
    })(this);

  cut(): void {
    for (const socket of this.sockets) socket.close();
  }
}

interface Person {
  id: string;
  client: SupabaseClient;
  line: Line;
}

const people: Person[] = [];
const rooms: Salon[] = [];

afterEach(async () => {
  await Promise.all(rooms.splice(0).map((room) => room.close()));
  for (const { client } of people.splice(0)) {
    await client.removeAllChannels();
    await client.auth.stopAutoRefresh();
  }
});

async function person(): Promise<Person> {
  const line = new Line();
  const client = createClient(url, publishableKey, {
    auth: { persistSession: false },
    realtime: { transport: line.transport as never, reconnectAfterMs: () => 20 },
  });
  const { data, error } = await client.auth.signUp({
    email: `${crypto.randomUUID()}@example.com`,
    password: crypto.randomUUID(),
  });
  if (error || !data.user) throw error ?? new Error("Sign-up gave no user");
  people.push({ id: data.user.id, client, line });
  return people.at(-1)!;
}

async function salonOf(owner: Person, ...members: Person[]): Promise<string> {
  const made = await owner.client.rpc("create_salon_with_code", { p_name: "Room", p_visibility: "private" });
  for (const { client } of members) {
    await client.rpc("join_salon_via_code", { p_code: made.data.share_code });
  }
  // Tests send faster than a person may.
  await sql`delete from private.rate_limits where key like 'call %messages/send%'`;
  return made.data.salon_id;
}

/** A room that notes what it tells. */
function open({ client }: Person, salonId: string, options: SalonOptions = {}) {
  const tessera = createTesseraClient({
    url,
    publishableKey,
    accessToken: () => undefined,
    supabase: client,
  });
  const told: SalonMessage[] = [];
  const changed: SalonMessage[] = [];
  let hasEnded = false;
  const room = tessera.salon(salonId, {
    retryDelayMs: 50,
    checkEveryMs: 200,
    onMessages: (messages) => told.push(...messages),
    onChange: (message) => changed.push(message),
    onEnd: () => hasEnded = true,
    ...options,
  });
  rooms.push(room);
  return { room, told, changed, hasEnded: () => hasEnded };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function send({ client, id }: Person, salonId: string, content: string): Promise<number> {
  await sql`delete from private.rate_limits where key like ${`call ${id} messages/send%`}`;
  const { data, error } = await client.rpc("send_message", {
    p_salon_id: salonId,
    p_content: content,
    p_client_id: crypto.randomUUID(),
  });
  if (!data?.success) throw error ?? new Error(data.error);
  return data.id;
}

const contents = (messages: readonly SalonMessage[]) => messages.map(({ content }) => content);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`);

describe("client.salon(id)", () => {
  it("shows the newest page, what comes after it live, and older pages when asked", async () => {
    const [owner, member] = [await person(), await person()];
    const salonId = await salonOf(owner, member);
    for (const text of numbers(7)) await send(owner, salonId, text);
    const { room, told } = open(member, salonId, { pageSize: 3 });
    await until(() => room.isLive);
    expect(contents(room.messages)).toEqual(["5", "6", "7"]);
    expect(await room.send("8")).toMatchObject({ success: true, seq: 8 });
    await send(owner, salonId, "9");
    await until(() => told.length === 5);
    expect(await room.older()).toBe(true);
    expect(await room.older()).toBe(false);
    expect(contents(room.messages)).toEqual(numbers(9));
    expect(contents(told)).toEqual(["5", "6", "7", "8", "9"]);
    expect(await room.markRead()).toMatchObject({ last_read_seq: 9, unread: 0 });
  });

  it("shows each message once and in order while the connection is cut at random and loses what is told (community 19, platform 19)", async () => {
    const [owner, member, other] = [await person(), await person(), await person()];
    const salonId = await salonOf(owner, member, other);
    const { room, told } = open(member, salonId);
    await until(() => room.isLive);
    member.line.loss = 0.3;
    let cuts = 0;
    let isWriting = true;
    const cutting = (async () => {
      while (isWriting) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
        if (member.line.sockets.size > 0) cuts++;
        member.line.cut();
      }
    })();
    const sent = await Promise.all([owner, other].map(async (writer) => {
      const ids: number[] = [];
      for (const text of numbers(40)) ids.push(await send(writer, salonId, text));
      return ids;
    }));
    isWriting = false;
    await cutting;
    await until(() => room.messages.length === 80 && room.isLive);
    expect(cuts).toBeGreaterThan(3);
    expect(member.line.lost).toBeGreaterThan(3);
    const all = Array.from({ length: 80 }, (_, index) => index + 1);
    expect(room.messages.map(({ seq }) => seq)).toEqual(all);
    expect(told.map(({ seq }) => seq)).toEqual(all);
    expect(told.map(({ id }) => id).toSorted((one, other) => one - other))
      .toEqual(sent.flat().toSorted((one, other) => one - other));
  });

  it("shows edits, deletions and reactions, also those that it was not told of", async () => {
    const [owner, member] = [await person(), await person()];
    const salonId = await salonOf(owner, member);
    const ids = [];
    for (const text of numbers(3)) ids.push(await send(owner, salonId, text));
    const { room, changed } = open(member, salonId);
    await until(() => room.isLive);
    await owner.client.rpc("edit_message", { p_message_id: ids[0], p_content: "one" });
    await until(() => room.messages[0]!.content === "one");
    member.line.loss = 1;
    await owner.client.rpc("delete_message", { p_message_id: ids[1] });
    await owner.client.rpc("toggle_message_reaction", { p_message_id: ids[2], p_emoji: "👍" });
    await until(() => room.messages[1]!.is_deleted && room.messages[2]!.reactions.length === 1);
    expect(contents(room.messages)).toEqual(["one", "", "3"]);
    expect(member.line.lost).toBeGreaterThan(0);
    expect(new Set(changed.map(({ id }) => id))).toEqual(new Set(ids));
  });

  it("leaves out whom its user has blocked, and takes no number of theirs for a gap", async () => {
    const [owner, member, noisy] = [await person(), await person(), await person()];
    const salonId = await salonOf(owner, member, noisy);
    await member.client.rpc("block_user", { p_user_id: noisy.id });
    const { room } = open(member, salonId);
    await until(() => room.isLive);
    for (const writer of [owner, noisy, noisy, owner, noisy]) await send(writer, salonId, writer.id);
    await until(() => room.messages.length === 2);
    expect(room.messages.map(({ seq }) => seq)).toEqual([1, 4]);
  });

  it("ends for who is kicked, and for who is no member", async () => {
    const [owner, member, stranger] = [await person(), await person(), await person()];
    const salonId = await salonOf(owner, member);
    const [kicked, refused] = [open(member, salonId), open(stranger, salonId)];
    await until(() => kicked.room.isLive && refused.hasEnded());
    expect(refused.room.messages).toEqual([]);
    await owner.client.rpc("kick_salon_member", { p_salon_id: salonId, p_member_id: member.id });
    await until(kicked.hasEnded);
    await send(owner, salonId, "behind its back");
    expect(kicked.told).toEqual([]);
    expect(await kicked.room.send("still here?")).toMatchObject({ error: "not_found" });
  });

  it("needs the app's client of supabase-js", () => {
    const tessera = createTesseraClient({ url, publishableKey, accessToken: () => undefined });
    expect(() => tessera.salon(crypto.randomUUID())).toThrow("needs the option supabase");
  });
});

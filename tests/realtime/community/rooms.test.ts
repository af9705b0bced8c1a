import type { SupabaseClient } from "@supabase/supabase-js";
import { describe, expect, it } from "vitest";

import { inbox, joined, newTopic, signedIn, subscribe } from "../support/clients.ts";

// deno-lint-ignore no-explicit-any -- a payload is what its sender says
type Heard = any;

type Member = Awaited<ReturnType<typeof signedIn>>;

const PRIVATE = { config: { private: true } };

async function call(client: SupabaseClient, name: string, args: Record<string, unknown>): Promise<Heard> {
  const { data, error } = await client.rpc(name, args);
  if (!data?.success) throw error ?? new Error(`${name}: ${data.error}`);
  return data;
}

/** A salon of one with others in it, who joined by its code. */
async function salonOf(owner: Member, ...members: Member[]): Promise<string> {
  const { salon_id: salonId, share_code: p_code } = await call(owner.client, "create_salon_with_code", {
    p_name: "Kitchen",
    p_visibility: "private",
  });
  for (const { client } of members) await call(client, "join_salon_via_code", { p_code });
  return salonId;
}

function send({ client }: Member, p_salon_id: string, p_content: string): Promise<Heard> {
  return call(client, "send_message", { p_salon_id, p_content, p_client_id: crypto.randomUUID() });
}

/** Joins a topic and collects what the database tells there. */
async function listen({ client }: Member, topic: string) {
  const heard = inbox<Heard>();
  const channel = await joined(client.channel(topic, PRIVATE).on("broadcast", { event: "*" }, heard.add));
  return { channel, heard };
}

async function mayJoin({ client }: Member, topic: string): Promise<boolean> {
  const { status } = await subscribe(client.channel(topic, PRIVATE));
  return status === "SUBSCRIBED";
}

describe("the topic of a salon", () => {
  it("tells members of a message by its number, and nothing that was said (platform 18)", async () => {
    const [owner, member] = [await signedIn(), await signedIn()];
    const salonId = await salonOf(owner, member);
    const { heard } = await listen(member, `salon:${salonId}`);
    const { id, seq } = await send(owner, salonId, "a secret");
    const told = await heard.next();
    expect(told).toMatchObject({ event: "message", payload: { id, seq } });
    expect(JSON.stringify(told)).not.toContain("secret");
    const { data } = await member.client.rpc("messages_after", { p_salon_id: salonId, p_after: seq - 1 });
    expect(data.messages).toMatchObject([{ content: "a secret", seq }]);
  });

  it("is joined by its members alone (community 17, 18)", async () => {
    const [owner, member, stranger] = [await signedIn(), await signedIn(), await signedIn()];
    const salonId = await salonOf(owner, member);
    expect(await mayJoin(member, `salon:${salonId}`)).toBe(true);
    for (const topic of [`salon:${salonId}`, `salon:${salonId}:typing`, `salon:${crypto.randomUUID()}`]) {
      expect(await mayJoin(stranger, topic)).toBe(false);
    }
    for (
      const topic of [`salon:x`, `salon:${salonId}:other`, `salon:${salonId.toUpperCase()}`, newTopic("else")]
    ) {
      expect(await mayJoin(owner, topic)).toBe(false);
    }
  });

  it("takes no broadcast of a client, so that nobody speaks for another (platform 22)", async () => {
    const [owner, member] = [await signedIn(), await signedIn()];
    const salonId = await salonOf(owner, member);
    const { heard } = await listen(owner, `salon:${salonId}`);
    const channel = await joined(
      member.client.channel(`salon:${salonId}`, { config: { private: true, broadcast: { ack: true } } }),
    );
    const forged = { type: "broadcast", event: "message", payload: { id: 1, seq: 1_000_000 } } as const;
    expect(await channel.send(forged)).toBe("error");
    await send(member, salonId, "real");
    expect(await heard.next()).toMatchObject({ event: "message", payload: { seq: 1 } });
  });

  it("shows who is there, and typing has a topic of its own (community 20, platform 20)", async () => {
    const [owner, member] = [await signedIn(), await signedIn()];
    const salonId = await salonOf(owner, member);
    const present = inbox<Heard>();
    const room = owner.client.channel(`salon:${salonId}`, PRIVATE);
    room.on("presence", { event: "join" }, present.add);
    await joined(room);
    const own = await joined(
      member.client.channel(`salon:${salonId}`, { config: { private: true, presence: { key: member.id } } }),
    );
    expect(await own.track({ since: 1 })).toBe("ok");
    expect(await present.next()).toMatchObject({ key: member.id });
    const { heard } = await listen(owner, `salon:${salonId}:typing`);
    const typing = await joined(member.client.channel(`salon:${salonId}:typing`, PRIVATE));
    await typing.send({ type: "broadcast", event: "typing", payload: { user_id: member.id } });
    expect((await heard.next()).payload).toEqual({ user_id: member.id });
  });

  it("tells who is kicked on its own topic, lets it in no more, and tells it numbers alone (community 18)", async () => {
    const [owner, member] = [await signedIn(), await signedIn()];
    const salonId = await salonOf(owner, member);
    const own = await listen(member, `user:${member.id}`);
    const room = await listen(member, `salon:${salonId}`);
    await call(owner.client, "kick_salon_member", { p_salon_id: salonId, p_member_id: member.id });
    expect(await own.heard.next()).toMatchObject({ event: "salon_left", payload: { salon_id: salonId } });
    expect(await room.heard.next()).toMatchObject({ event: "members_changed" });
    const { seq } = await send(owner, salonId, "behind its back");
    // Rights are asked at the join: until its token is renewed it hears on, and learns that there is a message.
    const told = await room.heard.next();
    expect(told.payload).toMatchObject({ seq });
    expect(JSON.stringify(told)).not.toContain("behind");
    const { data } = await member.client.rpc("messages_after", { p_salon_id: salonId, p_after: 0 });
    expect(data).toMatchObject({ error: "not_found" });
    await member.client.removeAllChannels();
    expect(await mayJoin(member, `salon:${salonId}`)).toBe(false);
  });
});

describe("the topic of a user", () => {
  it("is joined by that user alone, and tells who mentions and answers it", async () => {
    const [owner, member] = [await signedIn(), await signedIn()];
    const salonId = await salonOf(owner, member);
    const { heard } = await listen(member, `user:${member.id}`);
    expect(await mayJoin(owner, `user:${member.id}`)).toBe(false);
    const asked = await send(member, salonId, "who is there?");
    const more = { p_salon_id: salonId, p_content: "me" };
    await call(owner.client, "send_message", {
      ...more,
      p_client_id: crypto.randomUUID(),
      p_reply_to_id: asked.id,
    });
    await call(owner.client, "send_message", {
      ...more,
      p_client_id: crypto.randomUUID(),
      p_mentions: [member.id],
    });
    expect(await heard.next()).toMatchObject({ event: "reply", payload: { salon_id: salonId, seq: 2 } });
    expect(await heard.next()).toMatchObject({ event: "mention", payload: { salon_id: salonId, seq: 3 } });
  });
});

describe("postgres_changes of earlier clients", () => {
  it("tell members what is written, and nobody of an old text (community 17, platform 17)", async () => {
    const [owner, member, stranger] = [await signedIn(), await signedIn(), await signedIn()];
    const salonId = await salonOf(owner, member);
    const follow = async ({ client }: Member) => {
      const heard = inbox<Heard>();
      const ready = inbox<Heard>();
      await joined(
        client.channel(newTopic()).on(
          "postgres_changes",
          { event: "*", schema: "public", table: "chat_messages" },
          heard.add,
        ).on("system", {}, ready.add),
      );
      await ready.next("the subscription");
      return heard;
    };
    const [inside, outside] = [await follow(member), await follow(stranger)];
    const { id } = await send(owner, salonId, "secret");
    expect(await inside.next()).toMatchObject({ eventType: "INSERT", new: { id, content: "secret" } });
    await call(owner.client, "delete_message", { p_message_id: id });
    const deleted = await inside.next();
    expect(deleted).toMatchObject({ eventType: "UPDATE", new: { is_deleted: true, content: "" } });
    expect(JSON.stringify(deleted.old)).not.toContain("secret");
    const theirs = await salonOf(stranger);
    const own = await send(stranger, theirs, "own");
    expect(await outside.next()).toMatchObject({ eventType: "INSERT", new: { id: own.id } });
  });
});

import { describe, expect, it } from "vitest";

import { anonymous, type ClientName, CLIENTS, inbox, joined, newTopic } from "./support/clients.ts";
import { openWire, type Wire } from "./support/wire.ts";

const names = Object.keys(CLIENTS) as ClientName[];
// deno-lint-ignore no-explicit-any -- a presence is what its client says
type Heard = any;

describe.each(names)("with %s", (name) => {
  it("who comes, changes and goes is told, and the state has who is there", async () => {
    const topic = newTopic();
    const [joins, leaves] = [inbox<Heard>(), inbox<Heard>()];
    const watcher = anonymous(name).channel(topic, { config: { presence: { key: "watcher" } } })
      .on("presence", { event: "join" }, joins.add)
      .on("presence", { event: "leave" }, leaves.add);
    await joined(watcher);
    const client = anonymous(name);
    const channel = await joined(
      client.channel(topic, { config: { presence: { key: "guest" } } }).on(
        "presence",
        { event: "sync" },
        () => {},
      ),
    );
    expect(await channel.track({ mood: "glad" })).toBe("ok");
    expect(await joins.next()).toMatchObject({ key: "guest", newPresences: [{ mood: "glad" }] });
    expect(await channel.track({ mood: "tired" })).toBe("ok");
    expect(await joins.next()).toMatchObject({ key: "guest", newPresences: [{ mood: "tired" }] });
    expect(watcher.presenceState()).toMatchObject({ guest: [{ mood: "tired" }] });
    expect(watcher.presenceState().guest).toHaveLength(1);
    await leaves.next();
    expect(await channel.untrack()).toBe("ok");
    expect(await leaves.next()).toMatchObject({ key: "guest", leftPresences: [{ mood: "tired" }] });
    expect(watcher.presenceState()).toEqual({});
  });

  it("one key may be there several times", async () => {
    const topic = newTopic();
    const joins = inbox<Heard>();
    const watcher = await joined(
      anonymous(name).channel(topic, { config: { presence: { key: "watcher" } } })
        .on("presence", { event: "join" }, joins.add),
    );
    for (const device of ["phone", "desk"]) {
      const channel = await joined(
        anonymous(name).channel(topic, { config: { presence: { key: "guest" } } })
          .on("presence", { event: "sync" }, () => {}),
      );
      await channel.track({ device });
      await joins.next();
    }
    expect(watcher.presenceState().guest).toMatchObject([{ device: "phone" }, { device: "desk" }]);
  });

  it("whose connection ends is gone", async () => {
    const topic = newTopic();
    const leaves = inbox<Heard>();
    await joined(
      anonymous(name).channel(topic, { config: { presence: { key: "watcher" } } })
        .on("presence", { event: "leave" }, leaves.add),
    );
    const client = anonymous(name);
    const channel = await joined(
      client.channel(topic, { config: { presence: { key: "guest" } } }).on(
        "presence",
        { event: "sync" },
        () => {},
      ),
    );
    await channel.track({ mood: "glad" });
    await client.realtime.disconnect();
    expect(await leaves.next()).toMatchObject({ key: "guest", leftPresences: [{ mood: "glad" }] });
  });
});

describe("over the wire", () => {
  async function enter(topic: string, key?: string, version?: string): Promise<Wire> {
    const wire = await openWire({ version });
    await wire.join(topic, {
      config: { presence: { enabled: true, ...(key === undefined ? {} : { key }) } },
    });
    return wire;
  }

  function call(wire: Wire, topic: string, ref: string, event: string, payload?: unknown) {
    return wire.ask(["join-1", ref, topic, "presence", { type: "presence", event, payload }]);
  }

  it.each(["1.0.0", "2.0.0"])("states and diffs in version %s are Phoenix's", async (version) => {
    const topic = `realtime:${newTopic()}`;
    const guest = await enter(topic, "guest", version);
    expect((await guest.next(([, , , event]) => event === "presence_state"))[4]).toEqual({});
    await call(guest, topic, "5", "track", { n: 1 });
    const [joinRef, ref, , , diff] = await guest.next(([, , , event]) => event === "presence_diff");
    expect([joinRef, ref, diff]).toEqual([null, null, {
      joins: { guest: { metas: [{ n: 1, phx_ref: expect.any(String) }] } },
      leaves: {},
    }]);
    await call(guest, topic, "6", "TRACK", { n: 2 });
    const before = diff.joins.guest.metas[0].phx_ref;
    const [, , , , second] = await guest.next(([, , , event, payload]) =>
      event === "presence_diff" && "guest" in payload.leaves
    );
    expect(second).toEqual({
      joins: { guest: { metas: [{ n: 2, phx_ref: expect.any(String), phx_ref_prev: before }] } },
      leaves: { guest: { metas: [{ n: 1, phx_ref: before }] } },
    });
    const other = await enter(topic, "other", version);
    expect((await other.next(([, , , event]) => event === "presence_state"))[4])
      .toEqual({ guest: { metas: [expect.objectContaining({ n: 2 })] } });
  });

  it("the same again is no change", async () => {
    const topic = `realtime:${newTopic()}`;
    const guest = await enter(topic, "guest");
    await call(guest, topic, "5", "track", { n: 1 });
    expect(await call(guest, topic, "6", "track", { n: 1 })).toEqual({ status: "ok", response: {} });
    expect(guest.received.filter((one) => Array.isArray(one) && one[3] === "presence_diff")).toHaveLength(1);
  });

  it("who gives no key gets one of its own", async () => {
    const topic = `realtime:${newTopic()}`;
    const [one, other] = [await enter(topic), await enter(topic, "")];
    await call(one, topic, "5", "track", {});
    await call(other, topic, "5", "track", {});
    const diffs = other.received.filter((message) =>
      Array.isArray(message) && message[3] === "presence_diff"
    );
    const keys = diffs.flatMap((message) => Object.keys((message as Heard)[4].joins));
    expect(new Set(keys).size).toBe(2);
  });

  it.each(["__proto__", "constructor", "a key with spaces, 世界"])("a key may be %s", async (key) => {
    const topic = `realtime:${newTopic()}`;
    const guest = await enter(topic, key);
    await call(guest, topic, "5", "track", { n: 1 });
    const other = await openWire();
    other.send(["1", "1", topic, "phx_join", { config: { presence: { key: "other" } } }]);
    const [, , , , state] = await other.next(([, , , event]) => event === "presence_state");
    expect(Object.keys(state)).toEqual([key]);
  });

  it("who tracks without having asked for presence is shown who is there", async () => {
    const topic = `realtime:${newTopic()}`;
    const first = await enter(topic, "first");
    await call(first, topic, "5", "track", { n: 1 });
    const late = await openWire();
    await late.join(topic, { config: { presence: { enabled: false, key: "late" } } });
    await late.ask([null, "8", "phoenix", "heartbeat", {}]);
    expect(late.received.filter((one) => Array.isArray(one) && one[3] === "presence_state")).toEqual([]);
    await call(late, topic, "9", "track", { n: 2 });
    const [, , , , state] = await late.next(([, , , event]) => event === "presence_state");
    expect(Object.keys(state).sort()).toEqual(["first", "late"]);
  });

  it.each([
    ["a payload that is no object", "track", "text", {
      status: "error",
      response: { reason: "Presence track payload must be a map" },
    }],
    ["a call that is none", "dance", {}, { status: "error", response: {} }],
    ["a track without a payload", "track", undefined, { status: "ok", response: {} }],
    ["an untrack of nothing", "untrack", undefined, { status: "ok", response: {} }],
  ])("%s is answered as the real server does", async (_, event, payload, reply) => {
    const topic = `realtime:${newTopic()}`;
    expect(await call(await enter(topic, "guest"), topic, "5", event, payload)).toEqual(reply);
  });

  it("who leaves the topic is gone for the others", async () => {
    const topic = `realtime:${newTopic()}`;
    const [guest, watcher] = [await enter(topic, "guest"), await enter(topic, "watcher")];
    await call(guest, topic, "5", "track", { n: 1 });
    await guest.ask(["join-1", "6", topic, "phx_leave", {}]);
    const [, , , , diff] = await watcher.next(([, , , event, payload]) =>
      event === "presence_diff" && "guest" in payload.leaves
    );
    expect(diff.leaves.guest.metas).toMatchObject([{ n: 1 }]);
  });
});

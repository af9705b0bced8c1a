// What a client in Node does with each part of Realtime; prints what it heard as JSON.
// node tests/realtime/support/node_client.mjs <file of supabase-js> <url> <key> <e-mail> <password> <topic>
import { createRequire } from "node:module";
import { WebSocket } from "ws";

const [file, url, key, email, password, topic] = process.argv.slice(2);
const { createClient } = createRequire(import.meta.url)(file);
// Node has a WebSocket of its own from version 22 on.
const realtime = globalThis.WebSocket ? {} : { transport: WebSocket };
const client = createClient(url, key, { auth: { persistSession: false }, realtime });
const { error } = await client.auth.signInWithPassword({ email, password });
if (error) throw error;

const heard = { broadcasts: [], joins: [], systems: [] };
const channel = client.channel(topic, {
  config: { private: true, broadcast: { self: true, ack: true }, presence: { key: "node" } },
})
  .on("broadcast", { event: "*" }, ({ event, payload }) => heard.broadcasts.push({ event, payload }))
  .on("presence", { event: "join" }, ({ key }) => heard.joins.push(key))
  .on("system", "*", ({ message }) => heard.systems.push(message));
const status = await new Promise((resolve) => channel.subscribe((status) => resolve(status)));
const sent = await channel.send({ type: "broadcast", event: "from node", payload: { text: "Grüße" } });
const tracked = await channel.track({ mood: "glad" });
console.log("ready");
const end = Date.now() + 20_000;
while (heard.broadcasts.length < 2 || heard.joins.length < 1) {
  if (Date.now() > end) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const refused = await new Promise((resolve) =>
  client.channel(`${topic}-forbidden`.replace("node-test", "nobody"), { config: { private: true } })
    .subscribe((status) => resolve(status))
);
console.log(JSON.stringify({ status, sent, tracked, refused, ...heard }));
await client.removeAllChannels();
process.exit(0);

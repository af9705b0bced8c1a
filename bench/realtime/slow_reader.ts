import { connect } from "node:net";

import type { Address } from "./clients.ts";

/** Joins a public topic and reads nothing more; `ended` resolves to how long its connection lasted. */
export async function openSlowReader(
  { url, path = "/realtime/v1", publishableKey }: Address,
  topic: string,
): Promise<{ ended: Promise<number> }> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => {});
  const data = () => new Promise((resolve) => socket.once("data", resolve));
  socket.write(
    `GET ${path}/websocket?vsn=2.0.0&apikey=${publishableKey} HTTP/1.1\r\nHost: ${host}\r\n` +
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await data();
  const config = { private: false, presence: { enabled: false } };
  socket.write(masked(JSON.stringify(["1", "1", `realtime:${topic}`, "phx_join", { config }])));
  await data();
  socket.pause();
  const beganMs = performance.now();
  const ended = new Promise<number>((resolve) => {
    // What is not read is seen to end only by writing.
    const timer = setInterval(
      () => socket.write(masked(JSON.stringify([null, "h", "phoenix", "heartbeat", {}]))),
      250,
    );
    socket.once("close", () => {
      clearInterval(timer);
      resolve(performance.now() - beganMs);
    });
  });
  return { ended };
}

/** A client's frame, with a mask of zeros. */
function masked(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const size = bytes.length < 126
    ? [0x80 | bytes.length]
    : [0x80 | 126, bytes.length >> 8, bytes.length & 255];
  return Uint8Array.from([0x81, ...size, 0, 0, 0, 0, ...bytes]);
}

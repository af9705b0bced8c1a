/** A client that speaks the protocol itself: supabase-js would be measured too. */
export interface Client {
  socket: WebSocket;
  joinMs: number;
}

/** Where clients connect. */
export interface Address {
  url: string;
  /** Of Realtime at that address; by default the gateway's. */
  path?: string;
  publishableKey: string;
}

/** Connects, and joins a public topic; each message is given to `onText`. */
export async function openClient(
  { url, path = "/realtime/v1", publishableKey }: Address,
  topic: string,
  onText: (text: string) => void,
): Promise<Client> {
  const socket = new WebSocket(
    `${url.replace(/^http/, "ws")}${path}/websocket?apikey=${publishableKey}&vsn=2.0.0`,
  );
  socket.binaryType = "arraybuffer";
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("Realtime refuses a connection"));
  });
  const beganMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    socket.onclose = () => reject(new Error("Realtime closed a connection"));
    socket.onmessage = ({ data }) => {
      if (!String(data).includes("phx_reply")) return;
      if (String(data).includes('"status":"ok"')) resolve();
      else reject(new Error(`A join is refused: ${data}`));
    };
    const config = { private: false, presence: { enabled: false } };
    socket.send(JSON.stringify(["1", "1", `realtime:${topic}`, "phx_join", { config }]));
  });
  const joinMs = performance.now() - beganMs;
  socket.onmessage = ({ data }) => onText(typeof data === "string" ? data : "");
  return { socket, joinMs };
}

export function heartbeat({ socket }: Client): void {
  socket.send(JSON.stringify([null, "h", "phoenix", "heartbeat", {}]));
}

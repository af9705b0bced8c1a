import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll } from "vitest";

/** A way to a server that breaks when it is told to. */
export interface LossyProxy {
  url: string;
  /** Breaks every connection. */
  cut(): void;
  /** Lets nobody in. */
  isDown: boolean;
  /** Whether a frame that a WebSocket's server sends is lost. */
  isLost(text: string): boolean;
}

/** Opens one to a server of this machine; it is closed after the test file. */
export async function openLossyProxy(target: string): Promise<LossyProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    if (proxy.isDown) return client.destroy();
    const upstream = connect({ host: hostname, port: Number(port) });
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      open.add(one);
      one.on("error", () => one.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    client.pipe(upstream);
    const frames = frameReader((text) => proxy.isLost(text));
    upstream.on("data", (bytes: Uint8Array) => client.write(frames(bytes)));
    upstream.on("end", () => client.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: LossyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => open.forEach((one) => one.destroy()),
    isDown: false,
    isLost: () => false,
  };
  afterAll(() => {
    proxy.cut();
    server.close();
  });
  return proxy;
}

/** Passes on what a server sends; once it has switched to WebSocket, without the frames that are lost. */
function frameReader(isLost: (text: string) => boolean): (bytes: Uint8Array) => Uint8Array {
  const decoder = new TextDecoder();
  let kind: "unknown" | "http" | "frames" = "unknown";
  let rest = new Uint8Array();
  return (bytes) => {
    if (kind === "http") return bytes;
    rest = concat(rest, bytes);
    const kept: Uint8Array[] = [];
    if (kind === "unknown") {
      const head = decoder.decode(rest);
      const end = head.indexOf("\r\n\r\n") + 4;
      if (!head.startsWith("HTTP/1.1 101") || end < 4) {
        if (!head.startsWith("HTTP/1.1 101")) kind = "http";
        else return new Uint8Array();
        return rest;
      }
      kind = "frames";
      kept.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    for (;;) {
      const size = sizeOfFrame(rest);
      if (size === undefined || rest.length < size) break;
      const frame = rest.subarray(0, size);
      if (!isLost(decoder.decode(frame))) kept.push(frame);
      rest = rest.subarray(size);
    }
    return kept.reduce(concat, new Uint8Array());
  };
}

function sizeOfFrame(bytes: Uint8Array): number | undefined {
  if (bytes.length < 2) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes[1]! & 127;
  if (length < 126) return 2 + length;
  if (length === 126) return bytes.length < 4 ? undefined : 4 + view.getUint16(2);
  return bytes.length < 10 ? undefined : 10 + Number(view.getBigUint64(2));
}

function concat(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

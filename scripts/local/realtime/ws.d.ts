// What is used of the library ws; its own types bring those of Node, which are not Deno's.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

export class WebSocket {
  readonly bufferedAmount: number;
  readonly readyState: number;
  close(code: number): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): this;
  on(event: "ping" | "pong" | "close", listener: () => void): this;
  on(event: "error", listener: (error: Error) => void): this;
}

export class WebSocketServer {
  constructor(options: {
    noServer: true;
    maxPayload: number;
    perMessageDeflate: boolean;
    clientTracking: boolean;
    skipUTF8Validation: boolean;
  });
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    callback: (webSocket: WebSocket) => void,
  ): void;
}

import { createServer as createPlainServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { join } from "node:path";

import { projectFolder } from "../../../scripts/local/paths.ts";

/** What one server does to whoever connects to it. */
type Act = (socket: Socket) => void;

export interface Trial {
  name: string;
  act: Act;
  /** Whether the server speaks TLS. */
  isTls?: boolean;
  /** What is asked; `https://pictures.example/a?b=c` where nothing else is said. */
  url?: string;
  /** A request with so many bytes. */
  bodyBytes?: number;
  /** How long is waited; without it long enough. */
  waitMs?: number;
  /** Status and body, or what is thrown: `certificate`, `timeout` or another `failure`. */
  expected: string;
}

/** A trial whose server runs, as a child process can be told of it. */
export interface Asked {
  url: string;
  port: number;
  bodyBytes: number;
  waitMs: number;
}

const PLAIN = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\npicture";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "3\r\npic\r\n4;name=value\r\nture\r\n0\r\nTrailer: x\r\n\r\n";
const PICTURE = "200 picture";

/** Answers once it was asked, in pieces of so many bytes. */
const answer = (text: string, size = Infinity): Act => (socket) =>
  socket.once("data", () => {
    socket.setNoDelay(true);
    for (let at = 0; at < text.length; at += size) socket.write(text.slice(at, at + size));
    socket.end();
  });

/** Writes, and then ends the connection without a word. */
const cut = (text: string): Act => (socket) =>
  socket.once("data", () => socket.write(text, () => setTimeout(() => socket.destroy(), 10)));

const endless = (beginning: string, piece: string): Act => (socket) =>
  socket.once("data", () => {
    socket.write(beginning);
    const more = () => {
      while (socket.writable && socket.write(piece.repeat(1_000)));
    };
    socket.on("drain", more);
    more();
  });

const OVER_HTTP = "http://127.0.0.1/a?b=c";

export const TRIALS: Trial[] = [
  { name: "an answer with a length, over TLS", isTls: true, act: answer(PLAIN), expected: PICTURE },
  { name: "an answer with a length", url: OVER_HTTP, act: answer(PLAIN), expected: PICTURE },
  { name: "an answer in chunks, over TLS", isTls: true, act: answer(CHUNKED), expected: PICTURE },
  { name: "an answer in small pieces", url: OVER_HTTP, act: answer(CHUNKED, 3), expected: PICTURE },
  {
    name: "an answer to its end",
    isTls: true,
    act: answer("HTTP/1.0 200 OK\r\n\r\npicture"),
    expected: PICTURE,
  },
  {
    name: "an answer after hints",
    url: OVER_HTTP,
    act: answer(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${PLAIN}`),
    expected: PICTURE,
  },
  {
    name: "an answer to a large request",
    isTls: true,
    bodyBytes: 300_000,
    act: (socket) => {
      let received = 0;
      socket.on("data", (data) => {
        if ((received += data.length) > 300_000) socket.end(PLAIN);
      });
    },
    expected: PICTURE,
  },
  {
    name: "an answer without a body",
    url: OVER_HTTP,
    act: answer("HTTP/1.1 204 No Content\r\n\r\n"),
    expected: "204 ",
  },
  {
    name: "a redirect, which is not followed",
    isTls: true,
    act: answer("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
    expected: "302 ",
  },
  {
    name: "a certificate of another host",
    isTls: true,
    url: "https://other.example/",
    act: answer(PLAIN),
    expected: "certificate",
  },
  { name: "no TLS where it must be", act: cut("HTTP/1.1 400 Bad Request\r\n\r\n"), expected: "failure" },
  { name: "silence instead of TLS", act: () => {}, waitMs: 300, expected: "timeout" },
  { name: "silence", isTls: true, act: () => {}, waitMs: 500, expected: "timeout" },
  {
    name: "silence within the body",
    isTls: true,
    act: (socket) => socket.once("data", () => socket.write(PLAIN.slice(0, -4))),
    waitMs: 500,
    expected: "timeout",
  },
  {
    name: "a connection that ends at once",
    isTls: true,
    act: (socket) => socket.destroy(),
    expected: "failure",
  },
  { name: "an end within the head", isTls: true, act: cut(PLAIN.slice(0, 20)), expected: "failure" },
  { name: "an end before its length", isTls: true, act: cut(PLAIN.slice(0, -1)), expected: "failure" },
  { name: "an end in a chunk", url: OVER_HTTP, act: cut(CHUNKED.slice(0, -22)), expected: "failure" },
  {
    name: "an end before the last chunk",
    url: OVER_HTTP,
    act: cut(CHUNKED.slice(0, -18)),
    expected: "failure",
  },
  { name: "another protocol", url: OVER_HTTP, act: answer("SSH-2.0-OpenSSH_9.2\r\n"), expected: "failure" },
  {
    name: "a change of the protocol",
    url: OVER_HTTP,
    act: answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
    expected: "failure",
  },
  {
    name: "lines that end in line feeds alone",
    url: OVER_HTTP,
    act: answer(PLAIN.replaceAll("\r", "")),
    expected: "failure",
  },
  {
    name: "a folded header",
    url: OVER_HTTP,
    act: answer(PLAIN.replace("Content-L", "A: b\r\n c\r\nContent-L")),
    expected: "failure",
  },
  {
    name: "a header with a space before its colon",
    url: OVER_HTTP,
    act: answer(PLAIN.replace("Length:", "Length :")),
    expected: "failure",
  },
  {
    name: "two lengths",
    url: OVER_HTTP,
    act: answer(PLAIN.replace("7", "7\r\nContent-Length: 3")),
    expected: "failure",
  },
  { name: "a negative length", url: OVER_HTTP, act: answer(PLAIN.replace("7", "-7")), expected: "failure" },
  {
    name: "a length and chunks",
    url: OVER_HTTP,
    act: answer(CHUNKED.replace("Trans", "Content-Length: 7\r\nTrans")),
    expected: "failure",
  },
  {
    name: "a chunk whose size is no number",
    url: OVER_HTTP,
    act: answer(CHUNKED.replace("3\r\npic", "x\r\npic")),
    expected: "failure",
  },
  {
    name: "a chunk that is longer than it says",
    url: OVER_HTTP,
    act: answer(CHUNKED.replace("3\r\npic", "2\r\npic")),
    expected: "failure",
  },
  {
    name: "an endless head",
    url: OVER_HTTP,
    act: endless("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
    expected: "failure",
  },
  {
    name: "an endless line",
    url: OVER_HTTP,
    act: endless("HTTP/1.1 200 OK\r\nA: ", "x"),
    expected: "failure",
  },
];

/** A file of `pictures.example`: the key of its server, its certificate, and the authority that signed it. */
export function pemOf(name: "key" | "cert" | "ca"): string {
  return Deno.readTextFileSync(
    join(projectFolder, "tests", "unit", "shared", "fixtures", `pictures.example.${name}.pem`),
  );
}

/** Starts a trial's server on this machine. */
export async function startTrial({ act, isTls, url, bodyBytes, waitMs }: Trial) {
  const sockets = new Set<Socket>();
  const greet = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    act(socket);
  };
  const server: Server = isTls
    ? createTlsServer({ key: pemOf("key"), cert: pemOf("cert") }, greet)
    : createPlainServer(greet);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const asked: Asked = {
    url: url ?? "https://pictures.example/a?b=c",
    port: (server.address() as { port: number }).port,
    bodyBytes: bodyBytes ?? 0,
    waitMs: waitMs ?? 20_000,
  };
  return {
    asked,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

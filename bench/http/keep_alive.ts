const HEAD_END = "\r\n\r\n";
const BUFFER_BYTES = 64 * 1024;

/**
 * One connection that sends the same request again and again. As a load generator it costs a quarter of `fetch`, and
 * leaves the rest of the CPU to what is measured. HTTP/1.1 with Content-Length only.
 */
export class KeepAlive {
  readonly #request: Uint8Array<ArrayBuffer>;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #decoder = new TextDecoder();

  private constructor(readonly connection: Deno.TcpConn, request: string) {
    this.#request = new TextEncoder().encode(request);
  }

  static async open(url: string, headers: Record<string, string>, body: string): Promise<KeepAlive> {
    const { hostname, port, pathname, host } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    const length = new TextEncoder().encode(body).length;
    const lines = Object.entries({ ...headers, Host: host, "Content-Length": String(length) })
      .map(([name, value]) => `${name}: ${value}`);
    return new KeepAlive(connection, [`POST ${pathname} HTTP/1.1`, ...lines].join("\r\n") + HEAD_END + body);
  }

  async send(): Promise<{ status: number; text: string }> {
    for (let sent = 0; sent < this.#request.length;) {
      sent += await this.connection.write(this.#request.subarray(sent));
    }
    let length = 0;
    for (;;) {
      const read = await this.connection.read(this.#buffer.subarray(length));
      if (read === null) throw new Error("The connection was closed in the middle of an answer");
      length += read;
      const answer = this.#decoder.decode(this.#buffer.subarray(0, length));
      const headEnd = answer.indexOf(HEAD_END);
      if (headEnd < 0) continue;
      const bodyLength = Number(/\r\ncontent-length: (\d+)/i.exec(answer.slice(0, headEnd))?.[1]);
      if (Number.isNaN(bodyLength)) throw new Error("Expected an answer with Content-Length");
      // The responses are ASCII: as many characters as bytes.
      const text = answer.slice(headEnd + HEAD_END.length);
      if (text.length >= bodyLength) return { status: Number(answer.slice(9, 12)), text };
    }
  }

  close(): void {
    this.connection.close();
  }
}

import { unlessAborted } from "../platform/aborting.ts";
import { type Connection, exchange, type HttpReply, type HttpRequest } from "./http_connection.ts";

export interface PinnedRequest extends Omit<HttpRequest, "target"> {
  /** Replaces the URL's port. */
  port?: number;
  /** Further certificate authorities to trust, in PEM. */
  ca?: string;
}

export interface PinnedReply extends HttpReply {
  /** Closes the connection, however much of the response was read. */
  close(): void;
}

/**
 * Sends a request to a URL's host at one of its addresses: the name is not resolved again, and with https the
 * certificate must be the host's. Redirects are not followed. Throws what the connection throws, HttpError, and the
 * signal's reason.
 *
 * Uses `Deno.connect` and `Deno.startTls`, which every runtime has: `node:https` of the hosted runtime checks the
 * certificate against the address instead of the host, and `fetch` takes no address.
 */
export async function requestAt(
  url: URL,
  address: string,
  request: PinnedRequest,
  signal: AbortSignal,
): Promise<PinnedReply> {
  const isTls = url.protocol === "https:";
  const port = request.port ?? (Number(url.port) || (isTls ? 443 : 80));
  const opening = Deno.connect({ hostname: address, port });
  const plain = await unlessAborted(opening, signal).catch((error) => {
    // A connection that opens after the end is closed.
    opening.then((late) => late.close(), () => {});
    throw error;
  });
  let connection: Connection = plain;
  const close = () => {
    signal.removeEventListener("abort", close);
    try {
      connection.close();
    } catch {
      // It is closed already.
    }
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    if (isTls) {
      const tls = await Deno.startTls(plain, {
        hostname: url.hostname.replace(/^\[|\]$/g, ""),
        caCerts: request.ca === undefined ? [] : [request.ca],
      });
      connection = tls;
      signal.throwIfAborted();
      await tls.handshake();
    }
    const target = url.pathname + url.search;
    const { status, headers, body } = await exchange(connection, { ...request, target });
    return { status, headers, body: untilAborted(body, signal), close };
  } catch (error) {
    close();
    throw signal.aborted ? signal.reason : error;
  }
}

/** Runs work, and throws the signal's reason if the signal has closed the connection. */
async function* untilAborted(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

import { type AddressesOf, publicAddressOf, systemAddressesOf } from "../_shared/http/addresses.ts";
import { type PinnedRequest, requestAt } from "../_shared/http/pinned_request.ts";
import { publicHttpsUrl } from "../_shared/http/public_url.ts";
import { retryAfterMs } from "../_shared/http/retry_after.ts";
import type { Message } from "./message.ts";

/** Why nothing was sent. The message is for operators, and shows only the host of an address. */
export class UnusableReceiver extends Error {
  override readonly name = "UnusableReceiver";
}

export interface Reply {
  status: number;
  /** The receiver's Retry-After in seconds. */
  retryAfterS?: number;
}

/** The outside world, which tests replace. */
export interface Network {
  addressesOf: AddressesOf;
  /** Connects to exactly this address, which must prove (TLS) that it is the URL's host. */
  post(url: URL, address: string, message: Message, signal: AbortSignal): Promise<Reply>;
}

export interface Reaching {
  signal: AbortSignal;
  /** For receivers on the developer's own machine. */
  mayBeLoopback: boolean;
  network?: Network;
}

/** Checks a receiver. Returns its URL and a checked IP address. Throws UnusableReceiver. */
export async function findReceiver(
  text: string,
  { signal, mayBeLoopback, network = NETWORK }: Reaching,
): Promise<{ url: URL; address: string }> {
  if (mayBeLoopback) {
    const url = loopbackUrl(text);
    if (url) return { url, address: url.hostname.replace(/^\[|\]$/g, "").replace("localhost", "127.0.0.1") };
  }
  const url = publicHttpsUrl(text);
  if (url === undefined) {
    throw new UnusableReceiver("The URL must be https, with a host name and the default port");
  }
  const address = await publicAddressOf(url.hostname, signal, network.addressesOf).catch((cause) => {
    if (signal.aborted) throw cause;
    throw new UnusableReceiver(`${url.hostname} has no address`, { cause });
  });
  if (address === undefined) throw new UnusableReceiver(`${url.hostname} is not on the public internet`);
  return { url, address };
}

/**
 * Sends a message to a receiver. Its host is resolved and checked each time, and the connection goes to a checked
 * address, so that a second DNS answer cannot change the target. Redirects are not followed, as they could lead into
 * our network.
 */
export async function send(address: string, message: Message, reaching: Reaching): Promise<Reply> {
  const receiver = await findReceiver(address, reaching);
  return await (reaching.network ?? NETWORK).post(receiver.url, receiver.address, message, reaching.signal);
}

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

function loopbackUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && /^https?:$/.test(url.protocol) && LOOPBACK.has(url.hostname) ? url : undefined;
}

/**
 * Posts to a host at one of its addresses, so that the name is not resolved again. The response's body is not read.
 */
export async function post(
  url: URL,
  address: string,
  message: Message,
  signal: AbortSignal,
  options: Pick<PinnedRequest, "port" | "ca"> = {},
): Promise<Reply> {
  const headers = { ...message.headers, "Host": url.host };
  const body = new TextEncoder().encode(message.body);
  const reply = await requestAt(url, address, { method: "POST", headers, body, ...options }, signal);
  reply.close();
  return { status: reply.status, retryAfterS: retryAfterSOf(reply.headers.get("retry-after")) };
}

const MAX_RETRY_AFTER_S = 86_400;

/** A receiver's Retry-After in whole seconds, at most a day. */
function retryAfterSOf(header: string | null): number | undefined {
  const waitMs = retryAfterMs(header);
  return waitMs === undefined ? undefined : Math.ceil(Math.min(waitMs / 1000, MAX_RETRY_AFTER_S));
}

const NETWORK: Network = {
  addressesOf: systemAddressesOf,
  post,
};

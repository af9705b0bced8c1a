import { type AddressesOf, publicAddressOf, systemAddressesOf } from "./addresses.ts";
import { readWhole, type Take } from "../platform/bytes.ts";
import { type PinnedRequest, requestAt } from "./pinned_request.ts";
import { publicHttpsUrl } from "./public_url.ts";

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Why a download failed. The message is only for the log: it may reveal what is inside a network. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
}

export interface Reply {
  status: number;
  location?: string;
  body: AsyncIterable<Uint8Array>;
  close(): void;
}

/** The outside world, which tests replace. */
export interface Internet {
  addressesOf: AddressesOf;
  /** Connects to exactly this address, which must prove (TLS) that it is the URL's host. */
  get(url: URL, address: string, signal: AbortSignal): Promise<Reply>;
}

/**
 * Fetches a caller's URL, but never from inside our network (SSRF). The host is resolved first, and all of its
 * addresses must be public. The connection then goes to a checked address, so that a second DNS answer cannot change
 * the target, and TLS proves the host. Each redirect is followed by hand and checked in the same way.
 * https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export async function download(
  address: string,
  { take, signal, internet = INTERNET }: { take: Take; signal: AbortSignal; internet?: Internet },
): Promise<Uint8Array<ArrayBuffer>> {
  let url = publicHttpsUrl(address);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    if (url === undefined) throw new DownloadError("Led to a URL that is not public https");
    const reply = await internet.get(url, await addressOf(url.hostname, signal, internet), signal);
    try {
      if (REDIRECTS.has(reply.status) && reply.location !== undefined) {
        url = publicHttpsUrl(reply.location, url);
      } else if (reply.status === 200) {
        return await readWhole(reply.body, take);
      } else {
        throw new DownloadError(`Answered with status ${reply.status}`);
      }
    } finally {
      reply.close();
    }
  }
  throw new DownloadError(`Redirected more than ${MAX_REDIRECTS} times`);
}

async function addressOf(host: string, signal: AbortSignal, { addressesOf }: Internet): Promise<string> {
  const address = await publicAddressOf(host, signal, addressesOf);
  if (address === undefined) throw new DownloadError(`${host} is not on the public internet`);
  return address;
}

/** Sends a request to a host at one of its addresses, so that the name is not resolved again. */
export async function get(
  url: URL,
  address: string,
  signal: AbortSignal,
  options: Pick<PinnedRequest, "port" | "ca"> = {},
): Promise<Reply> {
  const headers = {
    "Host": url.hostname,
    "Accept": "image/jpeg, image/png, image/webp",
    "Accept-Encoding": "identity",
    "User-Agent": "tessera",
  };
  const reply = await requestAt(url, address, { method: "GET", headers, ...options }, signal);
  return { ...reply, location: reply.headers.get("location") ?? undefined };
}

const INTERNET: Internet = {
  addressesOf: systemAddressesOf,
  get,
};

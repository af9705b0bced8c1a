import { AsyncLocalStorage } from "node:async_hooks";

import { endingWith } from "../platform/aborting.ts";
import { addressOf, keyHeaders } from "./provider_address.ts";
import { isTraced, withTraceContext } from "../platform/tracing.ts";

/** The provider's addresses, and how requests are sent. */
export interface Connection {
  /** The URL of a route. */
  addressOf(path: `/${string}`): string;
  headers: Record<string, string>;
  /** The signal ends the whole request. */
  fetch: typeof globalThis.fetch;
  /**
   * The signal surely ends it only before the body: for callers that watch the signal themselves and need no second
   * stream.
   */
  fetchHead: typeof globalThis.fetch;
}

/** How far one try got, which the SDK's errors do not say. */
export interface Progress {
  isSent: boolean;
  isUnreachable: boolean;
  /** The provider started a good answer, so it may charge for it. */
  isCharged: boolean;
}

/** Finds the try to which a request of the SDK belongs. */
const progressOfTry = new AsyncLocalStorage<Progress>();

/** Runs one try; its requests note in `progress` how far they get. */
export function runTry<Returned>(progress: Progress, work: () => Returned): Returned {
  return progressOfTry.run(progress, work);
}

/** The connection to a provider; each request notes its progress in its try. */
export function connectTo({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }): Connection {
  const addresses = new Map<string, string>();
  return {
    addressOf(path) {
      let address = addresses.get(path);
      if (address === undefined) addresses.set(path, address = addressOf(baseUrl, path));
      return address;
    },
    headers: keyHeaders(baseUrl, apiKey),
    fetch: fetchToTheEnd,
    fetchHead: fetchWithProgress,
  };
}

/** For the SDK, which reads the body itself. */
async function fetchToTheEnd(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetchWithProgress(input, init);
  return init?.signal ? endingWith(response, init.signal) : response;
}

async function fetchWithProgress(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const progress = progressOfTry.getStore()!;
  progress.isSent = true;
  try {
    const headers = isTraced() ? { headers: withTraceContext(new Headers(init?.headers)) } : undefined;
    const response = await fetch(input, { ...init, ...headers });
    progress.isCharged ||= response.ok;
    return response;
  } catch (error) {
    progress.isUnreachable = true;
    throw error;
  }
}

import { AsyncLocalStorage } from "node:async_hooks";

import { endingWith } from "../platform/aborting.ts";
import { addressOf, keyHeaders } from "./provider_address.ts";
import { isTraced, withTraceContext } from "../platform/tracing.ts";

/** Where the provider is, and how it is reached. */
export interface Connection {
  /** The address of a route. */
  addressOf(path: `/${string}`): string;
  headers: Record<string, string>;
  /** Its signal ends the whole request. */
  fetch: typeof globalThis.fetch;
  /** Its signal is sure to end it only before the body: for who watches the signal and wants no second stream. */
  fetchHead: typeof globalThis.fetch;
}

/** How far one try came, which the SDK's errors do not say. */
export interface Progress {
  isSent: boolean;
  isUnreachable: boolean;
  /** The provider began a good answer, so it may charge for it. */
  isCharged: boolean;
}

/** Leads from a request that the SDK makes to the try that it belongs to. */
const progressOfTry = new AsyncLocalStorage<Progress>();

/** Runs one try, whose requests note in `progress` how far they come. */
export function runTry<Returned>(progress: Progress, work: () => Returned): Returned {
  return progressOfTry.run(progress, work);
}

/** The way to a provider; what goes over it notes its progress in the try that it is a part of. */
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

/** For whoever reads the body by itself: the SDK. */
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

/** Where a provider is and how its key is sent: what Azure does otherwise than everybody else, and nothing more. */

const AZURE_HOST = /(?:^|\.)(?:openai|cognitiveservices|services\.ai)\.azure\.com$/;

/** The address of one of a provider's routes; a query of the base address (`?api-version=…`) stays at the end. */
export function addressOf(baseUrl: string, path: `/${string}`): string {
  const url = new URL(baseUrl);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return url.href;
}

/** Whether the address is Azure's, by its host or by the version that only Azure wants. */
export function isAzure(baseUrl: string): boolean {
  const { hostname, searchParams } = new URL(baseUrl);
  return AZURE_HOST.test(hostname) || searchParams.has("api-version");
}

/** The headers that carry the key: Azure's own keys are not taken as bearer tokens everywhere. */
export function keyHeaders(baseUrl: string, apiKey: string): Record<string, string> {
  return isAzure(baseUrl) ? { "api-key": apiKey } : { Authorization: `Bearer ${apiKey}` };
}

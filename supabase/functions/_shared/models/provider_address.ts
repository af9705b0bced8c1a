/** A provider's URLs and how its key is sent: only Azure differs from the others. */

const AZURE_HOST = /(?:^|\.)(?:openai|cognitiveservices|services\.ai)\.azure\.com$/;

/** The URL of a provider's route; a query of the base URL (`?api-version=…`) stays at the end. */
export function addressOf(baseUrl: string, path: `/${string}`): string {
  const url = new URL(baseUrl);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return url.href;
}

/** Whether the URL is Azure's, by its host or by the version that only Azure requires. */
export function isAzure(baseUrl: string): boolean {
  const { hostname, searchParams } = new URL(baseUrl);
  return AZURE_HOST.test(hostname) || searchParams.has("api-version");
}

/** The headers with the key: Azure does not accept its own keys as bearer tokens everywhere. */
export function keyHeaders(baseUrl: string, apiKey: string): Record<string, string> {
  return isAzure(baseUrl) ? { "api-key": apiKey } : { Authorization: `Bearer ${apiKey}` };
}

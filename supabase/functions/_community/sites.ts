import { z } from "zod";

/** Sites as a setting: origins, separated by commas, by https; by http only on the same machine. */
export const SitesText = z.string().transform((text, context): string[] => {
  const sites = text.split(",").map((site) => site.trim()).filter((site) => site !== "");
  if (sites.length > 0 && sites.every(isSite)) return sites;
  context.addIssue({
    code: "custom",
    message: "Expected origins like https://app.example.com, separated by commas",
  });
  return z.NEVER;
});

function isSite(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  return origin === text && (protocol === "https:" || protocol === "http:" && isLoopback(hostname));
}

function isLoopback(hostname: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

/**
 * The address to which a link leads: `next` if it is on a listed site, a path being on the first; else the first site's
 * start page.
 */
export function addressOn(sites: string[], next = "/"): URL {
  const home = new URL(sites[0]!);
  if (!URL.canParse(next, home)) return home;
  const address = new URL(next, home);
  // The origin of a blob's address is that of the page that made it.
  const isPage = ["https:", "http:"].includes(address.protocol);
  const isListed = isPage && sites.includes(address.origin) && address.username === "" &&
    address.password === "";
  return isListed ? address : home;
}

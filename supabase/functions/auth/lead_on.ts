import { z } from "zod";

import { communitySettings } from "../_community/settings.ts";
import { addressOn } from "../_community/sites.ts";
import { misconfigured } from "../_shared/platform/env.ts";

/** People share a network, and each opens a link or two. */
export const LINK_LIMIT = { quota: 120, window_s: 60 };

export const Next = z.string().max(1_000).optional().describe(
  "Where to go then: a path on the first site of `AUTH_SITES`, or an address on a listed one; others lead to the first site's start page",
).meta({ examples: ["/welcome"] });

/** Leads the browser to a listed site, with what it needs there in the address and in no referrer. */
export function leadOn(next: string | undefined, carried: Record<string, string | undefined>): Response {
  const sites = communitySettings().AUTH_SITES;
  if (sites === undefined) throw misconfigured("AUTH_SITES is not set");
  const address = addressOn(sites, next);
  for (const [name, value] of Object.entries(carried)) {
    if (value !== undefined) address.searchParams.set(name, value);
  }
  return new Response(null, {
    status: 303,
    headers: { Location: address.href, "Referrer-Policy": "no-referrer" },
  });
}

import { defineSettings } from "../_shared/platform/env.ts";
import { SitesText } from "./sites.ts";

/** Settings of the community. */
export const communitySettings = defineSettings("Community", {
  AUTH_SITES: SitesText.optional().describe(
    "The sites to which sign-in providers and e-mails may lead back, as origins: https://app.example.com, …; the first is the default",
  ),
});

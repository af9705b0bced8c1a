import { expect, it } from "vitest";

import { wideNetworkOf } from "../../../supabase/functions/_otp/networks.ts";
import { networkOf } from "../../../supabase/functions/_shared/http/networks.ts";

it.each([
  ["2001:db8:1:2:3::4", "2001:db8:1::/48"],
  ["2001:db8:1:ffff::1", "2001:db8:1::/48"],
  ["2001:db8:2::1", "2001:db8:2::/48"],
  ["203.0.113.7", null],
  ["::ffff:203.0.113.7", null],
  ["no address", null],
])("%s is in the wider network %s", async (address, wide) => {
  expect(await wideNetworkOf(await networkOf(new Headers({ "X-Forwarded-For": address }), 1))).toBe(wide);
});

import { describe, expect, it } from "vitest";

import { networkIn } from "../../supabase/functions/_shared/caller_networks.ts";

describe("the network of a caller", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.7:4711", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:0db8:0001:0002::9", "2001:db8:1:2"],
    ["2001:DB8::1", "2001:db8:0:0"],
    ["[2001:db8::1]:4711", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["2001:db8:1:2:3::", "2001:db8:1:2"],
  ])("of %s is %s", (hop, network) => {
    expect(networkIn(hop, 1)).toBe(network);
  });

  it("is what the last proxy that is ours heard from, whatever the client wrote before", () => {
    expect(networkIn("198.51.100.1, 203.0.113.7", 1)).toBe("203.0.113.7");
    expect(networkIn("198.51.100.1, 203.0.113.7, 10.0.0.1", 2)).toBe("203.0.113.7");
    expect(networkIn("203.0.113.7", 2)).toBeUndefined();
  });

  it.each(["", "unknown", "_hidden", "db", "1.2.3", ":", "2001:db8", "2001:db8::1::2", "2001:db8::zz"])(
    "of %j is not known",
    (hop) => expect(networkIn(hop, 1)).toBeUndefined(),
  );
});

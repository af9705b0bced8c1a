import { describe, expect, it } from "vitest";

import { networkOf } from "../../../supabase/functions/_shared/http/networks.ts";

const of = (forwarded: string | undefined, trusted: number) =>
  networkOf(new Headers(forwarded === undefined ? {} : { "X-Forwarded-For": forwarded }), trusted);

describe("abuse case 17, a caller's network", () => {
  it("is what the last trusted proxy heard from, whatever the caller wrote before", async () => {
    expect(await of("203.0.113.7", 1)).toBe("203.0.113.7");
    expect(await of("1.2.3.4, 8.8.8.8, 203.0.113.7", 1)).toBe("203.0.113.7");
    expect(await of("1.2.3.4, 203.0.113.7, 10.0.0.1", 2)).toBe("203.0.113.7");
  });

  it("is not believed where no proxy is trusted, or fewer wrote than there are", async () => {
    expect(await of("203.0.113.7", 0)).toBe("unknown");
    expect(await of("203.0.113.7", 2)).toBe("unknown");
    expect(await of(undefined, 1)).toBe("unknown");
  });

  it("of IPv6 is the /64, which one customer has whole", async () => {
    expect(await of("2001:db8:1:2:3:4:5:6", 1)).toBe("2001:db8:1:2::/64");
    expect(await of("2001:DB8:1:2:ffff::9", 1)).toBe("2001:db8:1:2::/64");
    expect(await of("2001:db8:1:3::1", 1)).toBe("2001:db8:1:3::/64");
  });

  it("is one for an IPv4 address in whatever form", async () => {
    for (
      const form of [
        "203.0.113.7",
        "::ffff:203.0.113.7",
        "::ffff:cb00:7107",
        "203.0.113.7:4711",
        "[::ffff:203.0.113.7]:80",
      ]
    ) {
      expect(await of(form, 1)).toBe("203.0.113.7");
    }
  });

  it("is warned of once where the trusted hop is no public address, though others stand before it", async () => {
    const lines: string[] = [];
    const print = console.error;
    console.error = (line) => lines.push(line);
    try {
      await of("10.0.0.1", 1);
      expect(lines).toEqual([]);
      await of("203.0.113.7, 10.0.0.1", 1);
      await of("203.0.113.7, 10.0.0.1", 1);
    } finally {
      console.error = print;
    }
    expect(lines).toEqual([expect.stringContaining("OTP_TRUSTED_PROXIES is too small")]);
  });

  it("is unknown for what is no address, so that a new word is no new network", async () => {
    for (const word of ["", "unknown", "localhost", "203.0.113", "203.0.113.7.8", "<script>", "[::1"]) {
      expect(await of(word, 1)).toBe("unknown");
    }
  });
});

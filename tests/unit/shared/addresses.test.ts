import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isPublicAddress } from "../../../supabase/functions/_shared/http/addresses.ts";
import { publicHttpsUrl } from "../../../supabase/functions/_shared/http/public_url.ts";

describe("publicHttpsUrl", () => {
  it.each([
    "https://example.com",
    "https://example.com/a/b.jpg?size=2#part",
    "HTTPS://Example.COM:443/x",
    "https://a-b.c_d.example.co.uk/",
    "https://bücher.example/",
    "https://project.supabase.co/storage/v1/object/sign/x?token=y",
  ])("takes %s", (url) => expect(publicHttpsUrl(url)?.protocol).toBe("https:"));

  it.each([
    ...["", "example.com", "//example.com", "http://example.com", "ftp://example.com", "wss://example.com"],
    ...["file:///etc/passwd", "data:image/png;base64,iVBORw0KGgo=", "blob:https://example.com/x", "npm:x"],
    ...["https://example.com:8443/", "https://example.com:80/", "https://user@example.com/"],
    ...[
      "https://user:secret@example.com/",
      "https://localhost/",
      "https://intranet/",
      "https://example.com./",
    ],
    ...[
      "https://127.0.0.1/",
      "https://127.1/",
      "https://2130706433/",
      "https://0x7f.0.0.1/",
      "https://0177.0.0.1/",
    ],
    ...["https://8.8.8.8/", "https://[::1]/", "https://[::ffff:7f00:1]/", "https://①②⑦.⓪.⓪.①/", "https://-/"],
    "https://example.com/".padEnd(2_001, "x"),
  ])("refuses %s", (url) => expect(publicHttpsUrl(url)).toBeUndefined());

  it("resolves a redirect against where it comes from, and judges where it leads", () => {
    const base = new URL("https://example.com/a/b");
    expect(publicHttpsUrl("../c", base)?.href).toBe("https://example.com/c");
    expect(publicHttpsUrl("//other.example/c", base)?.href).toBe("https://other.example/c");
    expect(publicHttpsUrl("//127.0.0.1/c", base)).toBeUndefined();
    expect(publicHttpsUrl("http://example.com/c", base)).toBeUndefined();
  });
});

describe("isPublicAddress", () => {
  it.each(["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:800::200e"])(
    "takes %s",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ...["0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"],
    ...["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1"],
    ...["192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"],
    ...["239.255.255.255", "240.0.0.1", "255.255.255.255"],
    ...[
      "::",
      "::1",
      "::7f00:1",
      "::ffff:127.0.0.1",
      "::ffff:a9fe:a9fe",
      "fe80::1",
      "fe80::1%eth0",
      "fec0::1",
    ],
    ...["fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"],
    ...[
      "2002:7f00:1::",
      "2001::1",
      "2001:db8::1",
      "2001:10::1",
      "2001:20::1",
      "3fff::1",
      "5f00::1",
      "100::1",
    ],
    ...["4000::1", "", "localhost", "example.com", "8.8.8.8:443", "8.8.8.8 ", "[2606:4700::1]", "x"],
  ])("refuses %s", (address) => expect(isPublicAddress(address)).toBe(false));

  it("says of an IPv4 address mapped into IPv6 what it says of the address", () => {
    fc.assert(fc.property(fc.ipV4(), (address) => {
      expect(isPublicAddress(`::ffff:${address}`)).toBe(isPublicAddress(address));
    }));
  });
});

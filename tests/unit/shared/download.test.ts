import { Buffer } from "node:buffer";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../../scripts/local/paths.ts";
import { readWhole } from "../../../supabase/functions/_shared/platform/bytes.ts";
import {
  download,
  get,
  type Internet,
  type Reply,
} from "../../../supabase/functions/_shared/http/download.ts";

const PUBLIC = "93.184.216.34";
const signal = AbortSignal.timeout(20_000);
const take = () => {};

function reply(
  { status = 200, location, text = "picture" }: { status?: number; location?: string; text?: string },
) {
  return {
    status,
    location,
    body: (async function* () {
      yield Buffer.from(text);
    })(),
    close: () => {},
  } satisfies Reply;
}

/** An internet of a few pages and names, which notes where it was asked. */
function internetOf(
  pages: Record<string, Parameters<typeof reply>[0]>,
  names: Record<string, string[]> = {},
) {
  const visits: string[] = [];
  const internet: Internet = {
    addressesOf: (host) => Promise.resolve(names[host] ?? [PUBLIC]),
    get(url, address) {
      visits.push(`${url.href} at ${address}`);
      return Promise.resolve(reply(pages[url.href] ?? { status: 404 }));
    },
  };
  return { internet, visits };
}

const downloaded = async (address: string, internet: Internet) =>
  Buffer.from(await download(address, { take, signal, internet })).toString();

describe("download", () => {
  it("gives the bytes, from the address that was checked", async () => {
    const { internet, visits } = internetOf({ "https://a.example/x": {} });
    expect(await downloaded("https://a.example/x", internet)).toBe("picture");
    expect(visits).toEqual([`https://a.example/x at ${PUBLIC}`]);
  });

  it("prefers IPv4 where a host has both, and takes IPv6 where it has no other", async () => {
    const both = internetOf({ "https://a.example/": {} }, { "a.example": ["2606:4700::1111", PUBLIC] });
    await downloaded("https://a.example/", both.internet);
    const one = internetOf({ "https://a.example/": {} }, { "a.example": ["2606:4700::1111"] });
    await downloaded("https://a.example/", one.internet);
    expect([both.visits, one.visits].flat()).toEqual([
      `https://a.example/ at ${PUBLIC}`,
      "https://a.example/ at 2606:4700::1111",
    ]);
  });

  it.each([
    ["no address", []],
    ["a private address", ["10.0.0.1"]],
    ["a loopback address", ["::1"]],
    ["the address of a cloud's metadata", ["169.254.169.254"]],
    ["a private address beside a public one", [PUBLIC, "192.168.0.1"]],
    ["an IPv6 address that is a private one", [PUBLIC, "64:ff9b::a00:1"]],
  ])("connects to nothing when the name has %s", async (_what, addresses) => {
    const { internet, visits } = internetOf({ "https://a.example/": {} }, { "a.example": addresses });
    await expect(downloaded("https://a.example/", internet)).rejects.toThrow(/not on the public internet/);
    expect(visits).toEqual([]);
  });

  it("follows redirects, relative ones too, up to three of them", async () => {
    const chain = (length: number) =>
      internetOf({
        ...Object.fromEntries(
          Array.from({ length }, (_, index) => [`https://a.example/${index}`, {
            status: [301, 302, 303, 307, 308][index % 5],
            location: `${index + 1}`,
          }]),
        ),
        [`https://a.example/${length}`]: {},
      });
    const three = chain(3);
    expect(await downloaded("https://a.example/0", three.internet)).toBe("picture");
    expect(three.visits).toHaveLength(4);
    const four = chain(4);
    await expect(downloaded("https://a.example/0", four.internet)).rejects.toThrow(/more than 3/);
    expect(four.visits).toHaveLength(4);
  });

  it.each([
    "http://b.example/",
    "https://b.example:8443/",
    "https://127.0.0.1/",
    "//[::1]/",
    "https://inside.example/",
    "file:///etc/passwd",
    "data:image/png;base64,iVBORw0KGgo=",
    "https://user:secret@b.example/",
  ])("does not follow a redirect to %s", async (location) => {
    const { internet, visits } = internetOf(
      { "https://a.example/": { status: 302, location } },
      { "inside.example": ["10.0.0.1"] },
    );
    await expect(downloaded("https://a.example/", internet)).rejects.toThrow();
    expect(visits).toEqual([`https://a.example/ at ${PUBLIC}`]);
  });

  it("resolves and checks a host again when a redirect leads back to it", async () => {
    const answers = [[PUBLIC], ["127.0.0.1"]];
    const { internet, visits } = internetOf({ "https://a.example/": { status: 302, location: "/x" } });
    internet.addressesOf = () => Promise.resolve(answers.shift()!);
    await expect(downloaded("https://a.example/", internet)).rejects.toThrow(/not on the public internet/);
    expect(visits).toHaveLength(1);
  });

  it.each([204, 206, 304, 401, 404, 500, 302])(
    "takes nothing from an answer with status %d",
    async (status) => {
      const { internet } = internetOf({ "https://a.example/": { status } });
      await expect(downloaded("https://a.example/", internet)).rejects.toThrow(`status ${status}`);
    },
  );

  it("closes each answer, those that it does not read as well", async () => {
    let open = 0;
    const { internet } = internetOf({
      "https://a.example/": { status: 302, location: "/x" },
      "https://a.example/x": { status: 500 },
    });
    const { get } = internet;
    internet.get = async (...args) => {
      open += 1;
      return { ...await get(...args), close: () => open -= 1 };
    };
    await expect(downloaded("https://a.example/", internet)).rejects.toThrow();
    expect(open).toBe(0);
  });

  it("stops reading when there is no room for more", async () => {
    let sent = 0;
    const endless = (async function* () {
      for (;;) {
        sent += 1_000;
        yield new Uint8Array(1_000);
      }
    })();
    let room = 5_000;
    const limited = (byteCount: number) => {
      if ((room -= byteCount) < 0) throw new Error("full");
    };
    await expect(readWhole(endless, limited)).rejects.toThrow("full");
    expect(sent).toBe(6_000);
  });

  it("does not wait for a name that is never resolved", async () => {
    const { internet } = internetOf({});
    internet.addressesOf = () => new Promise(() => {});
    const short = AbortSignal.timeout(20);
    const failure = await download("https://a.example/", { take, signal: short, internet })
      .catch((error) => error);
    expect(failure).toBeInstanceOf(DOMException);
    expect(failure).toBe(short.reason);
  });
});

describe("get", () => {
  const read = (name: string) =>
    Deno.readTextFileSync(
      join(projectFolder, "tests", "unit", "shared", "fixtures", `pictures.example.${name}.pem`),
    );
  // A key of this test alone: it signs for a name that nobody can have.
  const [key, cert, ca] = [read("key"), read("cert"), read("ca")];
  const visits: { host?: string; path?: string; agent?: string }[] = [];
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer({ key, cert }, (incoming, outgoing) => {
      visits.push({ host: incoming.headers.host, path: incoming.url });
      if (incoming.url === "/silent") return;
      outgoing.write("pic");
      if (incoming.url !== "/half") outgoing.end("ture");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it("connects to the address that it is given, whatever the name resolves to, and asks for the name", async () => {
    const { status, body } = await get(new URL("https://pictures.example/a?b=c#d"), "127.0.0.1", signal, {
      port,
      ca,
    });
    expect({ status, text: Buffer.from(await readWhole(body, take)).toString() })
      .toEqual({ status: 200, text: "picture" });
    expect(visits.at(-1)).toEqual({ host: "pictures.example", path: "/a?b=c" });
  });

  it("asks nothing of a server that cannot prove to be the host", async () => {
    const before = visits.length;
    const one = get(new URL("https://other.example/"), "127.0.0.1", signal, { port, ca });
    await expect(one).rejects.toThrow(/certificate/);
    const other = get(new URL("https://pictures.example/"), "127.0.0.1", signal, { port });
    await expect(other).rejects.toThrow(/certificate/);
    expect(visits.length).toBe(before);
  });

  it("ends with its signal, before an answer and in the middle of one", async () => {
    const silent = get(new URL("https://pictures.example/silent"), "127.0.0.1", AbortSignal.timeout(300), {
      port,
      ca,
    });
    await expect(silent).rejects.toThrow();
    const { body } = await get(
      new URL("https://pictures.example/half"),
      "127.0.0.1",
      AbortSignal.timeout(500),
      { port, ca },
    );
    await expect(readWhole(body, take)).rejects.toThrow();
  });
});

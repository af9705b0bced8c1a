import { Buffer } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import {
  newSecret,
  openEndpoint,
  resealed,
  sealEndpoint,
} from "../../supabase/functions/_alerts/endpoints.ts";
import { type Message, signedMessage } from "../../supabase/functions/_alerts/message.ts";
import {
  findReceiver,
  type Network,
  post,
  type Reply,
  send,
  UnusableReceiver,
} from "../../supabase/functions/_alerts/receiver.ts";
import { ALERT_TYPES, ALERTS, type AlertType } from "../support/alert_data.ts";
import { EnvelopeError } from "../../supabase/functions/_shared/security/envelope.ts";
import { KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";

const PUBLIC = "93.184.216.34";
const signal = AbortSignal.timeout(20_000);
const MESSAGE: Message = { headers: { "Content-Type": "application/json" }, body: '{"a":"ü"}' };

describe("a signed message", () => {
  const alert = {
    webhookId: "msg_1",
    type: "anomaly",
    createdAt: new Date("2026-01-02T03:04:05Z"),
    data: { a: "ü" },
  };

  it("is what Standard Webhooks says: an HMAC-SHA256 over id, time and body", () => {
    const secret = newSecret();
    const at = new Date("2026-01-02T03:05:06.789Z");
    const { headers, body } = signedMessage(alert, [secret], at);
    expect(body).toBe('{"type":"anomaly","timestamp":"2026-01-02T03:04:05.000Z","data":{"a":"ü"}}');
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    expect(key).toHaveLength(32);
    const signature = createHmac("sha256", key).update(`msg_1.${at.getTime() / 1000 | 0}.${body}`).digest(
      "base64",
    );
    expect(headers).toMatchObject({
      "Webhook-Id": "msg_1",
      "Webhook-Timestamp": "1767323106",
      "Webhook-Signature": `v1,${signature}`,
    });
  });

  it("is taken with each of its secrets, and not with another, another body or an old time", () => {
    const secrets = [newSecret(), newSecret()];
    const { headers, body } = signedMessage(alert, secrets, new Date());
    for (const secret of secrets) {
      expect(new Webhook(secret).verify(body, headers)).toMatchObject({ type: "anomaly", data: { a: "ü" } });
    }
    expect(() => new Webhook(newSecret()).verify(body, headers)).toThrow(/signature/);
    expect(() => new Webhook(secrets[0]!).verify(body.replace("ü", "u"), headers)).toThrow(/signature/);
    const old = signedMessage(alert, secrets, new Date(Date.now() - 6 * 60_000));
    expect(() => new Webhook(secrets[0]!).verify(old.body, old.headers)).toThrow(/too old/);
  });
});

describe("docs/alerts.md", async () => {
  const text = await Deno.readTextFile(join(projectFolder, "docs", "alerts.md"));
  const examples = [...text.matchAll(/```json\n([^]*?)```/g)].map(([, json]) => JSON.parse(json!));

  it("shows each type of alert once, as it is sent", () => {
    expect(examples.map(({ type }) => type).toSorted()).toEqual(ALERT_TYPES.toSorted());
    for (const { type, timestamp, data } of examples) {
      ALERTS[type as AlertType].strict().parse(data);
      expect(new Date(timestamp).toISOString()).toBe(timestamp);
    }
  });
});

describe("what is sealed of an endpoint", () => {
  const [one, other] = [randomBytes(32), randomBytes(32)].map((key) => key.toString("base64"));
  const old = KeyringText.parse(`a:${one}`);
  const both = KeyringText.parse(`b:${other},a:${one}`);
  const secrets = { url: "https://hooks.example/services/a-secret", secret: newSecret() };

  it("shows neither its address nor its secret, and opens as its own row's alone", async () => {
    const sealed = await sealEndpoint(old, "row-1", secrets);
    expect(sealed).not.toMatch(/hooks|whsec/);
    expect(Buffer.from(sealed.split(".")[2]!, "base64url").toString("latin1")).not.toMatch(/hooks|whsec/);
    expect(await openEndpoint(old, "row-1", sealed)).toEqual(secrets);
    await expect(openEndpoint(old, "row-2", sealed)).rejects.toThrow(EnvelopeError);
  });

  it("is sealed again when its key is not the active one any more, and only then", async () => {
    const sealed = await sealEndpoint(old, "row-1", secrets);
    expect(await resealed(old, "row-1", sealed)).toBeUndefined();
    const anew = (await resealed(both, "row-1", sealed))!;
    expect(anew).toMatch(/^t1\.b\./);
    expect(await openEndpoint(both, "row-1", anew)).toEqual(secrets);
    expect(await resealed(both, "row-1", anew)).toBeUndefined();
  });
});

/** A network whose names lead where the test says, and which notes where it was asked. */
function networkOf(names: Record<string, string[]>, reply: Reply = { status: 204 }) {
  const visits: string[] = [];
  const network: Network = {
    addressesOf: (host) => Promise.resolve(names[host] ?? [PUBLIC]),
    post(url, address) {
      visits.push(`${url.href} at ${address}`);
      return Promise.resolve(reply);
    },
  };
  return { network, visits };
}

describe("a receiver", () => {
  it("is posted to at an address that was checked, an IPv4 one where there are both", async () => {
    const { network, visits } = networkOf({
      "a.example": ["2606:4700::1111", PUBLIC],
      "b.example": ["2606:4700::1111"],
    });
    for (const url of ["https://a.example/x?y", "https://b.example/"]) {
      expect(await send(url, MESSAGE, { signal, mayBeLoopback: false, network })).toEqual({ status: 204 });
    }
    expect(visits).toEqual([`https://a.example/x?y at ${PUBLIC}`, "https://b.example/ at 2606:4700::1111"]);
  });

  it.each([
    "http://a.example/",
    "https://a.example:8443/",
    "https://user:word@a.example/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://localhost/",
    "https://localhost./",
    "https://db/",
    "http://127.0.0.1:8000/",
    "ftp://a.example/",
    "file:///etc/passwd",
    "a.example",
    "",
  ])("is not to be at %j, and nothing is asked there", async (url) => {
    for (const mayBeLoopback of [false, true]) {
      if (mayBeLoopback && /^https?:\/\/(127|\[::1|2130|0x7f|localhost\/)/.test(url)) continue;
      const { network, visits } = networkOf({});
      await expect(send(url, MESSAGE, { signal, mayBeLoopback, network })).rejects.toThrow(UnusableReceiver);
      expect(visits).toEqual([]);
    }
  });

  it.each([
    ["loopback", ["127.0.0.1"]],
    ["loopback in IPv6", ["::1"]],
    ["loopback as IPv4 in IPv6", ["::ffff:127.0.0.1"]],
    ["a private network", ["10.1.2.3"]],
    ["a private network in IPv6", ["fd00::1"]],
    ["a cloud's metadata", ["169.254.169.254"]],
    ["a carrier's network", ["100.64.0.1"]],
    ["a public and a private address", [PUBLIC, "192.168.0.1"]],
    ["no address", []],
  ])(
    "with a name that leads to %s is refused, whether loopback is allowed or not",
    async (_what, addresses) => {
      for (const mayBeLoopback of [false, true]) {
        const { network, visits } = networkOf({ "inside.example": addresses });
        const sent = send("https://inside.example/", MESSAGE, { signal, mayBeLoopback, network });
        await expect(sent).rejects.toThrow("inside.example is not on the public internet");
        expect(visits).toEqual([]);
      }
    },
  );

  it("is resolved and checked at every delivery, as the DNS may answer otherwise the second time", async () => {
    const answers = [[PUBLIC], ["127.0.0.1"]];
    const { network, visits } = networkOf({});
    network.addressesOf = () => Promise.resolve(answers.shift()!);
    const reaching = { signal, mayBeLoopback: false, network };
    await send("https://a.example/", MESSAGE, reaching);
    await expect(send("https://a.example/", MESSAGE, reaching)).rejects.toThrow(UnusableReceiver);
    expect(visits).toHaveLength(1);
  });

  it("with a name that the system's own resolver leads to loopback is refused", async () => {
    // As the hosts file of this machine has it; publicHttpsUrl would refuse the name itself.
    const { lookup } = await import("node:dns/promises");
    const { network } = networkOf({});
    network.addressesOf = async () =>
      (await lookup("localhost", { all: true })).map(({ address }) => address);
    const sent = send("https://inside.example/", MESSAGE, { signal, mayBeLoopback: true, network });
    await expect(sent).rejects.toThrow("not on the public internet");
  });

  it("whose name is never resolved is given up in time", async () => {
    const { network } = networkOf({});
    network.addressesOf = () => new Promise(() => {});
    const short = AbortSignal.timeout(20);
    await expect(send("https://a.example/", MESSAGE, { signal: short, mayBeLoopback: false, network }))
      .rejects
      .toThrow(/aborted|timed out/);
  });

  it("may be on the same machine where the setting says so, over http and at any port", async () => {
    for (const url of ["http://127.0.0.1:8000/x", "http://localhost:8000/x", "https://[::1]/x"]) {
      const { address } = await findReceiver(url, { signal, mayBeLoopback: true });
      expect(address).toBe(url.includes("::1") ? "::1" : "127.0.0.1");
    }
  });
});

describe("post", () => {
  const read = (name: string) =>
    Deno.readTextFileSync(
      join(projectFolder, "tests", "unit", "shared", "fixtures", `pictures.example.${name}.pem`),
    );
  const [key, cert, ca] = [read("key"), read("cert"), read("ca")];
  const visits: { method?: string; host?: string; path?: string; body: string }[] = [];
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer({ key, cert }, async (incoming, outgoing) => {
      const parts: Uint8Array[] = [];
      for await (const part of incoming) parts.push(part);
      const { method, headers, url } = incoming;
      visits.push({ method, host: headers.host, path: url, body: Buffer.concat(parts).toString() });
      if (url === "/silent") return;
      if (url === "/moved") {
        return void outgoing.writeHead(307, { Location: "https://pictures.example/elsewhere" }).end();
      }
      if (url === "/busy") return void outgoing.writeHead(503, { "Retry-After": "120" }).end();
      if (url === "/later") {
        return void outgoing.writeHead(429, { "Retry-After": new Date(Date.now() + 60_000).toUTCString() })
          .end();
      }
      if (url === "/endless") {
        const timer = setInterval(() => outgoing.write("x".repeat(10_000)), 1);
        return void outgoing.on("close", () => clearInterval(timer));
      }
      outgoing.end("ok");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const postTo = (path: string, at = signal, host = "pictures.example") =>
    post(new URL(`https://${host}${path}`), "127.0.0.1", MESSAGE, at, { port, ca });

  it("sends the bytes to the address that it is given, and asks for the name", async () => {
    expect(await postTo("/a?b=c")).toEqual({ status: 200, retryAfterS: undefined });
    expect(visits.at(-1)).toEqual({
      method: "POST",
      host: "pictures.example",
      path: "/a?b=c",
      body: MESSAGE.body,
    });
  });

  it("follows no redirect", async () => {
    const before = visits.length;
    expect(await postTo("/moved")).toMatchObject({ status: 307 });
    expect(visits.slice(before).map(({ path }) => path)).toEqual(["/moved"]);
  });

  it("reads when to come back, as seconds or as a date", async () => {
    expect(await postTo("/busy")).toEqual({ status: 503, retryAfterS: 120 });
    const { retryAfterS } = await postTo("/later");
    expect(retryAfterS).toBeGreaterThan(50);
    expect(retryAfterS).toBeLessThanOrEqual(60);
  });

  it("does not read what is answered, however much it is", async () => {
    expect(await postTo("/endless")).toMatchObject({ status: 200 });
  });

  it("sends nothing to a server that cannot prove to be the host", async () => {
    const before = visits.length;
    await expect(postTo("/", signal, "other.example")).rejects.toThrow(/certificate/);
    expect(visits.length).toBe(before);
  });

  it("ends with its signal when no answer comes", async () => {
    await expect(postTo("/silent", AbortSignal.timeout(200))).rejects.toThrow();
  });
});

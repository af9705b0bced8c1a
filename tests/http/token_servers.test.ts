import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";

import { connectRedis } from "../../supabase/functions/_vault/node_redis.ts";
import { openRedis } from "../../supabase/functions/_vault/open_source.ts";
import { PlainSource } from "../../supabase/functions/_vault/plain_source.ts";
import { ScriptSource } from "../../supabase/functions/_vault/script_source.ts";
import { SourceError, type VaultSource } from "../../supabase/functions/_vault/source.ts";
import { openUpstash } from "../../supabase/functions/_vault/upstash.ts";
import { needing } from "../support/needs.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { inSeconds, jwt, openClient, openStrictProxy } from "../support/vault.ts";
import { startUpstash } from "../support/upstash.ts";

const withRedis = await needing("redis-server");

const SALT = "salt";
const folder = await Deno.makeTempDir({ prefix: "tessera-redis-" });
const servers: TestRedis[] = [];

afterAll(async () => {
  for (const server of servers) await server.stop();
  await Deno.remove(folder, { recursive: true });
});

async function start(args: string[]): Promise<TestRedis> {
  const server = await startRedis({ args });
  servers.push(server);
  return server;
}

/** All names of a source, page by page. */
async function namesOf(source: VaultSource): Promise<string[]> {
  const names = new Set<string>();
  let cursor = "0";
  do {
    const page = await source.page(cursor, SALT, 10);
    for (const name of page.names.split(",").filter(Boolean)) names.add(name);
    cursor = page.cursor;
  } while (cursor !== "0");
  return [...names].toSorted();
}

describe("a Redis with a password", withRedis, () => {
  it("is reached with it, and refused without, in words that do not repeat it", async () => {
    const { port } = await start(["--requirepass", "hunter2-password"]);
    const source = new ScriptSource(
      await connectRedis({ url: `redis://:hunter2-password@127.0.0.1:${port}` }),
    );
    expect(await namesOf(source)).toEqual([]);
    await source.close();
    const refused = connectRedis({ url: `redis://:wrong-password@127.0.0.1:${port}` });
    await expect(refused).rejects.toThrow(SourceError);
    await expect(refused).rejects.toThrow(`Redis at 127.0.0.1:${port} cannot be reached`);
  });

  it("needs no more rights than the documentation says", async () => {
    const { port, url } = await start([]);
    const admin = await openClient(url);
    await admin.set("token:A", jwt());
    const documentation = await Deno.readTextFile(
      join(import.meta.dirname!, "..", "..", "docs", "token-manager.md"),
    );
    const rule = /ACL SETUSER [^`]+/.exec(documentation)![0];
    await admin.sendCommand(rule.split(" "));
    admin.destroy();
    const source = new ScriptSource(
      await connectRedis({ url: `redis://tessera:password@127.0.0.1:${port}` }),
    );
    expect(await source.serverId()).toMatch(/^[0-9a-f]{40}$/);
    expect(await namesOf(source)).toEqual(["A"]);
    expect((await source.values(["A"], SALT))[0]!.value).toMatch(/^eyJ/);
    expect(await source.count(1_000)).toBe(1);
    await source.close();
  });
});

describe("a Redis with TLS", await needing("redis-server", "openssl"), () => {
  it("is reached with its authority, and not without", async () => {
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
    await promisify(execFile)("openssl", [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
      ...["-keyout", key, "-out", certificate],
    ]);
    const plain = await startRedis();
    await plain.stop(); // its port is free now
    const tlsPort = plain.port;
    await start([
      ...["--tls-port", String(tlsPort), "--tls-cert-file", certificate, "--tls-key-file", key],
      ...["--tls-auth-clients", "no"],
    ]);
    const url = `rediss://127.0.0.1:${tlsPort}`;
    const caCertificate = await Deno.readTextFile(certificate);
    for (
      const source of [
        new ScriptSource(await connectRedis({ url, caCertificate })),
        await PlainSource.connect({ url, caCertificate }),
      ]
    ) {
      expect(await namesOf(source)).toEqual([]);
      await source.close();
    }
    await expect(connectRedis({ url })).rejects.toThrow(SourceError);
  });
});

describe("a server that runs no scripts", withRedis, () => {
  const read = async (url: string) => {
    const source = await openRedis({ url }, "lua");
    try {
      return { kind: source.constructor.name, names: await namesOf(source) };
    } finally {
      await source.close();
    }
  };

  it("is read by plain commands: scripts are forbidden, or they may not read keys that nobody named", async () => {
    const { url, port } = await start([]);
    const forbidding = await start(["--rename-command", "EVAL", ""]);
    for (const one of [url, forbidding.url]) {
      const admin = await openClient(one);
      await admin.set("token:A", jwt());
      await admin.sendCommand(
        "ACL SETUSER reader on >password ~token:* -@all +get +pttl +scan +info".split(" "),
      );
      admin.destroy();
    }
    const strict = await openStrictProxy(port);
    try {
      expect(await read(url)).toEqual({ kind: "ScriptSource", names: ["A"] });
      for (const one of [forbidding.url, `redis://reader:password@127.0.0.1:${port}`, strict.url]) {
        expect(await read(one)).toEqual({ kind: "PlainSource", names: ["A"] });
      }
    } finally {
      strict.close();
    }
  });
});

describe("a Redis of Upstash with a limit on sizes", withRedis, () => {
  it("is asked for fewer values at once, until its answers are small enough", async () => {
    const { url } = await start([]);
    const admin = await openClient(url);
    const names = Array.from({ length: 100 }, (_, index) => `ACCOUNT_${index}`);
    for (const name of names) await admin.set(`token:${name}`, "x".repeat(2_000));
    admin.destroy();
    const upstash = await startUpstash(url);
    try {
      upstash.maxCharacters = 50_000;
      const source = new ScriptSource(await openUpstash(upstash));
      const values = await source.values(names, SALT);
      expect(values.map(({ value }) => value?.length)).toEqual(names.map(() => 2_000));
      const { roundTrips } = source;
      await source.values(names, SALT); // It knows by now how many fit.
      expect(source.roundTrips - roundTrips).toBe(8);
      upstash.maxCharacters = 1_000;
      await expect(source.values(names.slice(0, 1), SALT)).rejects.toThrow(SourceError);
    } finally {
      await upstash.stop();
    }
  });
});

describe("a cluster", withRedis, () => {
  it("is read whole in mode plain, server by server, each key from where it is", async () => {
    const nodes = await Promise.all(
      ["a", "b", "c"].map((name) =>
        start(["--cluster-enabled", "yes", "--cluster-config-file", join(folder, `${name}.conf`)])
      ),
    );
    const clients = await Promise.all(nodes.map(({ url }) => openClient(url)));
    const ranges = [[0, 5_460], [5_461, 10_922], [10_923, 16_383]];
    for (const [index, client] of clients.entries()) {
      await client.sendCommand(["CLUSTER", "ADDSLOTSRANGE", ...ranges[index]!.map(String)]);
      if (index > 0) await client.sendCommand(["CLUSTER", "MEET", "127.0.0.1", String(nodes[0]!.port)]);
    }
    for (const client of clients) {
      for (let tries = 0; tries < 300; tries++) {
        const info = String(await client.sendCommand(["CLUSTER", "INFO"]));
        if (info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3")) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    const expected = Array.from({ length: 60 }, (_, index) => `ACCOUNT_${String(index).padStart(2, "0")}`);
    const token = jwt({ exp: inSeconds(3_600) });
    for (const name of expected) {
      for (const client of clients) {
        const done = await client.sendCommand(["SET", `token:${name}`, token]).then(() => true, () => false);
        if (done) break;
      }
    }
    for (const client of clients) {
      expect(Number(await client.sendCommand(["DBSIZE"]))).toBeGreaterThan(0);
      client.destroy();
    }
    const source = await PlainSource.connect({ url: nodes[1]!.url });
    expect(await namesOf(source)).toEqual(expected);
    expect(await source.count(5_000)).toBe(60);
    expect((await source.serverId()).split(",")).toHaveLength(3);
    const values = await source.values(expected, SALT);
    expect(values.map(({ value }) => value)).toEqual(expected.map(() => token));
    expect(Buffer.byteLength(values[0]!.fingerprint)).toBe(24);
    await source.close();
  });
});

import { createServer, type Server } from "node:https";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { TRIALS, type Trying, tryPlatform } from "../../supabase/functions/_alerts/platform_trials.ts";
import { KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";
import { pemOf } from "../support/pinned/trials.ts";

const PUBLIC = "93.184.216.34";
const keyring = KeyringText.parse(`k1:${btoa("x".repeat(32))}`);
const asked: string[] = [];
let server: Server;
let trying: Trying;

beforeAll(async () => {
  server = createServer({ key: pemOf("key"), cert: pemOf("cert") }, (incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.headers.host}${incoming.url}`);
    outgoing.writeHead(401).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connect = Deno.connect;
  // The name is of a public address, and a server of this test answers there.
  vi.spyOn(Deno, "connect").mockImplementation(
    ((options: Deno.ConnectOptions) =>
      connect({
        ...options,
        hostname: options.hostname === PUBLIC ? "127.0.0.1" : options.hostname!,
      })) as never,
  );
  trying = {
    keyring,
    projectUrl: "https://pictures.example",
    signal: AbortSignal.timeout(20_000),
    addressesOf: () => Promise.resolve([PUBLIC]),
    connection: { port: (server.address() as { port: number }).port, ca: pemOf("ca") },
  };
});

afterAll(() => {
  vi.restoreAllMocks();
  server.close();
});

const outcomes = async (more: Partial<Trying> = {}) =>
  Object.fromEntries((await tryPlatform({ ...trying, ...more })).map(({ trial, ...rest }) => [trial, rest]));

describe("the trials of a platform", () => {
  it("are good on a sound one, and ask the project alone", async () => {
    asked.length = 0;
    const tried = await outcomes();
    expect(tried).toEqual(Object.fromEntries(TRIALS.map((trial) => [trial, {
      outcome: "good",
      message: expect.any(String),
    }])));
    expect(asked).toEqual([
      "GET pictures.example/auth/v1/health",
      "POST pictures.example/auth/v1/health",
    ]);
  });

  it("are bad where the certificate is not the project's, and nothing is asked", async () => {
    asked.length = 0;
    const tried = await outcomes({ projectUrl: "https://other.example" });
    for (const trial of ["picture", "alert"]) {
      expect(tried[trial]).toEqual({ outcome: "bad", message: expect.stringMatching(/certificate/) });
    }
    expect(asked).toEqual([]);
  });

  it("are bad where a certificate of another host is taken", async () => {
    const original = Deno.startTls;
    const careless = vi.spyOn(Deno, "startTls").mockImplementation(
      ((connection: Deno.TcpConn, options = {}) =>
        original(connection, { ...options, hostname: "pictures.example" })) as typeof Deno.startTls,
    );
    try {
      const tried = await outcomes();
      for (const trial of ["picture", "alert"]) {
        expect(tried[trial]).toEqual({ outcome: "bad", message: expect.stringMatching(/does not name/) });
      }
    } finally {
      careless.mockRestore();
    }
  });

  it("are bad where decryption looks at no tag", async () => {
    const { encrypt } = crypto.subtle;
    const sealed: [ArrayBuffer, string][] = [];
    const encrypting = vi.spyOn(crypto.subtle, "encrypt").mockImplementation(async (algorithm, key, data) => {
      const result = await encrypt.call(crypto.subtle, algorithm, key, data);
      sealed.push([result, new TextDecoder().decode(data as BufferSource)]);
      return result;
    });
    const decrypting = vi.spyOn(crypto.subtle, "decrypt").mockImplementation(() => {
      const [, text] = sealed.at(-1) ?? [undefined, "anything"];
      return Promise.resolve(new TextEncoder().encode(text).buffer);
    });
    try {
      expect((await outcomes()).refusing).toEqual({
        outcome: "bad",
        message: expect.stringMatching(/is opened/),
      });
    } finally {
      encrypting.mockRestore();
      decrypting.mockRestore();
    }
  });

  it.each([
    ["without a key", { keyring: undefined }, ["sealing", "opening", "refusing"], /TOKEN_ENCRYPTION_KEYS/],
    ["of a project without https", { projectUrl: "http://127.0.0.1:54321" }, ["picture", "alert"], /https/],
    ["of a project inside a network", { addressesOf: () => Promise.resolve(["10.0.0.1"]) }, [
      "picture",
      "alert",
    ], /public/],
  ])("%s are not made, and the others are", async (_what, more, untried, message) => {
    const tried = await outcomes(more);
    for (const trial of TRIALS) {
      const expected = untried.includes(trial)
        ? { outcome: "untried", message: expect.stringMatching(message) }
        : { outcome: "good", message: expect.any(String) };
      expect(tried[trial], trial).toEqual(expected);
    }
  });
});

import type { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

import { findFreePort } from "../../scripts/local/ports.ts";

export interface TestPooler {
  /** The database behind it, as SUPABASE_DB_URL. */
  url: string;
  /** Whether it is PgBouncer itself; otherwise it only refuses what PgBouncer refuses of a new connection. */
  isReal: boolean;
  stop(): Promise<void>;
}

const PATIENCE_MS = 10_000;
/** What PgBouncer keeps for each client; of all else it refuses what is not among `ignore_startup_parameters`. */
const TRACKED = [
  "user",
  "database",
  "client_encoding",
  "datestyle",
  "timezone",
  "standard_conforming_strings",
];
const TAKEN = [...TRACKED, "application_name", "extra_float_digits"];

/** PgBouncer in transaction mode with one connection to the database, as a hosted project's port 6543; the caller stops it. */
export async function startPooler(databaseUrl: string): Promise<TestPooler> {
  // Debian puts it where not every user looks.
  const search = { args: ["-c", 'PATH="$PATH:/usr/sbin" command -v pgbouncer'] };
  const { success, stdout } = await new Deno.Command("sh", search).output();
  return success
    ? await startPgBouncer(databaseUrl, new TextDecoder().decode(stdout).trim())
    : await startRefusingProxy(databaseUrl);
}

async function startPgBouncer(databaseUrl: string, program: string): Promise<TestPooler> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const folder = await Deno.makeTempDir({ prefix: "tessera-pgbouncer-" });
  const ownPort = await findFreePort();
  const config = join(folder, "pgbouncer.ini");
  await Deno.writeTextFile(
    config,
    `[databases]
${pathname.slice(1)} = host=${hostname} port=${port} user=${username} password='${
      decodeURIComponent(password)
    }'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${ownPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
`,
  );
  await Deno.chmod(folder, 0o755);
  // It does not run as root.
  const asNobody = Deno.uid() === 0 ? ["-u", "nobody"] : [];
  const server = spawn(program, [...asNobody, config], { stdio: ["ignore", "ignore", "pipe"] });
  let printed = "";
  server.stderr!.on("data", (chunk) => printed += chunk);
  const kill = () => server.kill("SIGKILL");
  globalThis.addEventListener("unload", kill);
  const url = new URL(databaseUrl);
  url.port = String(ownPort);
  for (let waitedMs = 0; !await answers(ownPort); waitedMs += 50) {
    if (waitedMs > PATIENCE_MS || server.exitCode !== null) {
      kill();
      throw new Error(`PgBouncer did not start; it printed:\n${printed}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url: url.href,
    isReal: true,
    async stop() {
      globalThis.removeEventListener("unload", kill);
      const exit = server.exitCode === null ? once(server, "exit") : undefined;
      kill();
      await exit;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** Reads what a client asks for as it connects, and lets it through or refuses it with PgBouncer's words. */
async function startRefusingProxy(databaseUrl: string): Promise<TestPooler> {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => {});
    client.once("data", (startup) => {
      // Length, protocol, then names and values that each end with a zero byte.
      const texts = (startup as Buffer).subarray(8).toString().split("\0");
      const names = texts.filter((_text, index) => index % 2 === 0).filter(Boolean);
      const refused = names.find((name) => !TAKEN.includes(name.toLowerCase()));
      if (refused !== undefined) return client.end(refusal(`unsupported startup parameter: ${refused}`));
      const database = connect(Number(port), hostname);
      sockets.add(database);
      database.on("error", () => client.destroy());
      database.write(startup);
      client.pipe(database).pipe(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as { port: number }).port);
  return {
    url: url.href,
    isReal: false,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An ErrorResponse of Postgres' protocol. */
function refusal(message: string): Uint8Array {
  const fields = new TextEncoder().encode(`SFATAL\0C08P01\0M${message}\0\0`);
  const packet = new Uint8Array(5 + fields.length);
  packet[0] = "E".charCodeAt(0);
  new DataView(packet.buffer).setUint32(1, 4 + fields.length);
  packet.set(fields, 5);
  return packet;
}

// REST, Auth and Storage: lite on the stack's Postgres, in a separate process. deno run -A scripts/local/lite.ts
// --data-folder <folder> --port-base <base>

import { extname, join } from "node:path";
import { parseArgs } from "node:util";
import { contentType } from "@std/media-types";
import { App } from "@supabase/lite";
import { createApi } from "@supabase/lite/cli";
import postgres from "postgres";
import { isBootstrapped } from "./bootstrap.ts";
import { CALLER_HEADER } from "./caller.ts";
import { readProjectConfig } from "./config.ts";
import { databaseUrl } from "./database_url.ts";
import { installedPackage } from "./paths.ts";
import { portsAt } from "./ports.ts";
import { ADMIN_ROLE } from "./postgres.ts";
import { delay } from "./process_ids.ts";
import { announceReady } from "./ready.ts";
import { answerAdminUsers } from "./lite_admin_users.ts";
import { createConnection } from "./lite_connection.ts";
import { fetchStorage } from "./lite_storage.ts";
import { readSecrets, type Secrets } from "./secrets.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    "data-folder": { type: "string" },
    "port-base": { type: "string" },
    project: { type: "string" },
  },
});
const dataFolder = values["data-folder"]!;
const ports = portsAt(Number(values["port-base"]));
const secrets = await readSecrets(dataFolder);
const folder = join(dataFolder, "lite");
const studioFiles = join(installedPackage("@supabase/lite"), "dist", "static");

/** Lite reads its configuration below the current folder, and stores files beside it. */
async function writeConfig(secrets: Secrets): Promise<void> {
  const project = readProjectConfig(values.project);
  const config = {
    api: { schemas: project.api.schemas, max_rows: project.api.max_rows },
    db: { driver: "postgres" },
    auth: {
      ...liteAuth(project.auth ?? {}),
      enabled: true,
      jwt_secret: secrets.jwtSecret,
      publishable_key: secrets.publishableKey,
      secret_key: secrets.secretKey,
    },
    storage: { ...only(project.storage ?? {}, ["file_size_limit"]), enabled: true },
    studio: { enabled: true },
  };
  await Deno.mkdir(join(folder, "supabase"), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(join(folder, "supabase", "config.json"), JSON.stringify(config), { mode: 0o600 });
  Deno.chdir(folder);
}

/** The Auth settings that lite supports: it does not start with others, and the CLI's own template has many. */
function liteAuth(auth: { [name: string]: unknown }): { [name: string]: unknown } {
  const known = only(auth, [
    "site_url",
    "additional_redirect_urls",
    "jwt_expiry",
    "enable_refresh_token_rotation",
    "refresh_token_reuse_interval",
    "enable_signup",
    "minimum_password_length",
  ]);
  const email = only(auth.email ?? {}, ["enable_signup", "double_confirm_changes", "enable_confirmations"]);
  return { ...known, email };
}

function only(settings: object, names: string[]): { [name: string]: unknown } {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => names.includes(name)));
}

/** Lite's own constructor sets the folder of Storage; only the connection to Postgres is ours. */
async function createApp(url: string, options: { admin: boolean }): Promise<App> {
  const api = await createApi({ root: folder, withSupabaseClient: false });
  const shell = await api.project.local.createApp(join(folder, "supabase", "config.json"));
  const app = new App({
    ...shell.config,
    connection: createConnection(url),
    options: { server: { admin: options.admin } },
  });
  app._storageAdapter = shell._storageAdapter;
  return await app.init();
}

/**
 * Waits until the supervisor has started Postgres and created the roles, so that loading this module overlaps with
 * that.
 */
async function waitForDatabase(url: string): Promise<postgres.Sql> {
  for (;;) {
    const sql = postgres(url, { max: 1, onnotice: () => {}, backoff: false });
    try {
      await sql`select 1`;
      return sql;
    } catch {
      await sql.end({ timeout: 0 });
      await delay(20);
    }
  }
}

await writeConfig(secrets);
const url = databaseUrl(ports.postgres, "tessera_lite", secrets.litePassword);
const sql = await waitForDatabase(url);
if (!await isBootstrapped(sql)) {
  const bootstrap = await createApp(databaseUrl(ports.postgres, ADMIN_ROLE, secrets.adminPassword), {
    admin: false,
  });
  await bootstrap.ensureSystemSchema();
  await bootstrap.connection.close?.();
}

const app = await createApp(url, { admin: false });
const adminApp = await createApp(url, { admin: true });
await sql.listen("pgrst", () => Promise.all([app, adminApp].map((one) => one.connection.clearSchemaCache())));

const server = Deno.serve({ port: ports.lite, hostname: "127.0.0.1", onListen: announceReady }, (request) => {
  switch (request.headers.get(CALLER_HEADER)) {
    case secrets.gatewayToken:
      return answerAdminUsers(request, sql, secrets.secretKey) ?? answer(request, app, null);
    case secrets.adminToken:
      return studioFile(request) ?? answer(request, adminApp, "127.0.0.1");
    default:
      return Response.json({ message: "Only the stack's gateway may connect here" }, { status: 403 });
  }
});

/** The App names the files of its Studio, but leaves serving them to its server. */
function studioFile(request: Request): Promise<Response> | undefined {
  const path = /^\/static\/((?:assets\/)?[\w.-]+)$/.exec(new URL(request.url).pathname)?.[1];
  if (!path) return undefined;
  return Deno.open(join(studioFiles, path)).then(
    ({ readable }) =>
      new Response(readable, { headers: { "content-type": contentType(extname(path)) ?? "" } }),
    () => new Response("Not found", { status: 404 }),
  );
}

function answer(request: Request, by: App, peerAddress: string | null): Promise<Response> {
  const fetchLite = (rewritten: Request) => by.fetch(rewritten, { peerAddress });
  return new URL(request.url).pathname.startsWith("/storage/v1/")
    ? fetchStorage(request, fetchLite)
    : fetchLite(request);
}

Deno.addSignalListener("SIGTERM", async () => {
  await Promise.race([server.shutdown(), delay(3_000)]);
  Deno.exit(0);
});

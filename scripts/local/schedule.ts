// The schedule: does from outside the database what pg_cron does in a hosted project. deno run -A
// scripts/local/schedule.ts --data-folder <folder> --port-base <base>

import { parseArgs } from "node:util";
import { databaseUrl } from "./database_url.ts";
import { portsAt } from "./ports.ts";
import { announceReady } from "./ready.ts";
import { runSchedule } from "./schedule_runner.ts";
import { readSecrets } from "./secrets.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { "data-folder": { type: "string" }, "port-base": { type: "string" } },
});
const ports = portsAt(Number(values["port-base"]));
const secrets = await readSecrets(values["data-folder"]!);

const schedule = runSchedule({
  databaseUrl: databaseUrl(ports.postgres, "postgres", secrets.postgresPassword),
  projectUrl: `http://127.0.0.1:${ports.api}`,
  secretKey: secrets.secretKey,
  report: (message) => console.error(message),
});
announceReady();

Deno.addSignalListener("SIGTERM", async () => {
  await schedule.stop();
  Deno.exit(0);
});

import { delimiter, join } from "node:path";
import process from "node:process";
import type { TestOptions } from "vitest";

import { whyNoSmallDisk } from "../faults/support/small_disk.ts";
import { whyNoHostedDeno } from "./hosted_deno.ts";

declare module "vitest" {
  export interface TaskMeta {
    /** The missing programs of skipped tests; the end of a run lists each once. */
    lacks?: string;
  }
}

/** Programs that some tests need besides Node, and a reader's machine may not have. */
export type Need =
  | "redis-server"
  | "openssl"
  | "chromium"
  | "npm"
  | "ffmpeg"
  | "pgbouncer"
  | "postgresql-15"
  | "the hosted Deno"
  | "linux"
  | "mount"
  | "a minute";

const POSTGRES_15 = "/usr/lib/postgresql/15/bin/initdb";
const POSTGRES_15_EXTENSIONS = "/usr/share/postgresql/15/extension";
const POSTGRES_15_PACKAGES: Record<string, string> = {
  "postgresql-15": POSTGRES_15,
  "postgresql-15-cron": join(POSTGRES_15_EXTENSIONS, "pg_cron.control"),
  "postgresql-15-pgtap": join(POSTGRES_15_EXTENSIONS, "pgtap.control"),
  "postgresql-15-plpgsql-check": join(POSTGRES_15_EXTENSIONS, "plpgsql_check.control"),
};

/**
 * Options of a test or a group that needs something: it is skipped where that is missing, and the last lines of the
 * run say what to install. With CI=true it is not skipped, so that it fails.
 */
export async function needing(...needs: Need[]): Promise<TestOptions> {
  const missing: string[] = [];
  for (const need of needs) {
    const lacks = await whatIsMissing(need);
    if (lacks !== undefined) missing.push(lacks);
  }
  if (missing.length === 0 || process.env.CI === "true") return {};
  return { skip: true, meta: { lacks: missing.join("; ") } };
}

async function whatIsMissing(need: Need): Promise<string | undefined> {
  switch (need) {
    case "linux":
      return Deno.build.os === "linux"
        ? undefined
        : "Linux, which tells the memory of processes in /proc and has a whole network of loopback addresses";
    case "the hosted Deno":
      return await whyNoHostedDeno();
    case "mount":
      return await whyNoSmallDisk();
    case "a minute":
      return "up to a minute of waiting for the clock (run with CI=true)";
    case "postgresql-15": {
      const packages = Object.keys(POSTGRES_15_PACKAGES).filter((name) =>
        !isFile(POSTGRES_15_PACKAGES[name]!)
      );
      return packages.length === 0 ? undefined : onDebian(...packages);
    }
    default:
      return findProgram(need) ? undefined : onDebian(need);
  }
}

function onDebian(...packages: string[]): string {
  return `${packages.join(", ")} (Debian: apt-get install ${packages.join(" ")})`;
}

/** Where a program of the PATH is; undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)).find(isFile);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

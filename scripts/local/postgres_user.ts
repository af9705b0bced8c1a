import { dirname } from "node:path";
import { StackError } from "./errors.ts";
import { run } from "./run.ts";

/** The user for Postgres if the stack is started by root, as Postgres refuses root. */
export interface PostgresUser {
  uid: number;
  gid: number;
}

const NAME = "postgres";

/** The user for Postgres: undefined means the current user; for root an ordinary user, created if missing. */
export async function postgresUser(): Promise<PostgresUser | undefined> {
  if (Deno.build.os === "windows" || Deno.uid() !== 0) return undefined;
  const existing = await lookUp(NAME);
  if (existing) return existing;
  await createUser();
  const created = await lookUp(NAME);
  if (!created) {
    throw new StackError(`Cannot start Postgres as root, and the user "${NAME}" cannot be created`);
  }
  return created;
}

/** Whether a user can reach a folder, by the permissions of every folder above it. */
export async function canReach(user: PostgresUser, folder: string): Promise<boolean> {
  for (let path = folder;; path = dirname(path)) {
    const info = await Deno.stat(path);
    const mode = info.mode ?? 0;
    const mayEnter = info.uid === user.uid
      ? mode & 0o100
      : info.gid === user.gid
      ? mode & 0o010
      : mode & 0o001;
    if (!mayEnter) return false;
    if (dirname(path) === path) return true;
  }
}

async function lookUp(name: string): Promise<PostgresUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([
      run("id", { args: ["-u", name] }),
      run("id", { args: ["-g", name] }),
    ]);
    return { uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}

/** With the tools of most Linux distributions, otherwise with BusyBox's. */
async function createUser(): Promise<void> {
  try {
    await run("groupadd", { args: ["--system", "--force", NAME] });
    await run("useradd", { args: ["--system", "--gid", NAME, "--no-create-home", NAME] });
  } catch {
    await run("addgroup", { args: ["-S", NAME] }).catch(() => {});
    await run("adduser", { args: ["-S", "-D", "-H", "-G", NAME, NAME] }).catch(() => {});
  }
}

import { join } from "node:path";

import { run } from "../../../scripts/local/run.ts";

/** Tells why no small disk can be mounted here; undefined where one can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "a small disk is mounted on Linux alone";
  if (Deno.uid() !== 0) return "only root may mount a small disk";
  const folder = await Deno.makeTempDir({ prefix: "tessera-faults-" });
  try {
    await mount(folder, 1);
    await run("umount", { args: [folder] });
    return undefined;
  } catch (error) {
    return `a small disk cannot be mounted: ${error}`;
  } finally {
    await Deno.remove(folder);
  }
}

/** A disk of a few megabytes in memory, mounted in the place of a folder. */
export class SmallDisk {
  readonly #ballast: string;

  constructor(readonly folder: string) {
    this.#ballast = join(folder, "ballast");
  }

  /** Mounts it with the folder's content and some room besides. */
  async moveIn(roomMb: number): Promise<void> {
    const original = `${this.folder}.original`;
    const { uid, gid } = await Deno.stat(this.folder);
    const usedMb = Number((await run("du", { args: ["-sm", this.folder] })).split("\t")[0]);
    await Deno.rename(this.folder, original);
    await Deno.mkdir(this.folder);
    await mount(this.folder, usedMb + roomMb);
    await run("cp", { args: ["-a", `${original}/.`, this.folder] });
    await Deno.chown(this.folder, uid, gid);
    await Deno.chmod(this.folder, 0o700);
  }

  /** Takes every byte that is left. */
  async fill(): Promise<void> {
    await writeUntilFull(this.#ballast);
  }

  /** Gives the bytes back. */
  async free(): Promise<void> {
    await Deno.remove(this.#ballast);
  }

  async unmount(): Promise<void> {
    await run("umount", { args: [this.folder] });
  }
}

async function mount(folder: string, sizeMb: number): Promise<void> {
  await run("mount", { args: ["-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", folder] });
}

async function writeUntilFull(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, append: true });
  for (let block = new Uint8Array(1 << 20); block.length > 0;) {
    try {
      file.writeSync(block);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
      block = block.subarray(0, Math.floor(block.length / 2));
    }
  }
}

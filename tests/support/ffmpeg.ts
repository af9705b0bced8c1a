import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const HEARD_RATE = 8_000;
const AS_HEARD = ["-vn", "-f", "s16le", "-ac", "1", "-ar", String(HEARD_RATE)];
const QUIET = ["-hide_banner", "-loglevel", "quiet", "-nostdin", "-threads", "1"];

/** ffmpeg's output with these options: to a file, or to a pipe, in which it cannot seek. */
export async function record(
  options: string,
  { format, isPiped = false }: { format: string; isPiped?: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  const args = [...QUIET, ...options.split(" "), "-f", format];
  if (isPiped) return new Uint8Array(await ffmpeg([...args, "-"]));
  const folder = await mkdtemp(join(tmpdir(), "recording-"));
  try {
    await ffmpeg([...args, join(folder, "recording")]);
    return new Uint8Array(await readFile(join(folder, "recording")));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A file to make of the same inputs as others. */
export interface Output {
  options: string;
  format: string;
}

/** Files that one ffmpeg makes of the same inputs: to start it takes longer than to make one of them. */
export async function recordAll(inputs: string, outputs: Output[]): Promise<Uint8Array<ArrayBuffer>[]> {
  return await inFolder(async (pathOf) => {
    await ffmpeg([
      ...QUIET,
      ...inputs.split(" "),
      ...outputs.flatMap((
        { options, format },
        index,
      ) => [...options.split(" "), "-f", format, pathOf(index)]),
    ]);
    return await Promise.all(outputs.map(async (_, index) => new Uint8Array(await readFile(pathOf(index)))));
  });
}

/** How many seconds of sound one ffmpeg hears in each of some files, all of them whole. */
export async function allHeardSeconds(files: Uint8Array[]): Promise<number[]> {
  return await inFolder(async (pathOf) => {
    await Promise.all(files.map((bytes, index) => Deno.writeFile(pathOf(index), bytes)));
    await ffmpeg([
      ...QUIET,
      ...files.flatMap((_, index) => ["-i", pathOf(index)]),
      ...files.flatMap((_, index) => ["-map", `${index}:a`, ...AS_HEARD, `${pathOf(index)}.heard`]),
    ]);
    return files.map((_, index) => secondsOf(Deno.statSync(`${pathOf(index)}.heard`).size));
  });
}

async function inFolder<Result>(
  work: (pathOf: (index: number) => string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "recordings-"));
  try {
    return await work((index) => join(folder, String(index)));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How many seconds of sound ffmpeg hears in a file, which is what providers decode with; 0 where it hears nothing. */
export async function heardSeconds(bytes: Uint8Array): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "recording-"));
  try {
    const path = join(folder, "recording");
    await Deno.writeFile(path, bytes);
    return secondsOf((await ffmpeg([...QUIET, "-i", path, ...AS_HEARD, "-"], { isPatient: true })).length);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function secondsOf(bytes: number): number {
  return bytes / 2 / HEARD_RATE;
}

function ffmpeg(args: string[], { isPatient = false } = {}): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    execFile("ffmpeg", args, { encoding: "buffer", maxBuffer: 1 << 30 }, (error, output) => {
      if (error && !isPatient) reject(error);
      else resolve(output);
    })
  );
}

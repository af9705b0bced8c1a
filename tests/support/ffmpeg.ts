import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const HEARD_RATE = 8_000;
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

/** How many seconds of sound ffmpeg hears in a file, which is what providers decode with; 0 where it hears nothing. */
export async function heardSeconds(bytes: Uint8Array): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "recording-"));
  try {
    const path = join(folder, "recording");
    await Deno.writeFile(path, bytes);
    const args = [...QUIET, "-i", path, "-vn", "-f", "s16le", "-ac", "1", "-ar", String(HEARD_RATE), "-"];
    return (await ffmpeg(args, { isPatient: true })).length / 2 / HEARD_RATE;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function ffmpeg(args: string[], { isPatient = false } = {}): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    execFile("ffmpeg", args, { encoding: "buffer", maxBuffer: 1 << 30 }, (error, output) => {
      if (error && !isPatient) reject(error);
      else resolve(output);
    })
  );
}

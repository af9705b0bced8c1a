import { reserve } from "../http/memory_budget.ts";
import { Recording, RECORDING_BYTES } from "./audio.ts";
import { fileRefusal, readUpload, UnusableFile } from "./uploads.ts";

const TIMEOUT_MS = 20_000;
/** One copy as it is read, one as it is sent. */
const COPIES = 2;

/**
 * Runs the work after reading an input's recordings from Storage, with the caller's rights and if `admit` allows it.
 * They are read before anything is held, as their length determines the cost. Afterwards their memory is released.
 */
export async function withRecordings<Result>(
  input: unknown,
  { token, admit }: { token: string; admit: () => Promise<void> },
  work: () => Promise<Result>,
): Promise<Result> {
  const recordings = Object.entries(input ?? {})
    .filter((entry): entry is [string, Recording] => entry[1] instanceof Recording);
  const stored = recordings.filter(([_field, { path }]) => path !== undefined);
  const leave = stored.length === 0 ? () => {} : reserve(stored.length * RECORDING_BYTES * COPIES);
  try {
    if (stored.length > 0) await admit();
    await Promise.all(stored.map(([field, recording]) => read(field, recording, token)));
    return await work();
  } finally {
    for (const [_field, recording] of recordings) recording.release();
    leave();
  }
}

async function read(field: string, recording: Recording, token: string): Promise<void> {
  let room = RECORDING_BYTES;
  const take = (byteCount: number) => {
    room -= byteCount;
    if (room < 0) throw new UnusableFile("Expected a recording of at most 25 MB");
  };
  try {
    const reading = { token, take, signal: AbortSignal.timeout(TIMEOUT_MS) };
    recording.fill(await readUpload(recording.path!, "recording", reading));
  } catch (error) {
    const isCallers = error instanceof UnusableFile || error instanceof TypeError; // fill() throws the latter.
    throw isCallers ? fileRefusal(field, error.message) : error;
  }
}

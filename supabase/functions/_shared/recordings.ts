import { reserve } from "./admission.ts";
import { Recording, RECORDING_BYTES } from "./audio.ts";
import { readWhole } from "./bytes.ts";
import { userClient } from "./database.ts";
import { AppError } from "./errors.ts";
import { UPLOADS } from "./inputs.ts";

const TIMEOUT_MS = 20_000;
/** As it is read, and as it is sent. */
const COPIES = 2;

/**
 * Does the work once the recordings of an input that are in Storage were read, as the caller: before anything is held, as
 * their length is what they cost. Afterwards none is in memory any more.
 */
export async function withRecordings<Result>(
  input: unknown,
  token: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const recordings = Object.entries(input ?? {})
    .filter((entry): entry is [string, Recording] => entry[1] instanceof Recording);
  const stored = recordings.filter(([_field, { path }]) => path !== undefined);
  const leave = stored.length === 0 ? () => {} : reserve(stored.length * RECORDING_BYTES * COPIES);
  try {
    await Promise.all(stored.map(([field, recording]) => read(field, recording, token)));
    return await work();
  } finally {
    for (const [_field, recording] of recordings) recording.release();
    leave();
  }
}

async function read(field: string, recording: Recording, token: string): Promise<void> {
  const path = recording.path!.slice(UPLOADS.length + 1);
  let room = RECORDING_BYTES;
  const take = (byteCount: number) => {
    room -= byteCount;
    if (room < 0) throw new TypeError("Expected a recording of at most 25 MB");
  };
  try {
    const { data, error } = await userClient(token).storage.from(UPLOADS)
      .download(path, undefined, { signal: AbortSignal.timeout(TIMEOUT_MS) }).asStream();
    if (data !== null) return recording.fill(await readWhole(data, take));
    if (error.status === undefined || error.status >= 500) throw error;
  } catch (error) {
    if (error instanceof TypeError) throw refusal(field, error.message);
    throw new AppError(
      "service_unavailable",
      "The recording could not be read from Storage; nothing was charged",
      {
        cause: error,
      },
    );
  }
  throw refusal(field, "There is no such recording in your folder of the bucket uploads");
}

function refusal(path: string, message: string): AppError {
  return new AppError("invalid_request", `${path}: ${message}`, {
    details: [{ path, code: "custom", message }],
  });
}

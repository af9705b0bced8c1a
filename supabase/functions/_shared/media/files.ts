import { adminClient } from "../database/database.ts";
import { supabase } from "../platform/env.ts";
import { AppError } from "../platform/errors.ts";
import { callDatabase } from "../database/rpc.ts";

/** The private bucket; each user may read the folder named after the user's id. */
export const BUCKET = "generated";

/** Longer than a response is stored for a retry, so that links in a replayed response still work. */
const SIGNED_URL_LIFETIME_S = 7 * 24 * 60 * 60;

export interface SavedFile {
  /** In the bucket `generated`: `<user id>/<request id>-<attempt>/<number>.<type>`. */
  path: string;
  media_type: string;
  /** A link that works without credentials for 7 days. */
  signed_url: string;
}

/** Stores what a feature made, only in the caller's own folder. */
export interface Files {
  save(bytes: Uint8Array, mediaType: string): Promise<SavedFile>;
}

/** The folder of one attempt. `discard` removes the saved files if the attempt fails afterwards. */
export function createFiles(userId: string, attemptId: string): Files & { discard(): Promise<void> } {
  const paths: string[] = [];
  return {
    async save(bytes, mediaType) {
      const path = `${userId}/${attemptId}/${paths.length + 1}.${mediaType.split("/")[1]}`;
      paths.push(path);
      const bucket = adminClient().storage.from(BUCKET);
      const { error } = await bucket.upload(path, bytes, { contentType: mediaType, upsert: true });
      if (error) throw unavailable(error);
      const { data, error: signError } = await bucket.createSignedUrl(path, SIGNED_URL_LIFETIME_S);
      if (signError) throw unavailable(signError);
      return { path, media_type: mediaType, signed_url: reachable(data.signedUrl) };
    },
    async discard() {
      if (paths.length > 0) await adminClient().storage.from(BUCKET).remove(paths);
    },
  };
}

function unavailable(cause: unknown): AppError {
  return new AppError("service_unavailable", "Storage cannot be reached at the moment", {
    cause,
  });
}

/** Inside containers the project has a different address than outside. */
function reachable(url: string): string {
  const { url: internalUrl, publicUrl } = supabase();
  return url.startsWith(internalUrl) ? publicUrl + url.slice(internalUrl.length) : url;
}

const REMOVED_AT_ONCE = 1_000;

/** A function may run for 150 s. */
const FORGET_BUDGET_MS = 100_000;

/**
 * Removes all files of a user, in every bucket. Returns how many. Throws `service_unavailable` if some are left: call
 * it again to continue.
 */
export async function forgetFiles(userId: string): Promise<number> {
  const list = () => callDatabase("files_of_user", { p_user_id: userId, p_limit: REMOVED_AT_ONCE });
  const count = await removeAll(list, FORGET_BUDGET_MS);
  if ((await list()).length > 0) {
    throw new AppError("service_unavailable", "There are more files than can be removed at once: call again");
  }
  return count;
}

/** Removes files past their retention, until none is left or the time is over. Returns how many. */
export async function removeOldFiles(budgetMs: number): Promise<number> {
  return await removeAll(() => callDatabase("files_to_remove", { p_limit: REMOVED_AT_ONCE }), budgetMs);
}

interface StoredFile {
  bucket: string;
  path: string;
}

/**
 * Ends when no file is listed or the time is over. Without progress it throws: a file that Storage reports as removed
 * but keeps would loop forever.
 */
async function removeAll(list: () => Promise<StoredFile[]>, budgetMs: number): Promise<number> {
  const endsAtMs = performance.now() + budgetMs;
  let before = new Set<string>();
  let count = 0;
  while (performance.now() < endsAtMs) {
    const files = await list();
    if (files.length === 0) break;
    const listed = new Set(files.map(({ bucket, path }) => `${bucket}/${path}`));
    if ([...listed].every((name) => before.has(name))) {
      throw unavailable(new Error("Storage reports files as removed, but keeps them"));
    }
    before = listed;
    for (const [bucket, paths] of Object.entries(byBucket(files))) {
      const { error } = await adminClient().storage.from(bucket).remove(paths);
      if (error) throw unavailable(error);
    }
    count += files.length;
  }
  return count;
}

function byBucket(files: StoredFile[]): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  for (const { bucket, path } of files) (paths[bucket] ??= []).push(path);
  return paths;
}

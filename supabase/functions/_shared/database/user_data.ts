import { callDatabase } from "./rpc.ts";

/** One module's data of a user, under its registered name. */
interface Part {
  name: string;
  data: unknown;
}

/**
 * Reads the data of all registered modules about a user, part by part: an export needs the memory of its largest
 * part. Throws `service_unavailable` if the first part cannot be read; a later failure aborts the stream.
 */
export async function readUserData(userId: string): Promise<AsyncGenerator<Part>> {
  const readAfter = async (after: string) =>
    await callDatabase("export_next_user_data", { p_user_id: userId, p_after: after }) as Part | null;
  const first = await readAfter("");
  return (async function* () {
    for (let part = first; part !== null; part = await readAfter(part.name)) yield part;
  })();
}

/** The parts as one JSON object, after the fields of `head`. */
export async function* userDataJson(head: object, parts: AsyncIterable<Part>): AsyncGenerator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"data":{`;
  let separator = "";
  for await (const { name, data } of parts) {
    yield `${separator}${JSON.stringify(name)}:${JSON.stringify(data)}`;
    separator = ",";
  }
  yield "}}";
}

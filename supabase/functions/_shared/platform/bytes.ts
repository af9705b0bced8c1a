/** Counts bytes before they are kept, and throws when there is no room for them. */
export type Take = (byteCount: number) => void;

/** Reads a body into memory. */
export async function readWhole(
  body: AsyncIterable<Uint8Array>,
  take: Take,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of body) {
    take(chunk.length);
    byteCount += chunk.length;
    chunks.push(chunk);
  }
  const whole = new Uint8Array(byteCount);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

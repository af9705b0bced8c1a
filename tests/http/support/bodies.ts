/** The bodies that tests send to a feature; each feature has its own in tests/http/bodies. */
export interface Bodies {
  /** A usual body, with bytes where a file is sent; its first field is the one that the tests spoil. */
  sample: Record<string, unknown>;
  /** The largest body that fits the schema, if it is not the sample; it must be answered, too. */
  largest?: Record<string, unknown>;
}

/** The smallest picture there is, as data URL. */
export const PIXEL_URL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export async function bodiesOf(name: string): Promise<Bodies> {
  try {
    return (await import(/* @vite-ignore */ `../bodies/${name}.ts`)).default;
  } catch (cause) {
    throw new Error(`Write tests/http/bodies/${name}.ts with a body that ${name} answers`, { cause });
  }
}

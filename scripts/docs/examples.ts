import { bodiesOf } from "../../tests/http/support/bodies.ts";
import type { Declared } from "./declared.ts";

/** A call that the tests make: a file's place is taken by its name, a picture's by an address that can be read. */
export interface Example {
  fields: Record<string, unknown>;
  /** Names of the fields that are sent as files. */
  files: string[];
}

/** Stands for a picture in an example. */
export const PICTURE = "https://example.com/photo.jpg";

/** The usual body of a feature. */
export async function exampleOf({ name, kind }: Declared): Promise<Example | undefined> {
  if (kind !== "feature") return undefined;
  const { sample } = await bodiesOf(name);
  const files = Object.keys(sample).filter((field) => sample[field] instanceof Uint8Array);
  return {
    files,
    fields: JSON.parse(JSON.stringify(sample, (field, value) => {
      if (files.includes(field)) return "@recording.mp3";
      return typeof value === "string" && value.startsWith("data:image/") ? PICTURE : value;
    })),
  };
}

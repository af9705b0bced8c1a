import { bodiesOf } from "../../tests/http/support/bodies.ts";
import type { Declared } from "./declared.ts";

/** A call from the tests, with a file's name instead of its content, and a readable URL instead of a picture. */
export interface Example {
  fields: Record<string, unknown>;
  /** Fields that are sent as files. */
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

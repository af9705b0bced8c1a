/** A picture cannot be parsed: a part of it is longer than the file, or invalid. */
export class DamagedPicture extends Error {
  override readonly name = "DamagedPicture";
}

/** How many bytes rewritten parts of a format may add. */
const ROOM_BYTES = 64;

/** A new file from the kept parts of another, in order and in one buffer. */
export class Kept {
  readonly #source: Uint8Array;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
    this.#bytes = new Uint8Array(source.length + ROOM_BYTES);
  }

  get length(): number {
    return this.#length;
  }

  range(from: number, to: number): void {
    this.add(this.#source.subarray(from, to));
  }

  add(bytes: ArrayLike<number>): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** A four-letter name, as in PNG and RIFF. */
export function nameAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

export function startsWith(bytes: Uint8Array, text: string): boolean {
  return String.fromCharCode(...bytes.subarray(0, text.length)) === text;
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

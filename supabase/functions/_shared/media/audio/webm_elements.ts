import { unsigned } from "./reading.ts";

/** The elements of Matroska that a length needs. https://www.rfc-editor.org/info/rfc9559 */
export const ELEMENT = {
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  tracks: 0x1654ae6b,
  track: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codec: 0x86,
  codecPrivate: 0x63a2,
  encodings: 0x6d80,
  audio: 0xe1,
  samplingFrequency: 0xb5,
  channels: 0x9f,
  bitDepth: 0x6264,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  blockGroup: 0xa0,
  block: 0xa1,
  simpleBlock: 0xa3,
};

export interface Element {
  id: number;
  /** Where its content is; the end may be after the end of the file. */
  start: number;
  end: number;
}

/** The element that begins here; undefined if none does. Must be fast: small files may have millions of them. */
export function elementAt(view: DataView, at: number): Element | undefined {
  const idBytes = integerBytes(view, at);
  if (idBytes === 0) return undefined;
  const sizeAt = at + idBytes;
  const sizeBytes = integerBytes(view, sizeAt);
  if (sizeBytes === 0) return undefined;
  const start = sizeAt + sizeBytes;
  return {
    id: idBytes === 1 ? view.getUint8(at) : unsigned(view, at, idBytes),
    start,
    end: start + variableInteger(view, sizeAt, sizeBytes),
  };
}

/** The content of an element of known size. */
export function* childrenOf(view: DataView, { start, end }: Element): Generator<Element> {
  for (let at = start; at < end;) {
    const element = elementAt(view, at);
    if (element === undefined) return;
    yield element;
    at = element.end;
  }
}

/** The number of bytes of the EBML integer that begins here, by its first byte; 0 if it is invalid or incomplete. */
export function integerBytes(view: DataView, at: number): number {
  if (at >= view.byteLength) return 0;
  const bytes = Math.clz32(view.getUint8(at)) - 23;
  return bytes > 8 || at + bytes > view.byteLength ? 0 : bytes;
}

/** The integer without the mark of its length. */
export function variableInteger(view: DataView, at: number, bytes: number): number {
  const first = view.getUint8(at) & (0xff >> bytes);
  return bytes === 1 ? first : first * 256 ** (bytes - 1) + unsigned(view, at + 1, bytes - 1);
}

export function floatOf(view: DataView, { start, end }: Element): number {
  return end - start === 4 ? view.getFloat32(start) : view.getFloat64(start);
}

export function integerOf(view: DataView, { start, end }: Element): number {
  return unsigned(view, start, end - start);
}

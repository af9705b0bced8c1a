export function textAt(view: DataView, at: number, length: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
}

/** Four characters as a number, which is much faster to compare. */
export function tagOf(text: string): number {
  return [...text].reduce((value, character) => value * 256 + character.charCodeAt(0), 0);
}

/** A big-endian integer of up to 8 bytes. */
export function unsigned(view: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let index = 0; index < Math.min(bytes, 8); index++) value = value * 256 + view.getUint8(at + index);
  return value;
}

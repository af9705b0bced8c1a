export function textAt(view: DataView, at: number, length: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
}

/** Four characters as the number that they are, which is compared in a fraction of the time. */
export function tagOf(text: string): number {
  return [...text].reduce((value, character) => value * 256 + character.charCodeAt(0), 0);
}

/** An integer of up to 8 bytes, the first one being the highest. */
export function unsigned(view: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let index = 0; index < Math.min(bytes, 8); index++) value = value * 256 + view.getUint8(at + index);
  return value;
}

/** The first bytes of the picture formats that models accept and make. */
const SIGNATURES: [RegExp, string][] = [
  [/^\x89PNG\r\n/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
];

/** A file's type by its first bytes; undefined for an unknown picture. */
export function pictureType(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  return SIGNATURES.find(([signature]) => signature.test(start))?.[1];
}

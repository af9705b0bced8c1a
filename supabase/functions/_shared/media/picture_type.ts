/** How the picture formats begin that models take and make. */
const SIGNATURES: [RegExp, string][] = [
  [/^\x89PNG\r\n/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
];

/** What a file is, told from its first bytes; undefined when it is no picture that we know. */
export function pictureType(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  return SIGNATURES.find(([signature]) => signature.test(start))?.[1];
}

/** The body of a call: a form if a field is a file, otherwise JSON. */
export function bodyOf(input: object): { body: BodyInit; contentType?: string } {
  const isForm = Object.values(input).some((value) => value instanceof Blob);
  if (!isForm) return { body: JSON.stringify(input), contentType: "application/json" };
  const form = new FormData();
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    if (value instanceof Blob) form.append(name, value);
    else form.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return { body: form };
}

/** An input as a query string, for functions that use GET. */
export function queryOf(input: object): string {
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ""
    : `?${given.map((pair) => pair.map((part) => encodeURIComponent(String(part))).join("=")).join("&")}`;
}

/** A picture as the data URL that photo fields take. Its type must be image/jpeg, image/png or image/webp. */
export async function photoOf(picture: Blob): Promise<string> {
  if (picture.arrayBuffer === undefined) return await readAsDataUrl(picture);
  const bytes = new Uint8Array(await picture.arrayBuffer());
  let binary = "";
  // In pieces: a function call takes only some ten thousand arguments.
  for (let at = 0; at < bytes.length; at += 8_192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return `data:${picture.type};base64,${btoa(binary)}`;
}

/** For React Native, whose `Blob` does not expose its bytes. */
function readAsDataUrl(picture: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(picture);
  });
}

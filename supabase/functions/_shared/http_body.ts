import { AppError } from "./errors.ts";

/** The request's JSON. Refuses another content type and too large a body before the body is read whole. */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const mediaType = request.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") {
    throw new AppError("unsupported_media_type", "Content-Type must be application/json");
  }
  const text = await readText(request, maxBytes);
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("invalid_request", "The body must be JSON, and what arrived is not");
  }
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  if (Number(request.headers.get("Content-Length")) > maxBytes) throw tooLarge(maxBytes);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let byteCount = 0;
  try {
    for await (const chunk of request.body ?? []) {
      byteCount += chunk.length;
      if (byteCount > maxBytes) throw tooLarge(maxBytes);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("invalid_request", "The body must be UTF-8 and arrive whole", { cause: error });
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("payload_too_large", `The body must have at most ${maxBytes} bytes`, {
    details: { max_bytes: maxBytes },
  });
}

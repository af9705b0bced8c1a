import { Buffer } from "node:buffer";
import { listFolder } from "./lite_folders.ts";

/**
 * Answers a Storage request through lite, in the format of a hosted project: an upload from a browser is a form whose
 * file has no name, signed URLs are `signedURL` and `url`, relative to /storage/v1, and a list has the direct content
 * of a folder, by name.
 */
export async function fetchStorage(
  request: Request,
  fetchLite: (request: Request) => Promise<Response>,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "POST" && pathname.startsWith("/storage/v1/object/list/")) {
    return await listFolder(request, fetchLite);
  }
  const response = await fetchLite(await withPlainBody(request));
  const isSigning = request.method === "POST" && /^\/storage\/v1\/object\/(upload\/)?sign\//.test(pathname);
  return isSigning && response.ok ? withHostedNames(response) : response;
}

async function withPlainBody(request: Request): Promise<Request> {
  const type = request.headers.get("content-type");
  if (!type?.startsWith("multipart/form-data")) return request;
  // Deno drops fields without a name, so the file's field gets one, in the first header that lacks it.
  const body = Buffer.from(await request.arrayBuffer()).toString("latin1")
    .replace(/(\r\nContent-Disposition: form-data; name=)""/i, '$1"file"');
  const form = await new Response(Buffer.from(body, "latin1"), { headers: { "content-type": type } })
    .formData();
  const file = [...form.values()].find((value) => value instanceof File);
  if (!file) return new Request(request.url, { method: request.method, headers: request.headers });
  const headers = new Headers(request.headers);
  headers.set("content-type", file.type || "application/octet-stream");
  headers.set("content-length", String(file.size));
  const cacheControl = form.get("cacheControl");
  if (typeof cacheControl === "string") headers.set("cache-control", `max-age=${cacheControl}`);
  const metadata = form.get("metadata");
  if (typeof metadata === "string") {
    headers.set("x-metadata", btoa(String.fromCharCode(...new TextEncoder().encode(metadata))));
  }
  return new Request(request.url, { method: request.method, headers, body: file });
}

async function withHostedNames(response: Response): Promise<Response> {
  const body = await response.json();
  return Response.json(Array.isArray(body) ? body.map(rename) : rename(body), { status: response.status });
}

function rename({ signedUrl, ...rest }: { signedUrl?: string; token?: string }): unknown {
  const path = signedUrl?.replace(/^\/storage\/v1/, "");
  return "token" in rest ? { ...rest, url: path } : { ...rest, signedURL: path || null };
}

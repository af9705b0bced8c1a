/** A file in lite's list: its name is the whole path in the bucket. */
interface ListedFile {
  name: string;
  [column: string]: unknown;
}

/** A client's options: https://supabase.com/docs/reference/javascript/storage-from-list */
interface ListQuery {
  prefix?: string;
  limit?: number;
  offset?: number;
  search?: string;
  sortBy?: { column?: string; order?: string };
}

const DEFAULT_LIMIT = 100;
/** The page size of requests to lite. */
const PAGE_SIZE = 1_000;

/**
 * Lists a folder as a hosted project does: folders first, then files, each by its name in the folder. Lite has no
 * folders; it lists all files whose path begins with a prefix.
 */
export async function listFolder(
  request: Request,
  fetchLite: (request: Request) => Promise<Response>,
): Promise<Response> {
  const { prefix = "", search = "", limit = DEFAULT_LIMIT, offset = 0, sortBy }: ListQuery = await request
    .json();
  const headers = new Headers(request.headers);
  headers.delete("content-length");
  const folder = prefix.replace(/^\/+|\/+$/g, "");
  const start = folder === "" ? "" : `${folder}/`;
  const { column = "name", order = "asc" } = sortBy ?? {};
  const files: ListedFile[] = [];
  for (let page = 0;; page++) {
    const body = { prefix: start, limit: PAGE_SIZE, offset: page * PAGE_SIZE, sortBy: { column, order } };
    const response = await fetchLite(
      new Request(request.url, { method: "POST", headers, body: JSON.stringify(body) }),
    );
    if (!response.ok) return response;
    const found: ListedFile[] = await response.json();
    // Lite treats % and _ in a path as wildcards.
    files.push(...found.filter(({ name }) => name.startsWith(start)));
    if (found.length < PAGE_SIZE) break;
  }
  const folders = new Set<string>();
  const own: ListedFile[] = [];
  for (const file of files) {
    const [name, ...below] = file.name.slice(start.length).split("/");
    if (!name!.toLowerCase().startsWith(search.toLowerCase())) continue;
    if (below.length > 0) folders.add(name!);
    else own.push({ ...file, name: name! });
  }
  const names = [...folders].toSorted();
  if (order === "desc") names.reverse();
  return Response.json([...names.map(asFolder), ...own].slice(offset, offset + limit));
}

function asFolder(name: string): ListedFile {
  return { name, id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null };
}

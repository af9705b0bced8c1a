/** The part of Supabase's Management API that the CLI asks for a deployment; it keeps what it was sent. */
export interface ManagementApi {
  /** What SUPABASE_PROFILE names: the CLI's settings to come here. */
  profile: string;
  /** Secrets that the project has. */
  secrets: Set<string>;
  /** Functions that were sent, in their order, each with its settings and the files of its bundle. */
  sent: { slug: string; settings: Record<string, unknown>; files: Map<string, string> }[];
  /** Called before a function is taken. */
  onFunction: (slug: string) => Promise<void>;
  stop(): Promise<void>;
}

/** Starts one on loopback, for one project. */
export async function startManagementApi(ref: string): Promise<ManagementApi> {
  const folder = await Deno.makeTempDir({ prefix: "tessera-cli-" });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, answer);
  const address = `http://127.0.0.1:${server.addr.port}`;
  const profile = `${folder}/profile.yaml`;
  const lines = { name: "test", api_url: address, dashboard_url: address, project_host: "localhost" };
  await Deno.writeTextFile(
    profile,
    Object.entries(lines).map(([key, value]) => `${key}: ${value}\n`).join(""),
  );
  const api: ManagementApi = {
    profile,
    secrets: new Set(),
    sent: [],
    onFunction: () => Promise.resolve(),
    async stop() {
      await server.shutdown();
      await Deno.remove(folder, { recursive: true });
    },
  };
  return api;

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const what = `${request.method} ${pathname.replace(`/v1/projects/${ref}`, "")}`;
    if (!/^Bearer sbp_\w{40}$/.test(request.headers.get("Authorization") ?? "")) {
      return Response.json({ message: "Unauthorized" }, { status: 401 });
    }
    if (what === "GET /secrets") {
      return Response.json([...api.secrets].map((name) => ({ name, value: "a".repeat(64) })));
    }
    if (what === "GET /functions") return Response.json([]);
    if (what === "POST /functions/deploy") {
      const slug = searchParams.get("slug")!;
      await api.onFunction(slug);
      const form = await request.formData();
      const files = new Map<string, string>();
      for (const file of form.getAll("file")) {
        if (file instanceof File) files.set(file.name, await file.text());
      }
      api.sent.push({ slug, settings: JSON.parse(String(form.get("metadata"))), files });
      return Response.json(deployed(slug), { status: 201 });
    }
    if (what === "PUT /functions") {
      const functions: { slug: string }[] = await request.json();
      return Response.json({ functions: functions.map(({ slug }) => deployed(slug)) });
    }
    return Response.json({ message: "Not Found" }, { status: 404 });
  }
}

function deployed(slug: string) {
  const id = "1f0e1c1c-0000-4000-8000-000000000000";
  return {
    id,
    slug,
    name: slug,
    status: "ACTIVE",
    version: 1,
    verify_jwt: false,
    created_at: 1,
    updated_at: 1,
  };
}

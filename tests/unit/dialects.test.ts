import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type DemoModel, startDemoModel } from "../../scripts/local/demo_model.ts";
import type { Route, ServerDialect } from "../../scripts/local/demo_model/dialects/dialect.ts";
import { DIALECTS } from "../../scripts/local/demo_model/dialects/table.ts";
import type { Feature } from "../../supabase/functions/_shared/feature/feature.ts";
import type { Files } from "../../supabase/functions/_shared/media/files.ts";
import { ModelFailure } from "../../supabase/functions/_shared/models/failures.ts";
import { createModels, type ReadDraft } from "../../supabase/functions/_shared/models/models.ts";
import { DEFAULT_LIMITS } from "../../supabase/functions/_shared/ledger/price.ts";
import { type Bodies, bodiesOf } from "../http/support/bodies.ts";
import { endpoints, isFeature } from "../http/support/functions_folder.ts";

// deno-lint-ignore no-explicit-any
type AnyFeature = Feature<any, any>;

const features = await Promise.all(
  endpoints.filter(isFeature).map(async (one) =>
    [one as unknown as AnyFeature, await bodiesOf(one.name)] as const
  ),
);

const ROUTES: [path: string, route: Route][] = [
  ["/chat/completions", "chat"],
  ["/images/generations", "images"],
  ["/audio/transcriptions", "transcriptions"],
  ["/audio/speech", "speech"],
];

/** Files are put nowhere: what a feature saves is no matter of the provider. */
const files: Files = {
  save: (_bytes, media_type) =>
    Promise.resolve({ path: "here", media_type, signed_url: "https://files.invalid/here" }),
};

let demo: DemoModel;
beforeAll(() => {
  demo = startDemoModel({ port: 0 });
});
afterAll(() => demo.stop());

interface Run {
  data: unknown;
  failure: unknown;
  usage: ReturnType<ReturnType<typeof createModels>["usage"]>;
  /** Of each request that reached the server, refused ones too. */
  asked: Route[];
  drafts: unknown[];
}

/** Runs a feature's own code on its sample body, over HTTP to a server that speaks the dialect. */
async function run(
  [feature, bodies]: readonly [AnyFeature, Bodies],
  { dialect, label, isStream = false }: { dialect?: ServerDialect; label: string; isStream?: boolean },
): Promise<Run> {
  const input = feature.input.parse(bodies.sample);
  const requestId = crypto.randomUUID();
  const reads: ReadDraft[] = [];
  const limits = {
    ...DEFAULT_LIMITS,
    ...(typeof feature.limits === "function" ? feature.limits(input) : feature.limits),
  };
  const base = dialect === undefined
    ? "/v1"
    : `/dialects/${dialect.name}${dialect.path}${dialect.query ?? ""}`;
  const models = createModels({
    requestId,
    maxOutputTokens: limits.output_tokens,
    onDraft: isStream ? (read) => reads.push(read) : undefined,
    config: {
      baseUrl: demo.url + base,
      apiKey: "demo-key",
      textModel: `demo-text+${label}`,
      visionModel: `demo-vision+${label}`,
      imageModel: `demo-image+${label}`,
      transcribeModel: `demo-transcribe+${label}`,
      speechModel: `demo-speech+${label}`,
      timeoutMs: 20_000,
      // As docs/providers.md says for a server that ignores what it does not know.
      structuredOutput: dialect?.name === "anthropic" ? "prompt" : "auto",
    },
  });
  let [data, failure]: unknown[] = [];
  try {
    data = await feature.run({ input, models, files, show: () => {} });
  } catch (error) {
    failure = error;
  }
  const asked = demo.requests.filter(({ request_id }) => request_id === requestId)
    .map(({ path }) => ROUTES.find(([end]) => path.endsWith(end))![1]);
  return {
    data,
    failure,
    usage: models.usage(),
    asked,
    drafts: await Promise.all(reads.map((read) => read())),
  };
}

const needs = new Map<string, Route[]>();
beforeAll(async () => {
  for (const one of features) {
    const { asked, failure } = await run(one, { label: "needs" });
    expect(failure).toBeUndefined();
    needs.set(one[0].name, asked);
  }
});

describe.each(DIALECTS.map((dialect) => [dialect.title, dialect] as const))(
  "a provider like %s",
  (_title, dialect) => {
    it.each(features.map((one) => [one[0].name, one] as const))(
      "answers %s, paid for once",
      async (name, one) => {
        const needed = needs.get(name)!;
        const missing = needed.findIndex((route) => !dialect.routes.includes(route));
        for (const isStream of [false, true]) {
          const label = `${dialect.name}-${name}`;
          const first = await run(one, { dialect, label, isStream });
          if (missing >= 0) {
            // It cannot: the operator reads why, and what was not asked is not paid for.
            expect((first.failure as Error).cause).toBeInstanceOf(ModelFailure);
            const { reason, facts } = (first.failure as Error).cause as ModelFailure;
            expect([reason, facts.status, facts.detail]).toEqual([
              "misconfigured",
              404,
              expect.stringMatching(/route/),
            ]);
            expect(first.usage.calls).toBe(missing);
            continue;
          }
          expect(first.failure).toBeUndefined();
          expect(one[0].output.parse(first.data)).toEqual(first.data);
          expect(first.usage.calls).toBe(needed.length);
          if (needed.includes("chat")) expect(first.usage).toMatchObject({ known: true });
          if (isStream && needed.at(-1) === "chat") {
            expect(first.drafts.filter((draft) => draft !== undefined).length).toBeGreaterThan(0);
          }
          const second = await run(one, { dialect, label, isStream });
          expect(second.failure).toBeUndefined();
          expect(second.asked).toEqual(needed);
        }
      },
    );
  },
);

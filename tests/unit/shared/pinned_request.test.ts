import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { denoOf, HOSTED_DENO, mapAloneFlags } from "../../../scripts/local/functions_deno.ts";
import { projectFolder } from "../../../scripts/local/paths.ts";
import { requestAt } from "../../../supabase/functions/_shared/http/pinned_request.ts";
import { outcomeOf } from "../../support/pinned/outcome.ts";
import { pemOf, startTrial, TRIALS } from "../../support/pinned/trials.ts";

const ca = pemOf("ca");

describe("a request to one address of a host", () => {
  it.each(TRIALS)("that meets $name: $expected", async (trial) => {
    const { asked, stop } = await startTrial(trial);
    try {
      expect(await outcomeOf(asked, ca)).toBe(trial.expected);
    } finally {
      stop();
    }
  });

  it(
    "comes to the same on the Deno of the hosted runtime, and leaves neither a failure nor a connection behind",
    async () => {
      const { command, env } = await denoOf(HOSTED_DENO);
      const started = await Promise.all(TRIALS.map(startTrial));
      try {
        const child = new Deno.Command(command, {
          args: [
            "run",
            "--no-check",
            "--allow-net",
            "--allow-env",
            "--allow-read",
            ...mapAloneFlags(join(projectFolder, "deno.json")),
            join(projectFolder, "tests", "support", "pinned", "child.ts"),
          ],
          env,
          signal: AbortSignal.timeout(60_000),
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const input = child.stdin.getWriter();
        await input.write(
          new TextEncoder().encode(JSON.stringify({ asked: started.map(({ asked }) => asked), ca })),
        );
        await input.close();
        const { code, stdout, stderr } = await child.output();
        expect({ code, stderr: code === 0 ? "" : new TextDecoder().decode(stderr) }).toEqual({
          code: 0,
          stderr: "",
        });
        const outcomes: string[] = JSON.parse(new TextDecoder().decode(stdout));
        expect(Object.fromEntries(TRIALS.map(({ name }, index) => [name, outcomes[index]])))
          .toEqual(Object.fromEntries(TRIALS.map(({ name, expected }) => [name, expected])));
      } finally {
        for (const { stop } of started) stop();
      }
    },
    120_000,
  );

  it("asks nothing after its signal's end", async () => {
    const request = { method: "GET" as const, headers: {} };
    await expect(
      requestAt(new URL("https://a.example"), "192.0.2.1", request, AbortSignal.abort(new Error("over"))),
    )
      .rejects.toThrow("over");
  });
});

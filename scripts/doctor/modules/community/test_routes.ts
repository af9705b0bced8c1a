import type { Examination, Finding } from "../../finding.ts";

/** Routes by which the earlier backend was tried out: they told strangers of its settings, or did things without credentials. */
const ROUTES = ["test-config", "test-brevo", "test-webhook"];

/** Whether none of them answers. What they were for, the doctor does itself: settings, connection, migrations. */
export const testRoutesExamination: Examination = {
  name: "test routes",
  async examine({ url }) {
    if (!url) return [];
    const answers = await Promise.all(ROUTES.map(async (route) => {
      const address = `${url}/functions/v1/${route}`;
      const answer = await fetch(address, { signal: AbortSignal.timeout(10_000) });
      await answer.body?.cancel();
      return { route, isThere: answer.status !== 404 };
    }));
    return answers.filter(({ isThere }) => isThere).map(({ route }): Finding => ({
      severity: "missing",
      what: `The function ${route} answers`,
      why: "It is open to everybody, and tells of the settings or acts for who asks",
      fix: `supabase functions delete ${route}`,
    }));
  },
};

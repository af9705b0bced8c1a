import type { Examination } from "../finding.ts";

export default [] satisfies Examination[];

/** The steps of a history up to the first difference from the model, in readable lines. */
export class SimulationFailure extends Error {
  constructor(readonly transcript: string[], readonly problems: string[]) {
    super(problems.join("\n"));
    this.name = "SimulationFailure";
  }
}

/** What a history did until it was not as the model says, in readable lines. */
export class SimulationFailure extends Error {
  constructor(readonly transcript: string[], readonly problems: string[]) {
    super(problems.join("\n"));
    this.name = "SimulationFailure";
  }
}

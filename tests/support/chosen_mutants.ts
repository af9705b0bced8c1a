/** So many of the planted bugs as SIMULATION_MUTANTS says, others in each run; without it all of them. */
export function chosen<Mutant>(mutants: readonly Mutant[]): Mutant[] {
  const count = Number(Deno.env.get("SIMULATION_MUTANTS") ?? mutants.length);
  return mutants.map((mutant) => ({ mutant, order: Math.random() }))
    .toSorted((one, other) => one.order - other.order)
    .slice(0, count)
    .map(({ mutant }) => mutant);
}

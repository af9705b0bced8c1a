// Prints how many milliseconds the import of a module takes in a process that has loaded nothing yet.
const startedAt = performance.now();
await import(Deno.args[0]!);
console.log(performance.now() - startedAt);
Deno.exit(0);

/** The address of the stack's database for one role. */
export function databaseUrl(port: number, role: string, password: string): string {
  return `postgresql://${role}:${password}@127.0.0.1:${port}/postgres`;
}

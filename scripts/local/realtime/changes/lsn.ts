/** A place in Postgres's WAL as a number: `16/B374D848`. */
export function lsnToNumber(lsn: string): bigint {
  const [upper, lower] = lsn.split("/") as [string, string];
  return (BigInt(`0x${upper}`) << 32n) | BigInt(`0x${lower}`);
}

/** The place one byte before another; the first place stays. */
export function previousLsn(lsn: string): string {
  const number = lsnToNumber(lsn);
  const previous = number === 0n ? 0n : number - 1n;
  return `${(previous >> 32n).toString(16)}/${(previous & 0xffffffffn).toString(16)}`.toUpperCase();
}

/**
 * Rounds in turn: each round asks every contestant once, so that what happens to the machine happens to all of them. Every second round
 * goes the other way round: who came last then comes first.
 */
export async function inTurn<C, S>(
  contestants: readonly C[],
  rounds: number,
  ask: (contestant: C, round: number) => Promise<S>,
): Promise<Map<C, S[]>> {
  const samples = new Map<C, S[]>(contestants.map(c => [c, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contestants : [...contestants].reverse();
    for (const contestant of order) samples.get(contestant)!.push(await ask(contestant, round));
  }
  return samples;
}

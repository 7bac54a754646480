/** Every node of a lab is asked to tell which rules its packets meet. */
import type { Instance } from './instance.ts';

/** @returns nodes that cannot tell their rules, and why: their journeys show what happened and not which rule did it */
export async function beginTrace(instance: Instance, say: (line: string) => void): Promise<Record<string, string>> {
  const untold: Record<string, string> = {};
  const tell = async (node: string): Promise<void> => {
    const why = await instance.plane(node).beginTrace();
    if (why === undefined) return;
    untold[node] = why;
    say(`${node} cannot tell which rules its packets meet: ${why}`);
  };
  await Promise.all([...instance.planes.keys()].map(tell));
  return untold;
}

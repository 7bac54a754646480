/** A server of the node itself, for as long as an exercise runs: the one that answers in pods, in the node's own namespace. */
import { LabError } from '../../base/errors.ts';
import { type RunningPod, startPod } from '../pod/start.ts';

/** Listens on every address of `where`. @throws LabError BAD_INPUT when the port is taken */
export async function serveAt(where: string, port: number): Promise<RunningPod> {
  try {
    return await startPod(where, { node: where, address: '0.0.0.0', port });
  } catch (error) {
    if (!(error as Error).message.includes('EADDRINUSE')) throw error;
    throw new LabError('BAD_INPUT', `port ${port} of ${where} is taken: the exercise starts a server of its own there: end yours first`, {
      cause: error,
    });
  }
}

/** What a container is doing, and how its status shows it. */
import type { ContainerStatusOf } from '../cluster/schema/pod.ts';
import { timeText } from '../cluster/store/object.ts';
import type { ExitStatus } from './runtime.ts';

export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly kind: 'running'; readonly startedMs: number }
  | Ended;

export interface Ended {
  readonly kind: 'ended';
  readonly startedMs: number;
  readonly endedMs: number;
  readonly exit: ExitStatus;
  /** `Completed`, `Error`, `StartError` */
  readonly reason: string;
  readonly message: string;
}

export function stateShown(state: ContainerState, containerId: string): NonNullable<ContainerStatusOf['state']> {
  switch (state.kind) {
    case 'waiting':
      return { waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) } };
    case 'running':
      return { running: { startedAt: timeText(state.startedMs) } };
    case 'ended': {
      const { exit, reason, message, startedMs, endedMs } = state;
      return {
        terminated: {
          exitCode: exit.code,
          ...(exit.signal === undefined ? {} : { signal: exit.signal }),
          reason,
          ...(message === '' ? {} : { message }),
          startedAt: timeText(startedMs),
          finishedAt: timeText(endedMs),
          containerID: containerId,
        },
      };
    }
  }
}

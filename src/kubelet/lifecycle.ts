/** What `lifecycle` asks for after the start and before the end of a container (k/k `pkg/kubelet/lifecycle/handlers.go`). */
import type { ContainerSpec } from '../cluster/schema/pod.ts';
import type { PodContext } from './pod-worker.ts';
import { portOf } from './probe.ts';
import type { RunningContainer } from './runtime.ts';

const HTTP_TIMEOUT_MS = 30_000;

/** @returns what was amiss; undefined when it is well. Never rejects. */
export async function runHook(
  container: ContainerSpec,
  moment: 'postStart' | 'preStop',
  podIp: string,
  running: RunningContainer,
  { runtime, timers }: Pick<PodContext, 'runtime' | 'timers'>,
): Promise<string | undefined> {
  const { exec, httpGet, sleep } = container.lifecycle?.[moment] ?? {};
  if (exec !== undefined) {
    const argv = exec.command ?? [];
    try {
      const { code } = await (await running.exec({ argv, environment: {}, stdin: false, tty: false })).exited;
      return code === 0 ? undefined : `command '${argv.join(' ')}' exited with ${code}`;
    } catch (error) {
      return (error as Error).message;
    }
  }
  if (sleep !== undefined) {
    // Who has ended need not be waited for.
    await Promise.race([new Promise<void>(resolve => timers.after(sleep.seconds * 1000, resolve)), running.exited]);
    return undefined;
  }
  if (httpGet === undefined) return undefined;
  const port = portOf(httpGet.port, container);
  if (port === undefined) return `couldn't find port: ${httpGet.port} in container ${container.name}`;
  const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const address = httpGet.host || podIp;
  return runtime.checkHttp({
    address,
    port,
    path: httpGet.path ?? '/',
    https: httpGet.scheme === 'HTTPS',
    headers,
    timeoutMs: HTTP_TIMEOUT_MS,
  });
}

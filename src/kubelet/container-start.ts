/** From a container's spec to a process: image, environment, command, volumes. */
import type { ContainerSpec, Pod } from '../cluster/schema/pod.ts';
import { ImageError } from './container-worker.ts';
import { ConfigError, environmentOf, expand } from './environment.ts';
import { type Image, imageName } from './images.ts';
import { hostName } from './pod-files.ts';
import type { PodContext } from './pod-worker.ts';
import { type Identity, type RunningContainer, type Sandbox, StartError } from './runtime.ts';
import { mountsOf } from './volumes.ts';

/** @throws ImageError, ConfigError, StartError */
export async function startContainer(
  spec: ContainerSpec,
  pod: Pod,
  sandbox: Sandbox | undefined,
  podIp: string,
  context: Pick<PodContext, 'api' | 'images' | 'node'>,
): Promise<RunningContainer> {
  if (sandbox === undefined) throw new StartError('CreateContainerError', 'the sandbox of the pod is gone');
  const image = findImage(spec, pod, context);
  const settings = context.api.settings(pod.metadata.namespace ?? '');
  const facts = { podIp, hostIp: context.node.address, nodeName: context.node.name };
  const own = environmentOf(spec, pod, facts, settings);
  const isOurs = image.kind === 'process' && image.knowsPorts === true;
  const known = isOurs ? { KUBEHOP_PORTS: portsText(spec), KUBEHOP_NODE: context.node.name } : {};
  const environment = { ...DEFAULTS, HOSTNAME: hostName(pod), ...known, ...own };
  const workingDir = spec.workingDir ?? '';
  return sandbox.start({
    container: spec.name,
    image,
    argv: argvOf(spec, image).map(word => expand(word, own)),
    environment,
    ...(workingDir === '' ? {} : { workingDir }),
    stdin: spec.stdin === true,
    tty: spec.tty === true,
    mounts: mountsOf(spec, pod, facts, settings),
    ...identityOf(spec, pod),
  });
}

const DEFAULTS = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' } as const;

function findImage(spec: ContainerSpec, pod: Pod, { api, images }: Pick<PodContext, 'api' | 'images'>): Image {
  const name = spec.image ?? '';
  const found = images.find(imageName(name));
  if (found === undefined)
    throw new ImageError(
      `images are not fetched here, and "${imageName(name)}" stands for no program: known are ${images.known.join(', ')}`,
    );
  const note = found.note === undefined ? '' : `: ${found.note}`;
  const message = `Container image "${name}" already present on machine${note}`;
  api.tell(pod, { type: 'Normal', reason: 'Pulled', message, container: spec.name });
  return found;
}

/** `command` takes the place of entry point and arguments, `args` that of the arguments. */
function argvOf(spec: ContainerSpec, image: Image): readonly string[] {
  const { command = [], args = [] } = spec;
  if (image.kind === 'inside') return [];
  if (command.length > 0) return [...command, ...args];
  return [...image.entrypoint, ...(args.length > 0 ? args : image.arguments)];
}

/** `8080,53` */
const portsText = ({ ports = [] }: ContainerSpec): string => [...new Set(ports.map(({ containerPort }) => containerPort))].join();

function identityOf(spec: ContainerSpec, pod: Pod): Identity {
  const own = spec.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  const user = own.runAsUser ?? shared.runAsUser;
  const group = own.runAsGroup ?? shared.runAsGroup;
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) === true && (user ?? 0) === 0)
    throw new ConfigError(`container has runAsNonRoot and image will run as root (pod: "${pod.metadata.name}", container: ${spec.name})`);
  const netAdmin = own.privileged === true || (own.capabilities?.add ?? []).some(name => /^(CAP_)?NET_ADMIN$|^ALL$/.test(name));
  return { ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }), netAdmin };
}

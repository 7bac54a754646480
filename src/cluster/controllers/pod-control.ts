/** Pods that a controller makes from its template and takes away, told as Events (k/k `pkg/controller/controller_utils.go`, `RealPodControl`). */
import { Pods } from '../resources/index.ts';
import type { Pod, PodTemplate } from '../schema/pod.ts';
import type { ApiObject, Draft } from '../store/object.ts';
import { isReason } from '../store/status.ts';
import { type ControllerContext, ownerReference, tell } from './context.ts';

export interface PodMaker {
  readonly context: ControllerContext;
  /** `replicaset-controller` */
  readonly component: string;
}

/** @param change what of the pod is special. @returns undefined when its namespace goes */
export function createPod(
  { context, component }: PodMaker,
  owner: ApiObject,
  template: PodTemplate | undefined,
  change: (draft: Draft<Pod>) => void = () => {},
): Pod | undefined {
  const draft: Draft<Pod> = structuredClone({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace!,
      labels: { ...template?.metadata?.labels },
      ...(template?.metadata?.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ...(template?.metadata?.finalizers === undefined ? {} : { finalizers: template.metadata.finalizers }),
      ownerReferences: [ownerReference(owner)],
    },
    spec: template?.spec,
  }) as Draft<Pod>;
  change(draft);
  try {
    const pod = context.store.create(Pods, draft as Pod);
    tell(context, component, owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    return pod;
  } catch (error) {
    if (isReason(error, 'Forbidden') || isReason(error, 'NotFound')) return undefined;
    tell(context, component, owner, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
    throw error;
  }
}

export function deletePod({ context, component }: PodMaker, owner: ApiObject, { metadata }: Pod): void {
  const { namespace = '', name = '', uid } = metadata;
  try {
    context.store.delete(Pods, namespace, name, { preconditions: { uid } });
    tell(context, component, owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
  }
}

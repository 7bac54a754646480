/** Deployment, ReplicaSet and DaemonSet (k/k `staging/src/k8s.io/api/apps/v1/types.go`), and Scale (autoscaling/v1). */
import { kindOf, LabelSelector, type ObjectOf } from './meta.ts';
import { PodTemplateDefinition } from './pod.ts';
import { apps, bool, define, type Infer, int32, int64, intOrText, keyed, need, ref, retain, text, time, word } from './schema.ts';

const condition = (of: string) =>
  define(apps(`${of}Condition`), `One aspect of the ${of}.`, {
    type: need(text('Which aspect.')),
    status: need(text('True, False or Unknown.')),
    ...(of === 'Deployment' ? { lastUpdateTime: time('When it was looked at last.') } : {}),
    lastTransitionTime: time('When status changed last.'),
    reason: text('Why, in one word.'),
    message: text('Why, for people.'),
  });

const rolling = (of: string) =>
  define(apps(`RollingUpdate${of}`), 'How many at a time.', {
    maxUnavailable: intOrText('Most that may be missing meanwhile, as a number or a percentage.'),
    maxSurge: intOrText('Most that may be there above the wanted number, as a number or a percentage.'),
  });
const DeploymentStrategy = define(apps('DeploymentStrategy'), 'How old Pods are replaced by new ones.', {
  type: word(['RollingUpdate', 'Recreate'], 'A few at a time, or all at once; RollingUpdate.'),
  rollingUpdate: ref(rolling('Deployment')),
});

const DeploymentSpecDefinition = define(apps('DeploymentSpec'), 'What the Deployment is to be.', {
  replicas: int32('Pods that are wanted; 1.'),
  selector: need(ref(LabelSelector, 'Pods that are its own. Must match the labels of the template; cannot be changed.')),
  template: need(ref(PodTemplateDefinition)),
  strategy: retain(ref(DeploymentStrategy)),
  minReadySeconds: int32('Seconds for which a new Pod must be ready before it counts as available; 0.'),
  revisionHistoryLimit: int32('Old ReplicaSets that are kept for a rollback; 10.'),
  paused: bool('Is nothing rolled out for the moment?'),
  progressDeadlineSeconds: int32('Seconds without progress until a rollout is said to have failed; 600.'),
});
const DeploymentStatusDefinition = define(apps('DeploymentStatus'), 'What is observed of the Deployment.', {
  observedGeneration: int64('Generation that this status is about.'),
  replicas: int32('Pods that are there.'),
  updatedReplicas: int32('Pods of the present template.'),
  readyReplicas: int32('Pods that are ready.'),
  availableReplicas: int32('Pods that have been ready for minReadySeconds.'),
  unavailableReplicas: int32('Pods that are missing.'),
  terminatingReplicas: int32('Pods that are on their way out.'),
  conditions: keyed(ref(condition('Deployment')), ['type'], 'What holds and what does not.'),
  collisionCount: int32('How often the name of a ReplicaSet was taken.'),
});
export const DeploymentDefinition = kindOf(
  apps('Deployment'),
  'apps',
  'v1',
  'Pods of one template, replaced step by step when it changes.',
  {
    spec: ref(DeploymentSpecDefinition),
    status: ref(DeploymentStatusDefinition),
  },
);

const ReplicaSetSpecDefinition = define(apps('ReplicaSetSpec'), 'What the ReplicaSet is to be.', {
  replicas: int32('Pods that are wanted; 1.'),
  minReadySeconds: int32('Seconds for which a new Pod must be ready before it counts as available; 0.'),
  selector: need(ref(LabelSelector, 'Pods that are its own. Must match the labels of the template; cannot be changed.')),
  template: ref(PodTemplateDefinition),
});
const ReplicaSetStatusDefinition = define(apps('ReplicaSetStatus'), 'What is observed of the ReplicaSet.', {
  replicas: need(int32('Pods that are there.')),
  fullyLabeledReplicas: int32('Pods that have all labels of the template.'),
  readyReplicas: int32('Pods that are ready.'),
  availableReplicas: int32('Pods that have been ready for minReadySeconds.'),
  terminatingReplicas: int32('Pods that are on their way out.'),
  observedGeneration: int64('Generation that this status is about.'),
  conditions: keyed(ref(condition('ReplicaSet')), ['type'], 'What holds and what does not.'),
});
export const ReplicaSetDefinition = kindOf(apps('ReplicaSet'), 'apps', 'v1', 'So many Pods of one template.', {
  spec: ref(ReplicaSetSpecDefinition),
  status: ref(ReplicaSetStatusDefinition),
});

const DaemonSetUpdateStrategy = define(apps('DaemonSetUpdateStrategy'), 'How old Pods are replaced by new ones.', {
  type: word(['RollingUpdate', 'OnDelete'], 'A few at a time, or when somebody deletes them; RollingUpdate.'),
  rollingUpdate: ref(rolling('DaemonSet')),
});
const DaemonSetSpecDefinition = define(apps('DaemonSetSpec'), 'What the DaemonSet is to be.', {
  selector: need(ref(LabelSelector, 'Pods that are its own. Must match the labels of the template; cannot be changed.')),
  template: need(ref(PodTemplateDefinition)),
  updateStrategy: ref(DaemonSetUpdateStrategy),
  minReadySeconds: int32('Seconds for which a new Pod must be ready before it counts as available; 0.'),
  revisionHistoryLimit: int32('Old templates that are kept for a rollback; 10.'),
});
const DaemonSetStatusDefinition = define(apps('DaemonSetStatus'), 'What is observed of the DaemonSet.', {
  currentNumberScheduled: need(int32('Nodes that run one and should.')),
  numberMisscheduled: need(int32('Nodes that run one and should not.')),
  desiredNumberScheduled: need(int32('Nodes that should run one.')),
  numberReady: need(int32('Nodes where it is ready.')),
  observedGeneration: int64('Generation that this status is about.'),
  updatedNumberScheduled: int32('Nodes that run one of the present template.'),
  numberAvailable: int32('Nodes where it has been ready for minReadySeconds.'),
  numberUnavailable: int32('Nodes where it is missing.'),
  collisionCount: int32('How often the name of a revision was taken.'),
  conditions: keyed(ref(condition('DaemonSet')), ['type'], 'What holds and what does not.'),
});
export const DaemonSetDefinition = kindOf(apps('DaemonSet'), 'apps', 'v1', 'One Pod of a template on every node.', {
  spec: ref(DaemonSetSpecDefinition),
  status: ref(DaemonSetStatusDefinition),
});

const scaling = (name: string): string => `io.k8s.api.autoscaling.v1.${name}`;
export const ScaleDefinition = kindOf(scaling('Scale'), 'autoscaling', 'v1', 'How many: one number of another object.', {
  spec: ref(define(scaling('ScaleSpec'), 'What is wanted.', { replicas: int32('Pods that are wanted.') })),
  status: ref(
    define(scaling('ScaleStatus'), 'What is there.', {
      replicas: need(int32('Pods that are there.')),
      selector: text('Labels by which they are found, as text.'),
    }),
  ),
});

export type Deployment = ObjectOf<typeof DeploymentDefinition>;
export type DeploymentSpec = Infer<typeof DeploymentSpecDefinition>;
export type DeploymentStatus = Infer<typeof DeploymentStatusDefinition>;
export type ReplicaSet = ObjectOf<typeof ReplicaSetDefinition>;
export type ReplicaSetStatus = Infer<typeof ReplicaSetStatusDefinition>;
export type DaemonSet = ObjectOf<typeof DaemonSetDefinition>;
export type DaemonSetStatus = Infer<typeof DaemonSetStatusDefinition>;
export type Scale = ObjectOf<typeof ScaleDefinition>;

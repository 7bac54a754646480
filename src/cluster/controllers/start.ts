/** The controllers of a cluster, and who admits Services: what kube-controller-manager, kube-scheduler and a part of the API server do. */
import type { Random } from '../../base/random.ts';
import type { Timers } from '../../base/timers.ts';
import type { Admission } from '../store/resource-type.ts';
import type { Store } from '../store/store.ts';
import { ClusterIps } from './cluster-ips.ts';
import type { ControllerContext } from './context.ts';
import { DaemonSetController } from './daemon-set.ts';
import { DeploymentController } from './deployment.ts';
import { EndpointSliceController } from './endpoint-slices.ts';
import { NodePorts } from './node-ports.ts';
import { NodeController, type NodeOptions } from './nodes.ts';
import { ReplicaSetController } from './replica-set.ts';
import { Scheduler } from './scheduler.ts';

/** Handed to the store when it is made; `restore` when it has read what was kept. */
export interface ServiceAdmissions {
  readonly list: readonly Admission[];
  restore(store: Store): void;
}

export function serviceAdmissions(serviceCidr: string, random: Random): ServiceAdmissions {
  const [addresses, ports] = [new ClusterIps(serviceCidr, random), new NodePorts(random)];
  return {
    list: [addresses as unknown as Admission, ports as unknown as Admission],
    restore: store => {
      addresses.restore(store);
      ports.restore(store);
    },
  };
}

export interface ControllersOptions extends NodeOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly random: Random;
  /** Runs later, in a turn of its own. Default: `setImmediate`. */
  readonly schedule?: (run: () => void) => void;
  readonly report: (controller: string, key: string, error: unknown) => void;
}

/** @returns stops all of them */
export function startControllers({ schedule = run => void setImmediate(run), ...options }: ControllersOptions): () => void {
  const context: ControllerContext = { ...options, schedule };
  const all = [
    new NodeController(context, options),
    new Scheduler(context),
    new DeploymentController(context),
    new ReplicaSetController(context),
    new DaemonSetController(context),
    new EndpointSliceController(context),
  ];
  return () => {
    for (const controller of all) controller.stop();
  };
}

/**
 * What runs for the name of an image: nothing is fetched here, so a name stands for a program that this project brings, or for one that the machine
 * has. The table comes from who makes the kubelet.
 */
import type { Writable } from 'node:stream';

/** A program that runs inside of this process, in place of one of its own: kube-proxy of a userspace node. */
export interface InsideProgram {
  /** Resolves with the exit code when it has ended by itself. */
  readonly ended: Promise<number>;
  /** Ends at once. */
  stop(): void;
}

export interface InsideContext {
  /** A line for its log, without its end. */
  readonly say: (line: string) => void;
  readonly pod: { readonly namespace: string; readonly name: string };
}

export type Image =
  | {
      readonly kind: 'process';
      /** Program and arguments when the container says neither; a container's `command` replaces all of it, `args` what follows the entry point. */
      readonly entrypoint: readonly string[];
      readonly arguments: readonly string[];
      /** Said in the Event when it is not what the name promises. */
      readonly note?: string;
      /** Writes to descriptor 3 of the process for as long as it runs. @returns stops it */
      readonly feed?: (to: Writable) => () => void;
      /** What it says when it serves: until then it counts as not started, so that a pod without a readiness probe is ready when it is. */
      readonly serving?: string;
      /** Gets KUBEHOP_PORTS: the ports that the container declares, `8080,53`; and KUBEHOP_NODE. */
      readonly knowsPorts?: boolean;
    }
  | { readonly kind: 'inside'; readonly note?: string; readonly start: (context: InsideContext) => InsideProgram };

export interface ImageTable {
  /** @param name without registry, tag and digest @returns undefined: there is no such image here */
  find(name: string): Image | undefined;
  /** For the Event of an image that is not there. */
  readonly known: readonly string[];
}

/** `docker.io/library/nginx:1.25@sha256:...` is `nginx`; `registry.k8s.io/coredns/coredns:v1.11` is `coredns/coredns`. */
export function imageName(image: string): string {
  const bare = image.replace(/@.*$/, '').replace(/:[\w][\w.-]*$/, '');
  const parts = bare.split('/');
  if (parts.length > 1 && /[.:]|^localhost$/.test(parts[0]!)) parts.shift();
  if (parts.length > 1 && parts[0] === 'library') parts.shift();
  return parts.join('/');
}

/** @param table by image name; several names may stand for one image */
export function imageTable(table: Readonly<Record<string, Image>>): ImageTable {
  return {
    find: name => (Object.hasOwn(table, name) ? table[name] : undefined),
    known: Object.keys(table).sort(),
  };
}

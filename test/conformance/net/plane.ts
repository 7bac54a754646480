/** The plane that the sets run on: the router, unless another was chosen. */
import type { HostSpec } from './host.ts';
import { RouterHost } from './router-host.ts';
import type { Plane, RuledHost, RuledHostOptions } from './ruled-host.ts';

let plane: Plane = { name: 'router', host: (spec, options) => new RouterHost(spec, options) };
const open: RuledHost[] = [];

export function choosePlane(other: Plane): void {
  plane = other;
}
export const onKernel = (): boolean => plane.name === 'kernel';

export function ruledHost(spec: HostSpec, options?: RuledHostOptions): RuledHost {
  const host = plane.host(spec, options);
  open.push(host);
  return host;
}

/** A case is over: its hosts go. */
export function closeHosts(): void {
  for (const host of open.splice(0)) host.close();
}

/** What a case asks for, this plane cannot do: it is neither passed nor failed. */
export class NotHere extends Error {}

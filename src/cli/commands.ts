/**
 * The table of commands. A new command is a file in `commands/` and a line here: its words, what `--help` says of it, and where it is
 * loaded from. A file is read only when its command is asked for, so that `kubehop --help` is quick and needs no package but commander.
 */
import type { Command } from 'commander';
import type { Io } from './io.ts';

/**
 * What a file in `commands/` exports as `define`: it gives an empty command its arguments, options and action.
 * The action returns nothing when all is well, throws a LabError, or sets `io.exitCode`.
 */
export type Define = (command: Command, io: Io) => void;

export interface CommandEntry {
  does: string;
  load(): Promise<{ define: Define }>;
}

/** By its words: `lab run` is the command `run` of the group `lab`. */
export const commands: Record<string, CommandEntry> = {
  bench: { does: 'the speed table, side by side with the kernel', load: () => import('./commands/bench.ts') },
  capture: { does: 'frames of a running lab, live, into a file or into Wireshark', load: () => import('./commands/capture.ts') },
  conntrack: { does: 'conntrack(8) on a running router or a node of a lab', load: () => import('./commands/tool.ts') },
  diff: { does: 'both runs of an exercise compared', load: () => import('./commands/diff.ts') },
  doctor: { does: 'what this machine can and cannot do, with the mend', load: () => import('./commands/doctor.ts') },
  exec: { does: 'a command in a pod, node or client of a running lab', load: () => import('./commands/exec.ts') },
  iptables: { does: 'iptables(8) on a running router or a node of a lab', load: () => import('./commands/tool.ts') },
  'iptables-restore': { does: 'iptables-restore(8), the same', load: () => import('./commands/tool.ts') },
  'iptables-save': { does: 'iptables-save(8), the same', load: () => import('./commands/tool.ts') },
  kubeconfig: { does: 'the path of the file by which kubectl reaches a running lab', load: () => import('./commands/kubeconfig.ts') },
  'lab advance': { does: 'the clock of a userspace node jumps', load: () => import('./commands/lab-advance.ts') },
  'lab apply': { does: 'Services and endpoints of a lab that is up come or change', load: () => import('./commands/lab-apply.ts') },
  'lab break': { does: 'a fault comes into a lab that is up: to be found and repaired', load: () => import('./commands/lab-break.ts') },
  'lab check': { does: 'the checks of an exercise, on the lab that is up', load: () => import('./commands/lab-check.ts') },
  'lab delete': { does: 'Services and endpoints of a lab that is up go', load: () => import('./commands/lab-delete.ts') },
  'lab down': { does: 'end a lab and everything in it', load: () => import('./commands/lab-down.ts') },
  'lab hint': { does: 'the next of three hints for the fault that was brought in', load: () => import('./commands/lab-hint.ts') },
  'lab join': { does: 'nodes come into the lab that is up', load: () => import('./commands/lab-join.ts') },
  'lab leave': { does: 'nodes leave it, with their pods', load: () => import('./commands/lab-leave.ts') },
  'lab list': { does: 'the exercises', load: () => import('./commands/lab-list.ts') },
  'lab next': { does: 'the first exercise that has not been passed', load: () => import('./commands/lab-next.ts') },
  'lab reset': { does: 'a lab that is up as it was at the start', load: () => import('./commands/lab-reset.ts') },
  'lab run': { does: 'an exercise from start to end, with its checks', load: () => import('./commands/lab-run.ts') },
  'lab up': { does: 'build a lab and leave it standing', load: () => import('./commands/lab-up.ts') },
  render: {
    does: "kube-proxy's rules of a node, from Services and EndpointSlices, without root",
    load: () => import('./commands/render.ts'),
  },
  'router reload': { does: 'routes and rules of a running router, read again', load: () => import('./commands/router-reload.ts') },
  'router run': { does: 'one router in this network namespace', load: () => import('./commands/router-run.ts') },
  'rules check': { does: 'an iptables-save text, read and printed back', load: () => import('./commands/rules-check.ts') },
  sysctl: { does: 'sysctl(8) on a running router or a node of a lab', load: () => import('./commands/tool.ts') },
  walk: { does: 'the path of a packet through a saved rule set, without root', load: () => import('./commands/walk.ts') },
  'wireshark extcap': { does: 'what Wireshark itself calls', load: () => import('./commands/wireshark-extcap.ts') },
  'wireshark install': {
    does: 'running labs in its list of interfaces, comments as fields, a profile',
    load: () => import('./commands/wireshark-install.ts'),
  },
  'wireshark uninstall': { does: 'take that away again', load: () => import('./commands/wireshark-uninstall.ts') },
};

/** What `--help` says of the words that only lead to others. */
export const groups: Record<string, string> = {
  lab: 'exercises: from start to end, or step by step',
  router: 'one router on wires of your own',
  rules: 'iptables-save texts',
  wireshark: 'labs, fields and colours in Wireshark',
};

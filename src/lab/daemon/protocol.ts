/** What the command line and a lab's daemon say to each other: JSON, one object per line, over a Unix socket. */
import type { ErrorCode } from '../../base/errors.ts';
import type { CaptureReport } from '../../capture/capture.ts';
import type { RouterDescription } from '../../node/description.ts';
import type { NodeLinks } from '../../node/links.ts';
import type { NodeCounters } from '../../node/protocol.ts';
import type { ToolName, ToolResult } from '../../node/tool.ts';
import type { ChangeReport } from '../proxy/lab-proxies.ts';
import type { RunResult } from '../result.ts';
import type { Plane, PodNetwork } from '../topology/model.ts';
import type { Standing } from '../trouble/trouble.ts';
import type { HopWords } from '../wireshark/extcap.ts';

export const SOCKET_NAME = 'control.sock';
/** stderr of everything in the lab. */
export const LOG_NAME = 'daemon.log';

/** One request per connection at a time; the answer is any number of `progress` lines and one `done` or `error`. */
export type Request =
  /** Build the lab, if it is not built yet: every other request does that as well. */
  | { op: 'build' }
  /** Run the steps of the exercise; the captures go to `out`, what the reader has written is in `work`. */
  | { op: 'perform'; out: string; work: string }
  /** Who is there: names of namespaces, and of a node what carries its packets. */
  | { op: 'places' }
  /** Where they are on the network, for a prompt. It does not wait for its turn. */
  | { op: 'addresses' }
  /** Nodes join, each on its data plane, or leave; the others go on. */
  | { op: 'join'; planes: Record<string, Plane> }
  | { op: 'leave'; nodes: string[] }
  /** A fault of the exercise comes into a lab that is well. @param fault from 1 */
  | { op: 'break'; fault: number }
  /** Which stands; and the same when its next hint is asked for. */
  | { op: 'standing' }
  | { op: 'hint' }
  /** Ports of the node's bridge were set otherwise, and `ip route` with these words: from its shell. They do not wait for their turn. */
  | { op: 'ports'; node: string }
  | { op: 'route'; node: string; words: readonly string[] }
  | { op: 'conntrack'; node: string; args: string[] }
  /** The clock of a userspace node jumps. */
  | { op: 'advance'; node: string; seconds: number }
  /** A tool that people know, on whichever data plane runs there. It does not wait for its turn: what it writes comes as `text`. */
  | { op: 'tool'; node: string; tool: ToolName; args: readonly string[]; input: string }
  /** What a userspace node counts of its own ports; null for a kernel node. */
  | { op: 'counters'; node: string }
  /** null of a kernel node. */
  | { op: 'links'; node: string }
  | { op: 'rules'; node: string; counters: boolean }
  | { op: 'load-rules'; node: string; text: string }
  /** Objects come, change and go; the answer comes when every node's kube-proxy has written its rules, or failed to. */
  | { op: 'apply'; files: readonly ManifestText[] }
  /** By `Service default/web`, and those that stand in manifests. */
  | { op: 'delete'; names: readonly string[]; files: readonly ManifestText[] }
  /**
   * Frames of these hops as pcapng into a named pipe of the lab's directory, from the `text` that says so until `end-capture` names it or
   * the connection closes. It does not wait for its turn.
   */
  | { op: 'capture'; where: string[]; pipe: string }
  | { op: 'end-capture'; pipe: string }
  /** What can be captured. It does not wait for its turn. */
  | { op: 'hops' };

export interface ManifestText {
  readonly name: string;
  readonly text: string;
}
export interface ObjectsChanged {
  readonly report: ChangeReport;
  /** What was refused. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

export type Reply =
  | { kind: 'progress'; line: string; detail: boolean }
  | { kind: 'text'; text: string }
  | { kind: 'done'; value: unknown }
  | { kind: 'error'; code: ErrorCode; message: string };

export interface RequestResult {
  build: null;
  perform: RunResult;
  places: Record<string, Plane | null>;
  addresses: Record<string, string>;
  join: null;
  leave: null;
  break: null;
  standing: Standing | null;
  hint: Standing | null;
  ports: null;
  route: string;
  conntrack: string;
  advance: null;
  tool: ToolResult;
  counters: NodeCounters | null;
  links: NodeLinks | null;
  rules: string;
  'load-rules': null;
  apply: ObjectsChanged;
  delete: ObjectsChanged;
  capture: CaptureReport;
  'end-capture': null;
  hops: HopWords[];
}

/** What a daemon is started with: one line of JSON as its argument. */
export interface DaemonOptions {
  lab: string;
  /** `userspace`, `kernel`, or one per node. */
  planes: Record<string, 'userspace' | 'kernel'>;
  /** The pods' network, where it is not the exercise's own. */
  network?: PodNetwork;
  seed: number;
  /** Descriptor 3 is a socket on the host's loopback that listens, for a lab with an API. */
  api: boolean;
  /** Absolute path of the file in which the API keeps its objects. */
  storeFile?: string;
  /** Ends when its first connection closes: `lab run` without `--keep`. */
  transient: boolean;
  /** The router is broken on purpose: the comparison must find it. */
  faults: RouterDescription['faults'];
}

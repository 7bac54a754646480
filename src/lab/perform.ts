/** Runs an exercise on a lab that stands: captures every hop, lets the steps happen, writes down what was seen, and judges by it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Capture, type CaptureReport } from '../capture/capture.ts';
import { readHopFiles } from '../capture/captured-frame.ts';
import type { TraceLine } from '../capture/trace-text.ts';
import { sectionsOf, writeRunFacts } from './evidence.ts';
import { interfaceHop } from './hop-point.ts';
import type { Instance } from './instance.ts';
import { namesOf, writeRunJourney } from './journey.ts';
import { Performer, type Say } from './performer.ts';
import type { RunResult } from './result.ts';
import { beginTrace } from './rule-trace.ts';
import { withoutBursts, writeShares } from './steps/burst-evidence.ts';
import { storyOf } from './walk.ts';

/**
 * @param out  folder of this data plane's evidence; made, and what an earlier run left there is overwritten
 * @param work folder with what the reader has written
 */
export async function perform(instance: Instance, out: string, work: string, say: Say): Promise<RunResult> {
  mkdirSync(out, { recursive: true });
  const hops = instance.topology.hops;
  // Each socket costs the kernel a grace period of its RCU: the two sets are opened, and closed, beside each other.
  const starting = Capture.start({
    hops: hops.filter(hop => !hop.logical).map(hop => interfaceHop(instance.topology, hop)),
    rings: instance.traceRings,
    output: { folder: join(out, 'hops') },
    traceFile: join(out, 'trace.jsonl'),
    names: Object.fromEntries(namesOf(instance.lab, instance.topology)),
    comment: instance.lab.title,
  });
  const performer = new Performer(instance, work, say);
  const capture = await starting;
  const untold = await beginTrace(instance, say);
  let told: TraceLine[] = [];
  let stopping: Promise<CaptureReport> | undefined;
  try {
    await performer.begin(capture);
    await Promise.race([performer.steps(instance.lab.steps), instance.failed]);
  } finally {
    stopping = capture.stop();
    performer.close();
    told = (await Promise.all([...instance.planes.values()].map(plane => plane.endTrace()))).flat();
  }
  const report = await stopping;
  await dump(instance, out);
  const { frames, interfaces } = readHopFiles(join(out, 'hops'));
  const journey = writeRunJourney(out, instance, withoutBursts(frames, performer.phases), { interfaces, lines: told, untold });
  writeRunFacts(out, instance.topology, performer.phases);
  const { checks, shares } = performer.judge(frames);
  writeShares(out, instance.lab.title, shares);
  const connections = performer.connections ?? sectionsOf(readFileSync(join(out, 'conntrack.txt'), 'utf8'), instance.lab.nodes);
  const story = storyOf(performer.phases[0], instance.topology.hops, journey, connections);
  return {
    checks,
    shares,
    ...(story === undefined ? {} : { story }),
    hops: hops.map(({ name }) => ({
      name,
      frames: frames.get(name)?.length ?? 0,
      dropped: report.hops.find(hop => hop.name === name)?.dropped ?? 0,
    })),
  };
}

/** `conntrack.txt` and `rules.txt`: every node under its name. */
async function dump(instance: Instance, out: string): Promise<void> {
  const section = async (text: (node: string) => Promise<string>) =>
    (await Promise.all(instance.lab.nodes.map(async node => `# ${node}\n${await text(node)}`))).join('\n');
  writeFileSync(join(out, 'conntrack.txt'), await section(node => instance.plane(node).conntrack(['-L'])));
  writeFileSync(join(out, 'rules.txt'), await section(node => instance.plane(node).rulesText(true)));
}

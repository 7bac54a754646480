import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { replayTables } from '../../../src/lab/page/replay.ts';
import { reportData, writeReportPage } from '../../../src/lab/page/report-page.ts';
import { endsText, isTranslated, tableAt } from '../../../src/web/model/table.ts';
import type { ReportRecord } from '../../../src/web/report-data.ts';
import { chosenByKernel, chosenByUserspace } from '../../capture/support/node-port-path.ts';
import { handshake, writeRunFolder } from '../../web/support/run-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubehop-page-'));
writeRunFolder(join(folder, 'userspace'), handshake, chosenByUserspace);
writeRunFolder(join(folder, 'kernel'), handshake, chosenByKernel);
afterAll(() => rmSync(folder, { recursive: true }));
const about = { lab: '07', title: 'a <b>node port</b> & more' };
const labels = ['userspace', 'kernel'];

describe('the data of the page', () => {
  const { runs, places } = reportData(folder, about, labels);
  const [run] = runs;

  test('has both runs, each with its records and their bytes', () => {
    expect(runs.map(r => [r.label, r.records.length, r.leftOut])).toEqual([
      ['userspace', 30, 0],
      ['kernel', 30, 0],
    ]);
    expect(places.map(p => p.name)).toContain('node1');
    expect(run!.records[0]!.bytes).toMatch(/^02000000001102000000000908004500/);
    expect(run!.conntrack.node1).toContain('ESTABLISHED');
  });

  const inTime = [...run!.records].sort((a, b) => a.at - b.at);
  const at = (packet: number, hop: string, nth = 0) => run!.records.filter(r => r.packet === packet && r.hop === hop)[nth]!;
  const table = (node: string, packet: number, hop: string, nth = 0) => tableAt(inTime, node, at(packet, hop, nth));
  const tcp = (...where: Parameters<typeof table>) => table(...where).find(entry => entry.protocol === 'tcp')!;

  test('knows the connection table of a node at each step', () => {
    expect(table('node1', 1, 'lan0')).toEqual([]);
    expect(tcp('node1', 1, 'node1/eth0')).toMatchObject({ state: 'SYN_SENT', confirmed: false, seen: [1, 0] });
    expect(isTranslated(tcp('node1', 1, 'node1/eth0'))).toBe(false);
    expect(tcp('node1', 1, 'node1/flannel.1')).toMatchObject({ state: 'SYN_SENT', confirmed: true });
    expect(endsText(tcp('node1', 1, 'node1/flannel.1').reply)).toBe('10.244.2.2:8080 > 10.244.1.0:40000');
    expect(tcp('node1', 2, 'node1/flannel.1')).toMatchObject({ state: 'SYN_RECV', seen: [1, 1] });
    expect(tcp('node1', 3, 'node1/eth0')).toMatchObject({ state: 'ESTABLISHED', seen: [2, 1] });
  });

  test('has the envelope in it as well, as an entry of its own', () => {
    const [own, envelope] = table('node1', 1, 'node1/eth0', 1);
    expect(own!.protocol).toBe('tcp');
    expect(envelope).toMatchObject({ protocol: 'udp', confirmed: true, state: '', seen: [1, 0] });
    expect(endsText(envelope!.original)).toBe('192.168.56.11:50001 > 192.168.56.12:8472');
    expect(table('node2', 1, 'node2/flannel.1').map(e => [e.protocol, e.confirmed])).toEqual([
      ['udp', true],
      ['tcp', false],
    ]);
    expect(isTranslated(tcp('node2', 3, 'pod-b/eth0'))).toBe(false);
  });
});

describe('a frame that a bridge carries from pod to pod', () => {
  const [pod, other] = ['0a:58:00:00:02:02', '0a:58:00:00:02:03'];
  const macs = { [pod]: 'pod-b/eth0', [other]: 'pod-c/eth0' };
  const [syn] = reportData(folder, about, labels).runs[0]!.records.filter(r => r.hop === 'pod-b/eth0');
  const [, ...packet] = syn!.layers;
  const record = (): ReportRecord => {
    const { tracked: _, ...rest } = syn!;
    return { ...rest, hop: 'node2/veth-pod-b', layers: [{ layer: 'ethernet', dst: other, src: pod, type: 0x800 }, ...packet] };
  };
  const node = { name: 'node2', role: 'node', hops: [] } as const;

  test('is none of the connection table, unless the bridge asks the rules', () => {
    const [unseen, seen] = [record(), record()];
    replayTables([unseen], [{ ...node, bridgeNf: false, hops: [] }], macs);
    replayTables([seen], [{ ...node, bridgeNf: true, hops: [] }], macs);
    expect(unseen.tracked).toBeUndefined();
    expect(seen.tracked).toMatchObject([{ protocol: 'tcp', state: 'SYN_SENT' }]);
  });
});

describe('the page', () => {
  const html = readFileSync(writeReportPage(folder, about, labels), 'utf8');

  test('is one file that names no other', () => {
    expect(html).not.toMatch(/<script[^>]+src|<link[^>]+href="(?!data:)|@import|url\(|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
    expect(html).toContain("default-src 'none'");
  });

  test('takes no text for markup', () => {
    expect(html).toContain('<title>07 a &lt;b&gt;node port&lt;/b&gt; &amp; more</title>');
    expect(html).not.toContain('<b>node port');
  });

  test('has one script without types, whose names do not clash', () => {
    const script = /<script type="module">\n([\s\S]*)<\/script>/.exec(html)![1]!;
    expect(script).not.toMatch(/^(import|export) /m);
    expect(() => new Function(script)).not.toThrow();
  });
});

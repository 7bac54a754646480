import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

const nobody = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'nobody-1', labels: { 'kubernetes.io/service-name': 'nobody' } },
  addressType: 'IPv4',
  ports: [{ port: 8080 }],
  endpoints: [{ addresses: ['10.244.2.2'], nodeName: 'node2' }],
};

describe.skipIf(lacking !== '').each(['userspace', 'kernel'])(title('exercise 04, by hand, %s'), plane => {
  const kubehop = new Kubehop();
  const pod = (command: string) => kubehop.run('exec', 'pod-a', '--', 'sh', '-c', command);
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test('a Service is refused until it has an endpoint; a connection goes on when the endpoint goes', async () => {
    expect(await kubehop.run('lab', 'up', '04', '--on', plane)).toMatchObject({ code: 0 });
    const refused = { code: 7 };
    const ask = (address: string) => pod(`curl -s --max-time 3 http://${address}/`);
    expect(await ask('10.96.0.11')).toMatchObject(refused);
    const file = join(kubehop.home, 'nobody.json');
    writeFileSync(file, JSON.stringify(nobody));
    expect(await kubehop.run('lab', 'apply', '04', '-f', file)).toMatchObject({ code: 0 });
    expect((await ask('10.96.0.11')).stdout).toContain('"pod":"pod-b"');
    const download = pod("curl -s --max-time 20 --limit-rate 4M -o /dev/null -w '%{size_download}' http://10.96.0.10/10MiB");
    while ((await kubehop.run('exec', 'node1', '--', 'conntrack', '-L', '-d', '10.96.0.10')).stdout.includes('ESTABLISHED') === false);
    expect(await kubehop.run('lab', 'delete', '04', 'endpointslice/web-1')).toMatchObject({ code: 0 });
    expect(await ask('10.96.0.10')).toMatchObject(refused);
    expect(await download).toMatchObject({ code: 0, stdout: String(10 * 1024 * 1024) });
  });
});

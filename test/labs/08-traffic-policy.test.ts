import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

const slice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ port: 8080 }],
  endpoints: [
    { addresses: ['10.244.2.2'], nodeName: 'node2' },
    { addresses: ['10.244.1.99'], nodeName: 'node1' },
  ],
};

describe.skipIf(lacking !== '').each(['userspace', 'kernel'])(title('exercise 08, by hand, %s'), plane => {
  const kubehop = new Kubehop();
  const on = (where: string, command: string) => kubehop.run('exec', where, '--', 'sh', '-c', command);
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test('can be checked again and again, and an endpoint that does not exist makes a node healthy and deaf', async () => {
    expect(await kubehop.run('lab', 'up', '08', '--on', plane)).toMatchObject({ code: 0 });
    for (let i = 0; i < 2; i++) expect(await kubehop.run('lab', 'check', '08')).toMatchObject({ code: 0 });
    const file = join(kubehop.home, 'slice.json');
    writeFileSync(file, JSON.stringify(slice));
    expect(await kubehop.run('lab', 'apply', '08', '-f', file)).toMatchObject({ code: 0 });
    expect((await on('client', "curl -s -o /dev/null -w '%{http_code}' http://192.168.56.11:32080/")).stdout).toBe('200');
    expect((await on('client', 'curl -s --max-time 5 http://192.168.56.11:30080/')).code).toBeGreaterThan(0);
    expect((await on('client', 'curl -s --max-time 5 http://192.168.56.12:30080/')).stdout).toContain('"client":"203.0.113.9"');
  });
});

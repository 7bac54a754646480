import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeProtobuf } from '../../src/apiserver/protobuf/decode.ts';
import { resourceTypes } from '../../src/cluster/resources/index.ts';
import { DeleteOptionsDefinition } from '../../src/cluster/schema/requests.ts';
import { ApiError } from '../../src/cluster/store/status.ts';

const definitions = [...resourceTypes.flatMap(({ definition }) => definition ?? []), DeleteOptionsDefinition];
const decode = (base64: string): Record<string, unknown> => decodeProtobuf(Buffer.from(base64, 'base64'), definitions);

// Bodies that kubectl 1.32 sent.
const deployment =
  'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50Er8BCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEo0BCAASDAoKCgNhcHASA3dlYhpzChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElMSNQoFbmdpbngSDG5naW54OmFscGluZSoAMgoKABAAGFAiACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA';
const service =
  'azhzAAoNCgJ2MRIHU2VydmljZRJnCh0KAm5wEgAaACIAKgAyADgAQgBaCQoDYXBwEgJucBJCCh0KBzgwLTgwODASA1RDUBhQIgcIABCQPxoAKJPrARIJCgNhcHASAm5wGgAiCE5vZGVQb3J0OgBCAFIAWgBgAGgAGgIKABoAIgA=';
const secret = 'azhzAAoMCgJ2MRIGU2VjcmV0EiIKFgoGaGlkZGVuEgAaACIAKgAyADgAQgASBgoBYRIBYhoAGgAiAA==';

describe('protobuf', () => {
  test('of a Deployment: zero replicas are kept, other zeros say nothing', () => {
    expect(decode(deployment)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web' } },
        strategy: {},
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'nginx', image: 'nginx:alpine', ports: [{ containerPort: 80 }], resources: {} }] },
        },
      },
    });
  });
  test('of a Service and a Secret', () => {
    expect(decode(service)).toMatchObject({
      spec: {
        type: 'NodePort',
        ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30_099 }],
        selector: { app: 'np' },
      },
    });
    expect(decode(secret)).toMatchObject({ kind: 'Secret', metadata: { name: 'hidden' }, data: { a: 'Yg==' } });
  });
  test('that ends anywhere, or is rubbish, is refused as such', () => {
    const bytes = Buffer.from(deployment, 'base64');
    const attempt = (input: Buffer): void => {
      try {
        decodeProtobuf(input, definitions);
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
      }
    };
    for (let length = 0; length < bytes.length; length++) attempt(bytes.subarray(0, length));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), random => attempt(Buffer.concat([bytes.subarray(0, 30), random]))));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const broken = Buffer.from(bytes);
        broken[at] = value;
        attempt(broken);
      }),
    );
  });
  test('of a kind that is not known is refused', () => {
    expect(() => decode(Buffer.from('k8s\0\n\r\n\x02v1\x12\x07Nothing').toString('base64'))).toThrow(
      'v1 Nothing is not read from protobuf here',
    );
  });
});

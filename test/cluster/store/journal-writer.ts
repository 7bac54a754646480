/** Counts in a store that is kept in a file, and tells each number after it was written; for ever. The file is written anew all the time. */
import { writeSync } from 'node:fs';
import { wallClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { bootstrap, createOnce, openClusterStore } from '../../../src/cluster/bootstrap.ts';
import { ConfigMaps } from '../../../src/cluster/resources/index.ts';

const { store } = openClusterStore(process.argv[2]!, { clock: wallClock, random: systemRandom() }, { compactFrom: 4000 });
bootstrap(store);
const metadata = (name: string) => ({ name, namespace: 'default' });
createOnce(store, ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('counter'), data: { value: '0', copy: '0' } });
createOnce(store, ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('other'), data: { text: 'x'.repeat(300) } });
for (;;) {
  const { data } = store.modify(ConfigMaps, 'default', 'counter', draft => {
    const value = String(Number(draft.data!.value) + 1);
    draft.data = { value, copy: value };
  });
  writeSync(1, `${data!.value}\n`);
}

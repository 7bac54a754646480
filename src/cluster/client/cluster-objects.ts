/** The objects of a real cluster that rules are made of, read as they are now. */
import { type ReadObjects, readObjects } from '../objects/read.ts';
import { ApiClient } from './api-client.ts';
import { withCredential } from './exec-credential.ts';
import type { ClusterAccess } from './kubeconfig.ts';

const LISTS = ['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices', '/api/v1/nodes'];

/** @returns one for each page @throws LabError KUBECONFIG, API */
export async function readCluster(access: ClusterAccess): Promise<ReadObjects[]> {
  const client = new ApiClient(withCredential(access));
  try {
    const lists = await Promise.all(
      LISTS.map(async path => (await client.list(path)).map(page => readObjects(page, access.server.host + path))),
    );
    return lists.flat();
  } finally {
    client.close();
  }
}

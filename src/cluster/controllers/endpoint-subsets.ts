/** The same endpoints as an Endpoints object tells them: addresses that are ready and those that are not (k/k `pkg/controller/endpoint`). Pure. */
import type { Endpoints, Service, SliceEndpoint } from '../schema/networking.ts';
import type { Draft } from '../store/object.ts';
import type { EndpointGroup } from './service-endpoints.ts';

type Subset = NonNullable<Draft<Endpoints>['subsets']>[number];

export function endpointSubsets(service: Service, groups: readonly EndpointGroup[]): Subset[] {
  return groups.flatMap(({ ports, endpoints }): Subset[] => {
    const told = endpoints.filter(e => e.conditions?.terminating !== true || service.spec?.publishNotReadyAddresses === true);
    if (told.length === 0) return [];
    const addresses = told.filter(e => e.conditions?.ready === true).map(addressOf);
    const notReadyAddresses = told.filter(e => e.conditions?.ready !== true).map(addressOf);
    return [
      {
        ...(addresses.length > 0 ? { addresses } : {}),
        ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
        ...(ports.length > 0
          ? {
              ports: ports.map(({ name = '', port = 0, protocol = 'TCP', appProtocol }) => ({
                ...(name === '' ? {} : { name }),
                port,
                protocol,
                ...(appProtocol === undefined ? {} : { appProtocol }),
              })),
            }
          : {}),
      },
    ];
  });
}

function addressOf({ addresses, hostname, nodeName, targetRef }: Draft<SliceEndpoint>): NonNullable<Subset['addresses']>[number] {
  return {
    ip: addresses[0]!,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef: structuredClone(targetRef) }),
  };
}

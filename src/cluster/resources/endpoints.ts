/** EndpointSlices and Endpoints: defaults and checks (`pkg/apis/discovery`, `pkg/apis/core/validation/validation.go`). */
import { readEndpointSlice, validateEndpointSlice } from '../objects/endpoint-slice.ts';
import { FieldErrors } from '../objects/field-errors.ts';
import { dns1123Label, dns1123Subdomain, ipAddress, nonSpecialIp, portNumber } from '../objects/names.ts';
import { Shape } from '../objects/shape.ts';
import { protocols } from '../objects/types.ts';
import {
  type EndpointSlice,
  EndpointSliceDefinition,
  EndpointsDefinition,
  type Endpoints as EndpointsObject,
} from '../schema/networking.ts';
import { immutable } from '../store/metadata.ts';
import type { ResourceType } from '../store/resource-type.ts';

export const EndpointSlices: ResourceType<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  resource: 'endpointslices',
  singular: 'endpointslice',
  kind: 'EndpointSlice',
  scope: 'namespaced',
  definition: EndpointSliceDefinition,
  hasGeneration: true,
  defaults: draft => {
    draft.endpoints ??= [];
    for (const port of draft.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate: (slice, errors) => validateEndpointSlice(readEndpointSlice(new Shape(slice, '', new FieldErrors())), errors),
  validateUpdate: (slice, old, errors) => immutable(slice.addressType, old.addressType, 'addressType', errors),
};

export const Endpoints: ResourceType<EndpointsObject> = {
  group: '',
  version: 'v1',
  resource: 'endpoints',
  singular: 'endpoints',
  kind: 'Endpoints',
  shortNames: ['ep'],
  scope: 'namespaced',
  definition: EndpointsDefinition,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  nameRule: dns1123Subdomain,
  defaults: draft => {
    for (const { ports } of draft.subsets ?? []) for (const port of ports ?? []) port.protocol ??= 'TCP';
  },
  validate: ({ subsets = [] }, errors) => {
    for (const [i, { addresses = [], notReadyAddresses = [], ports = [] }] of subsets.entries()) {
      const path = `subsets[${i}]`;
      if (addresses.length + notReadyAddresses.length === 0) errors.required(path, 'must specify `addresses` or `notReadyAddresses`');
      for (const [field, list] of [
        ['addresses', addresses],
        ['notReadyAddresses', notReadyAddresses],
      ] as const)
        for (const [j, { ip }] of list.entries()) {
          const wrong = ipAddress(ip);
          for (const detail of wrong.length > 0 ? wrong : nonSpecialIp(ip)) errors.invalid(`${path}.${field}[${j}].ip`, ip, detail);
        }
      for (const [j, { name = '', port, protocol }] of ports.entries()) {
        const at = `${path}.ports[${j}]`;
        if (name === '' && ports.length > 1) errors.required(`${at}.name`);
        if (name !== '') for (const detail of dns1123Label(name)) errors.invalid(`${at}.name`, name, detail);
        for (const detail of portNumber(port)) errors.invalid(`${at}.port`, port, detail);
        if (protocol !== undefined && !protocols.includes(protocol)) errors.unsupported(`${at}.protocol`, protocol, protocols);
      }
    }
  },
};

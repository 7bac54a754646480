/** In which form a client wants its answer: `Accept: application/json;as=Table;v=v1;g=meta.k8s.io, application/json`. */
import { ApiError } from '../cluster/store/status.ts';

export interface Accepted {
  readonly mediaType: 'application/json' | 'application/yaml';
  /** Empty, `Table`, `PartialObjectMetadata`, `PartialObjectMetadataList`, `APIGroupDiscoveryList`. */
  readonly as: string;
  readonly group: string;
  readonly version: string;
}

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  Table: ['v1', 'v1beta1'],
  PartialObjectMetadata: ['v1', 'v1beta1'],
  PartialObjectMetadataList: ['v1', 'v1beta1'],
  APIGroupDiscoveryList: ['v2', 'v2beta1'],
};
const plain: Accepted = { mediaType: 'application/json', as: '', group: '', version: '' };

/** @param forms the forms that this path has, beside the plain one */
export function accepted(header: string | undefined, forms: readonly string[]): Accepted {
  if (header === undefined || header.trim() === '') return plain;
  for (const part of header.split(',')) {
    const [type = '', ...parameters] = part.split(';').map(each => each.trim());
    const named = Object.fromEntries(parameters.map(each => each.split('=', 2)));
    const { as = '', g: group = '', v: version = '' } = named as Record<string, string | undefined>;
    if (type === 'application/yaml' && as === '') return { ...plain, mediaType: 'application/yaml' };
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') continue;
    if (as === '') return plain;
    if (forms.includes(as) && KNOWN[as]?.includes(version) === true) return { mediaType: 'application/json', as, group, version };
  }
  throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json, application/yaml');
}

/** The form as a Content-Type says it. */
export const contentType = ({ mediaType, as, group, version }: Accepted): string =>
  as === 'APIGroupDiscoveryList' ? `${mediaType};g=${group};v=${version};as=${as}` : mediaType;

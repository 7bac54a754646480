/** The OpenAPI documents: paths with what kubectl looks for in them (which verbs a kind has, and that they take dryRun and fieldValidation), and the schemas. */
import { apiVersionOf, type ResourceType } from '../../cluster/store/resource-type.ts';
import { VERSION } from '../discovery.ts';
import { definitionsOf, type Json, type Kind } from './schemas.ts';

const info = { title: 'Kubernetes', version: VERSION.gitVersion };
const PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

interface Form {
  readonly version: 2 | 3;
  readonly refPrefix: string;
}
const v2: Form = { version: 2, refPrefix: '#/definitions/' };
const v3: Form = { version: 3, refPrefix: '#/components/schemas/' };

interface Parameter {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
}
const parameters = {
  dryRun: { name: 'dryRun', type: 'string', description: 'All: nothing is written.' },
  fieldManager: { name: 'fieldManager', type: 'string', description: 'Who sets the fields.' },
  fieldValidation: { name: 'fieldValidation', type: 'string', description: 'What is done with unknown fields: Ignore, Warn or Strict.' },
  force: { name: 'force', type: 'boolean', description: 'Takes fields from others, with apply.' },
  labelSelector: { name: 'labelSelector', type: 'string', description: 'Labels that the objects have.' },
  fieldSelector: { name: 'fieldSelector', type: 'string', description: 'Fields that the objects have.' },
  limit: { name: 'limit', type: 'integer', description: 'Most items of a page.' },
  continue: { name: 'continue', type: 'string', description: 'Token of the next page.' },
  resourceVersion: { name: 'resourceVersion', type: 'string', description: 'State that is asked for.' },
  timeoutSeconds: { name: 'timeoutSeconds', type: 'integer', description: 'Seconds after which it ends.' },
  watch: { name: 'watch', type: 'boolean', description: 'Follow the changes.' },
  gracePeriodSeconds: { name: 'gracePeriodSeconds', type: 'integer', description: 'Seconds until it must be gone.' },
  propagationPolicy: { name: 'propagationPolicy', type: 'string', description: 'What becomes of dependents.' },
} as const satisfies Record<string, Parameter>;
type ParameterName = keyof typeof parameters;

const LIST: ParameterName[] = ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'timeoutSeconds', 'watch'];
const WRITE: ParameterName[] = ['dryRun', 'fieldManager', 'fieldValidation'];
const DELETE: ParameterName[] = ['dryRun', 'gracePeriodSeconds', 'propagationPolicy'];

const queryParameter = ({ version }: Form, name: ParameterName): Json => {
  const { type, description } = parameters[name];
  return version === 2
    ? { uniqueItems: true, type, description, name, in: 'query' }
    : { name, in: 'query', description, schema: { type, uniqueItems: true } };
};
const pathParameter = ({ version }: Form, name: string): Json =>
  version === 2
    ? { uniqueItems: true, type: 'string', description: `The ${name}.`, name, in: 'path', required: true }
    : { name, in: 'path', description: `The ${name}.`, required: true, schema: { type: 'string', uniqueItems: true } };

interface Verb {
  readonly action: string;
  readonly id: string;
  readonly parameters: readonly ParameterName[];
  readonly sends?: string | undefined;
  readonly gives: string;
  readonly kind: Kind;
  readonly consumes?: readonly string[];
}

function operation(form: Form, verb: Verb): Json {
  const ref = (name: string): Json => ({ $ref: form.refPrefix + name });
  const types = verb.consumes ?? ['*/*'];
  const common = {
    description: verb.id,
    operationId: verb.id,
    'x-kubernetes-action': verb.action,
    'x-kubernetes-group-version-kind': { group: verb.kind.group, kind: verb.kind.kind, version: verb.kind.version },
  };
  const query = verb.parameters.map(name => queryParameter(form, name));
  if (form.version === 2) {
    const body = verb.sends === undefined ? [] : [{ name: 'body', in: 'body', required: true, schema: ref(verb.sends) }];
    return {
      ...common,
      consumes: types,
      produces: ['application/json'],
      parameters: [...body, ...query],
      responses: { '200': { description: 'OK', schema: ref(verb.gives) } },
    };
  }
  const body =
    verb.sends === undefined
      ? {}
      : { requestBody: { required: true, content: Object.fromEntries(types.map(type => [type, { schema: ref(verb.sends!) }])) } };
  return {
    ...common,
    parameters: query,
    ...body,
    responses: { '200': { description: 'OK', content: { 'application/json': { schema: ref(verb.gives) } } } },
  };
}

/** Paths of one kind. */
function pathsOf(form: Form, type: ResourceType): Record<string, Json> {
  const { group, version, kind, definition, resource } = type;
  const root = `/${group === '' ? 'api' : `apis/${group}`}/${version}`;
  const name = definition!.name;
  const gvk = { group, version, kind };
  const namespaced = type.scope === 'namespaced';
  const id = (verb: string, many = false): string => `${verb}${namespaced ? 'Namespaced' : ''}${kind}${many ? 's' : ''}${group}${version}`;
  const verb = (action: string, gives: string, names: readonly ParameterName[], more: Partial<Verb> = {}): Json =>
    operation(form, { action, id: id(action, action === 'list'), parameters: names, gives, kind: gvk, ...more });
  const collection = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${resource}`;
  const scope = namespaced ? [pathParameter(form, 'namespace')] : [];
  const one = [pathParameter(form, 'name'), ...scope];
  const deletes = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
  const status = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
  const writes = (suffix = '') => ({
    get: verb('get', name, [], { id: `${id('read')}${suffix}` }),
    put: verb('put', name, WRITE, { id: `${id('replace')}${suffix}`, sends: name }),
    patch: verb('patch', name, [...WRITE, 'force'], { id: `${id('patch')}${suffix}`, sends: name, consumes: PATCH_TYPES }),
    parameters: one,
  });
  const paths: Record<string, Json> = {
    [collection]: {
      get: verb('list', `${name}List`, LIST),
      post: verb('post', name, WRITE, { id: id('create'), sends: name }),
      delete: verb('deletecollection', status, [...LIST, ...DELETE], { id: id('deleteCollection'), sends: deletes }),
      parameters: scope,
    },
    [`${collection}/{name}`]: { ...writes(), delete: verb('delete', status, DELETE, { id: id('delete'), sends: deletes }) },
  };
  if (namespaced)
    paths[`${root}/${resource}`] = { get: verb('list', `${name}List`, LIST, { id: `list${kind}ForAllNamespaces${group}${version}` }) };
  if (type.hasStatus === true) paths[`${collection}/{name}/status`] = writes('Status');
  return paths;
}

const described = (types: readonly ResourceType[]): ResourceType[] => types.filter(({ definition }) => definition !== undefined);
const allPaths = (form: Form, types: readonly ResourceType[]): Record<string, Json> =>
  Object.assign({}, ...described(types).map(type => pathsOf(form, type)));

/** The whole API in one document, for clients before 1.27. */
export const openApiV2 = (types: readonly ResourceType[]): Json => ({
  swagger: '2.0',
  info,
  paths: {
    '/version/': {
      get: {
        description: 'version',
        operationId: 'getCodeVersion',
        produces: ['application/json'],
        responses: { '200': { description: 'OK' } },
      },
    },
    ...allPaths(v2, types),
  },
  definitions: definitionsOf(types, v2.refPrefix),
});

/** `apis/apps/v1`: the place of a group's version, as the index of v3 names it. */
export const placeOf = (type: ResourceType): string => `${type.group === '' ? 'api' : 'apis'}/${apiVersionOf(type)}`;

export function openApiV3(types: readonly ResourceType[], place: string): Json | undefined {
  const mine = types.filter(type => placeOf(type) === place);
  if (mine.length === 0) return undefined;
  return { openapi: '3.0.0', info, paths: allPaths(v3, mine), components: { schemas: definitionsOf(mine, v3.refPrefix) } };
}

/**
 * OpenAPI v2 as protobuf: the only form that kubectl before 1.27 takes. Numbers of fields are those of gnostic's `openapiv2/OpenAPIv2.proto`; values of any
 * shape travel as YAML.
 */
import type { Json } from './schemas.ts';

type Part = Uint8Array;

function varint(n: number): Buffer {
  const bytes: number[] = [];
  let rest = n;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
const VARINT = 0,
  BYTES = 2;
const message = (field: number, ...parts: readonly Part[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint((field << 3) | BYTES), varint(body.length), body]);
};
const NOTHING = Buffer.alloc(0);
const text = (field: number, value: unknown): Buffer =>
  typeof value === 'string' && value !== '' ? message(field, Buffer.from(value)) : NOTHING;
const truth = (field: number, value: unknown): Buffer =>
  value === true ? Buffer.concat([varint((field << 3) | VARINT), varint(1)]) : NOTHING;
const texts = (field: number, values: unknown): Buffer =>
  Buffer.concat(Array.isArray(values) ? values.map(value => text(field, value)) : []);
/** JSON is YAML. */
const any = (field: number, value: unknown): Buffer => message(field, text(2, `${JSON.stringify(value)}\n`));
const extensions = (field: number, from: Json): Buffer =>
  Buffer.concat(
    Object.entries(from)
      .filter(([name]) => name.startsWith('x-'))
      .map(([name, value]) => message(field, text(1, name), any(2, value))),
  );

function schemaParts(schema: Json): Part[] {
  const {
    items,
    properties,
    additionalProperties,
    default: fallback,
  } = schema as { items?: Json; properties?: Record<string, Json>; additionalProperties?: Json; default?: unknown };
  return [
    text(1, schema.$ref),
    text(2, schema.format),
    text(4, schema.description),
    fallback === undefined ? NOTHING : any(5, fallback),
    texts(19, schema.required),
    ...(Array.isArray(schema.enum) ? schema.enum.map(value => any(20, value)) : []),
    additionalProperties === undefined ? NOTHING : message(21, message(1, ...schemaParts(additionalProperties))),
    schema.type === undefined ? NOTHING : message(22, text(1, schema.type)),
    items === undefined ? NOTHING : message(23, message(1, ...schemaParts(items))),
    properties === undefined
      ? NOTHING
      : message(25, ...Object.entries(properties).map(([name, value]) => message(1, text(1, name), message(2, ...schemaParts(value))))),
    extensions(31, schema),
  ];
}

/** A ParametersItem: parameter 1 is a body 1 or another 2, and that one of the query 3 or the path 4. */
function parameterParts(parameter: Json): Part {
  const { in: place, name, description, required, type, uniqueItems } = parameter;
  if (place === 'body')
    return message(
      1,
      message(
        1,
        text(1, description),
        text(2, name),
        text(3, place),
        truth(4, required),
        message(5, message(1, ...schemaParts(parameter.schema as Json))),
      ),
    );
  const shared = [truth(1, required), text(2, place), text(3, description), text(4, name)];
  const other =
    place === 'query'
      ? message(3, ...shared, text(6, type), truth(20, uniqueItems))
      : message(4, ...shared, text(5, type), truth(19, uniqueItems));
  return message(1, message(2, other));
}

function responseParts(code: string, response: Json): Part {
  const schema = response.schema === undefined ? NOTHING : message(2, message(1, ...schemaParts(response.schema as Json)));
  return message(1, text(1, code), message(2, message(1, text(1, response.description), schema)));
}

const operationParts = (operation: Json): Part[] => [
  text(3, operation.description),
  text(5, operation.operationId),
  texts(6, operation.produces),
  texts(7, operation.consumes),
  ...((operation.parameters as Json[] | undefined) ?? []).map(parameter => message(8, parameterParts(parameter))),
  message(9, ...Object.entries(operation.responses as Record<string, Json>).map(([code, response]) => responseParts(code, response))),
  extensions(13, operation),
];

const METHODS = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;
function pathParts(path: Json): Part[] {
  const operations = Object.entries(METHODS).flatMap(([method, field]) =>
    path[method] === undefined ? [] : [message(field, ...operationParts(path[method] as Json))],
  );
  return [...operations, ...((path.parameters as Json[] | undefined) ?? []).map(parameter => message(9, parameterParts(parameter)))];
}

export function encodeOpenApiV2(document: Json): Buffer {
  const { info, paths, definitions } = document as { info: Json; paths: Record<string, Json>; definitions: Record<string, Json> };
  return Buffer.concat([
    text(1, document.swagger),
    message(2, text(1, info.title), text(2, info.version)),
    message(8, ...Object.entries(paths).map(([name, path]) => message(2, text(1, name), message(2, ...pathParts(path))))),
    message(9, ...Object.entries(definitions).map(([name, schema]) => message(1, text(1, name), message(2, ...schemaParts(schema))))),
  ]);
}

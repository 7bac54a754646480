/** Errors of the API: each is a Kubernetes `Status` (apimachinery `pkg/api/errors/errors.go`), with its words, code and causes. */
import { errorText, type FieldError } from '../objects/field-errors.ts';

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: { readonly continue?: string };
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

/** HTTP status by reason. */
export const reasons = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;
export type Reason = keyof typeof reasons;

/** Which objects are meant. `resource` is the plural, `pods`; `kind` the singular, `Pod`. */
export interface Names {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
}

export class ApiError extends Error {
  readonly status: Status;
  constructor(reason: Reason, message: string, details?: StatusDetails, more: { continue?: string } = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: more,
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code: reasons[reason],
    };
  }
  get reason(): Reason {
    return this.status.reason as Reason;
  }
  get code(): number {
    return this.status.code;
  }
}

/** Is it an error of the API with this reason? */
export const isReason = (error: unknown, reason: Reason): boolean => error instanceof ApiError && error.reason === reason;

/** `pods`, `deployments.apps` */
const qualified = (word: string, group: string): string => (group === '' ? word : `${word}.${group}`);
const detailsOf = (names: Names, name: string, kind = names.resource): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(names.group === '' ? {} : { group: names.group }),
  kind,
});

export const notFound = (names: Names, name: string): ApiError =>
  new ApiError('NotFound', `${qualified(names.resource, names.group)} ${JSON.stringify(name)} not found`, detailsOf(names, name));

export const alreadyExists = (names: Names, name: string): ApiError =>
  new ApiError('AlreadyExists', `${qualified(names.resource, names.group)} ${JSON.stringify(name)} already exists`, detailsOf(names, name));

export const conflict = (names: Names, name: string, why: string): ApiError =>
  new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(names.resource, names.group)} ${JSON.stringify(name)}: ${why}`,
    detailsOf(names, name),
  );

/** Somebody else wrote in between. */
export const modified = (names: Names, name: string): ApiError =>
  conflict(names, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const forbidden = (names: Names, name: string, why: string): ApiError =>
  new ApiError(
    'Forbidden',
    `${qualified(names.resource, names.group)} ${JSON.stringify(name)} is forbidden: ${why}`,
    detailsOf(names, name),
  );

export const badRequest = (message: string): ApiError => new ApiError('BadRequest', message);

/** What was asked for is no longer kept: list again. */
export const expired = (message: string, token?: string): ApiError =>
  new ApiError('Expired', message, undefined, token === undefined ? {} : { continue: token });

const causeReasons: Readonly<Record<FieldError['reason'], string>> = {
  'Required value': 'FieldValueRequired',
  'Invalid value': 'FieldValueInvalid',
  'Unsupported value': 'FieldValueNotSupported',
  'Duplicate value': 'FieldValueDuplicate',
  'Not found': 'FieldValueNotFound',
  Forbidden: 'FieldValueForbidden',
  'Too many': 'FieldValueTooMany',
  'Too long': 'FieldValueTooLong',
};

/** `Service "web" is invalid: spec.ports[0].port: Invalid value: ...`, with every cause. Equal causes are said once. */
export function invalid(names: Names, name: string, errors: readonly FieldError[]): ApiError {
  const different = new Map(errors.map(e => [errorText(e), e]));
  const texts = [...different.keys()];
  const said = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
  return new ApiError('Invalid', `${qualified(names.kind, names.group)} ${JSON.stringify(name)} is invalid: ${said}`, {
    ...detailsOf(names, name, names.kind),
    causes: [...different.values()].map(e => ({ reason: causeReasons[e.reason], message: e.message, field: e.path })),
  });
}

/** What a delete answers when the object is gone. */
export const success = (names: Names, name: string, uid: string | undefined): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: { ...detailsOf(names, name), ...(uid === undefined ? {} : { uid }) },
  code: 200,
});

import { ApiFailure } from './api-status.ts';

/** How a field of a message becomes JSON. */
type Field =
  | readonly [name: string, kind: 'text' | 'number' | 'flag' | 'bytes']
  | readonly [name: string, kind: 'message' | 'textMap' | 'bytesMap' | 'intOrString', fields?: Fields]
  | readonly [name: string, kind: 'texts' | 'messages', fields?: Fields];
type Fields = { readonly [id: number]: Field };

const metadata: Fields = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  11: ['labels', 'textMap'],
  12: ['annotations', 'textMap'],
  14: ['finalizers', 'texts'],
};
const servicePort: Fields = {
  1: ['name', 'text'],
  2: ['protocol', 'text'],
  3: ['port', 'number'],
  4: ['targetPort', 'intOrString'],
  5: ['nodePort', 'number'],
  6: ['appProtocol', 'text'],
};
const serviceSpec: Fields = {
  1: ['ports', 'messages', servicePort],
  2: ['selector', 'textMap'],
  3: ['clusterIP', 'text'],
  4: ['type', 'text'],
  5: ['externalIPs', 'texts'],
  7: ['sessionAffinity', 'text'],
  10: ['externalName', 'text'],
};
const accessReview: Fields = {
  1: [
    'resourceAttributes',
    'message',
    {
      1: ['namespace', 'text'],
      2: ['verb', 'text'],
      3: ['group', 'text'],
      4: ['version', 'text'],
      5: ['resource', 'text'],
      6: ['subresource', 'text'],
      7: ['name', 'text'],
    },
  ],
  2: ['nonResourceAttributes', 'message', { 1: ['path', 'text'], 2: ['verb', 'text'] }],
};

/** Kinds that kubectl posts in protobuf. Source: `generated.proto` of k8s.io/api and apimachinery. */
const messages: { readonly [kind: string]: Fields } = {
  Namespace: { 1: ['metadata', 'message', metadata], 2: ['spec', 'message', { 1: ['finalizers', 'texts'] }] },
  Service: { 1: ['metadata', 'message', metadata], 2: ['spec', 'message', serviceSpec] },
  ConfigMap: {
    1: ['metadata', 'message', metadata],
    2: ['data', 'textMap'],
    3: ['binaryData', 'bytesMap'],
    4: ['immutable', 'flag'],
  },
  Secret: {
    1: ['metadata', 'message', metadata],
    2: ['data', 'bytesMap'],
    3: ['type', 'text'],
    4: ['stringData', 'textMap'],
    5: ['immutable', 'flag'],
  },
  SelfSubjectAccessReview: { 1: ['metadata', 'message', metadata], 2: ['spec', 'message', accessReview] },
  SelfSubjectRulesReview: {
    1: ['metadata', 'message', metadata],
    2: ['spec', 'message', { 1: ['namespace', 'text'] }],
  },
  SelfSubjectReview: { 1: ['metadata', 'message', metadata] },
  DeleteOptions: {
    1: ['gracePeriodSeconds', 'number'],
    2: ['preconditions', 'message', { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] }],
    4: ['propagationPolicy', 'text'],
    5: ['dryRun', 'texts'],
  },
};

const magic = Buffer.from('k8s\0');
const envelope: Fields = {
  1: ['typeMeta', 'message', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }],
  2: ['raw', 'bytes'],
};

/**
 * Reads a body of `application/vnd.kubernetes.protobuf`: the magic number, a `runtime.Unknown`, in it the message. kubectl
 * 1.32 and later post the core kinds so. @throws ApiFailure BadRequest, UnsupportedMediaType for a kind without a table.
 */
export function protobufBody(body: Uint8Array): unknown {
  const bytes = Buffer.from(body);
  if (!bytes.subarray(0, 4).equals(magic)) throw broken();
  const unknown = read(bytes.subarray(4), envelope);
  const { apiVersion, kind } = (unknown.typeMeta ?? {}) as { apiVersion?: string; kind?: string };
  const fields = kind !== undefined && Object.hasOwn(messages, kind) ? messages[kind] : undefined;
  if (!fields) {
    throw new ApiFailure(
      'UnsupportedMediaType',
      `${kind ?? 'this object'} is not read in protobuf here, send it as application/json`,
    );
  }
  const raw = Buffer.from(String(unknown.raw ?? ''), 'base64');
  return { apiVersion, kind, ...read(raw, fields) };
}

function read(bytes: Buffer, fields: Fields): { [name: string]: unknown } {
  const result: { [name: string]: unknown } = Object.create(null);
  for (const { id, value } of fieldsIn(bytes)) {
    const field = Object.hasOwn(fields, id) ? fields[id] : undefined;
    if (!field) continue;
    const [name, kind, inner] = field;
    if (typeof value === 'number') {
      if (kind === 'number') result[name] = value;
      else if (kind === 'flag') result[name] = value !== 0;
      continue;
    }
    switch (kind) {
      case 'text':
        // gogo-proto writes empty strings too; absent and empty mean the same to Kubernetes.
        if (value.length > 0) result[name] = value.toString();
        break;
      case 'bytes':
        result[name] = value.toString('base64');
        break;
      case 'texts':
        result[name] = [...((result[name] as string[] | undefined) ?? []), value.toString()];
        break;
      case 'message':
        result[name] = read(value, inner ?? {});
        break;
      case 'messages':
        result[name] = [...((result[name] as object[] | undefined) ?? []), read(value, inner ?? {})];
        break;
      case 'textMap':
      case 'bytesMap': {
        const pair = read(value, { 1: ['key', 'text'], 2: ['value', kind === 'textMap' ? 'text' : 'bytes'] });
        const map = (result[name] ??= Object.create(null)) as { [key: string]: unknown };
        map[String(pair.key ?? '')] = pair.value ?? '';
        break;
      }
      case 'intOrString': {
        const either = read(value, { 1: ['type', 'number'], 2: ['number', 'number'], 3: ['text', 'text'] });
        const said = either.type === 1 ? either.text : either.number;
        if (said !== undefined && said !== 0) result[name] = said;
        break;
      }
      default:
        break;
    }
  }
  return result;
}

/** Fields on the wire: varints as numbers, length-delimited ones as bytes, fixed ones passed over. */
function* fieldsIn(bytes: Buffer): Iterable<{ id: number; value: number | Buffer }> {
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (let count = 0; count < 10; count += 1) {
      const byte = bytes[at];
      if (byte === undefined) throw broken();
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw broken();
  };
  while (at < bytes.length) {
    const tag = varint();
    const [id, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) yield { id, value: varint() };
    else if (wire === 2) {
      const length = varint();
      if (at + length > bytes.length) throw broken();
      yield { id, value: bytes.subarray(at, (at += length)) };
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else throw broken();
  }
}

function broken(): ApiFailure {
  return new ApiFailure('BadRequest', 'the body is no Kubernetes protobuf object');
}

import { canonicalJson } from '../store/canonical-json.ts';
import { isJson } from '../store/field-set.ts';
import { ApiFailure } from './api-status.ts';

type Container = { [key: string]: unknown } | unknown[];

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Most operations of one patch. Source: Kubernetes. */
const maxOperations = 10_000;

/**
 * Applies a JSON patch to a copy. Source: RFC 6902. @throws ApiFailure BadRequest for what is no patch, Invalid when an
 * operation has no place or a test fails, as Kubernetes answers.
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch) || !patch.every(isOperation)) {
    throw new ApiFailure('BadRequest', 'a JSON patch is a list of operations with op and path');
  }
  if (patch.length > maxOperations)
    throw new ApiFailure('RequestEntityTooLarge', `a JSON patch may have ${maxOperations} operations`);
  const root: { [key: string]: unknown } = nullPrototype({ '': copy(target) });
  for (const operation of patch as readonly Operation[]) {
    const at = ['', ...pointer(operation.path)];
    switch (operation.op) {
      case 'add':
        add(root, at, copy(operation.value), operation);
        break;
      case 'remove':
        remove(root, at, operation);
        break;
      case 'replace':
        if (at.length > 1) remove(root, at, operation);
        add(root, at, copy(operation.value), operation);
        break;
      case 'move':
      case 'copy': {
        const from = ['', ...pointer(operation.from ?? '')];
        const value = copy(read(root, from, operation));
        if (operation.op === 'move') remove(root, from, operation);
        add(root, at, value, operation);
        break;
      }
      case 'test':
        if (canonicalJson(read(root, at, operation)) !== canonicalJson(operation.value))
          throw refused(operation, 'testing value failed');
        break;
      default:
        throw new ApiFailure('BadRequest', `a JSON patch knows no operation "${operation.op}"`);
    }
  }
  return root[''];
}

function isOperation(value: unknown): value is Operation {
  return isJson(value) && typeof value.op === 'string' && typeof value.path === 'string';
}

/** Words of a JSON pointer. Source: RFC 6901. */
function pointer(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw new ApiFailure('BadRequest', `"${text}" is no JSON pointer`);
  return text
    .slice(1)
    .split('/')
    .map((word) => word.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(root: Container, at: readonly string[], operation: Operation): unknown {
  let value: unknown = root;
  for (const word of at) {
    const container = asContainer(value, operation);
    if (!has(container, word)) throw refused(operation, 'nonexistent path');
    value = Array.isArray(container) ? container[Number(word)] : container[word];
  }
  return value;
}

function add(root: Container, at: readonly string[], value: unknown, operation: Operation): void {
  const container = asContainer(read(root, at.slice(0, -1), operation), operation);
  const word = at.at(-1)!;
  if (!Array.isArray(container)) {
    container[word] = value;
    return;
  }
  const index = word === '-' ? container.length : indexOf(word);
  if (index === undefined || index > container.length) throw refused(operation, 'invalid array index');
  container.splice(index, 0, value);
}

function remove(root: Container, at: readonly string[], operation: Operation): void {
  const container = asContainer(read(root, at.slice(0, -1), operation), operation);
  const word = at.at(-1)!;
  if (!has(container, word)) throw refused(operation, 'nonexistent path');
  if (Array.isArray(container)) container.splice(Number(word), 1);
  else delete container[word];
}

function has(container: Container, word: string): boolean {
  if (!Array.isArray(container)) return Object.hasOwn(container, word);
  const index = indexOf(word);
  return index !== undefined && index < container.length;
}

function indexOf(word: string): number | undefined {
  return /^(0|[1-9]\d{0,8})$/.test(word) ? Number(word) : undefined;
}

function asContainer(value: unknown, operation: Operation): Container {
  if (typeof value === 'object' && value !== null) return value as Container;
  throw refused(operation, 'nonexistent path');
}

function refused({ op, path }: Operation, why: string): ApiFailure {
  return new ApiFailure(
    'Invalid',
    `the server rejected our request due to an error in our request: ${op} operation does not apply: ${path}: ${why}`,
  );
}

/** A copy without prototypes: keys such as `__proto__` are only data. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isJson(value)) return value;
  return nullPrototype(Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)])));
}

function nullPrototype(value: object): { [key: string]: unknown } {
  return Object.assign(Object.create(null) as object, value) as { [key: string]: unknown };
}

import type { ObjectMeta } from '@lateen/config-schema';
import { ApiFailure } from './api-status.ts';

/** Does an object belong to a selection? */
export type Selector = (entry: { readonly object: { readonly metadata: ObjectMeta } }) => boolean;

/** Most requirements of one selector. */
const maxRequirements = 50;

const setBased = /^([^\s=!,()]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const equality = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/;

/**
 * Label selector: `a=b`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a`, `!a`, joined by commas. As in Kubernetes, a
 * missing label satisfies `!=` and `notin`. @throws ApiFailure BadRequest for anything else.
 */
export function labelSelector(text: string): Selector {
  const tests = requirements(text).map((requirement) => labelTest(requirement));
  return (entry) => tests.every((test) => test(entry.object.metadata.labels));
}

type Labels = { readonly [key: string]: string };

function labelTest(requirement: string): (labels: Labels) => boolean {
  const set = setBased.exec(requirement);
  if (set) {
    const [, key, operator, list] = set;
    const values = new Set(list!.split(',').map((value) => value.trim()));
    if (operator === 'in') return (labels) => labels[key!] !== undefined && values.has(labels[key!]!);
    return (labels) => labels[key!] === undefined || !values.has(labels[key!]!);
  }
  const equal = equality.exec(requirement);
  if (equal) {
    const [, key, operator, value] = equal;
    return (labels) => (labels[key!] === value) === (operator !== '!=');
  }
  const exists = /^(!?)\s*([^\s=!,()]+)$/.exec(requirement);
  if (!exists) throw new ApiFailure('BadRequest', `unable to parse the label selector "${requirement}"`);
  const [, not, key] = exists;
  return (labels) => (labels[key!] !== undefined) === (not === '');
}

/** Field selector on `metadata.name` and `metadata.namespace`, by `=`, `==` or `!=`. @throws ApiFailure BadRequest. */
export function fieldSelector(text: string): Selector {
  const tests = requirements(text).map((requirement): Selector => {
    const [, field, operator, value] = equality.exec(requirement) ?? [];
    if (field !== 'metadata.name' && field !== 'metadata.namespace') {
      throw new ApiFailure('BadRequest', `the field selector "${requirement}" is not supported`);
    }
    const member = field === 'metadata.name' ? 'name' : 'namespace';
    return (entry) => (entry.object.metadata[member] === value) === (operator !== '!=');
  });
  return (entry) => tests.every((test) => test(entry));
}

/** Splits at commas outside of parentheses. */
function requirements(text: string): string[] {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  if (parts.length > maxRequirements)
    throw new ApiFailure('BadRequest', 'the selector has too many requirements');
  return parts.filter((part) => part !== '');
}

/** A SPIFFE id in its parts. The path is empty or begins with a slash. */
export interface SpiffeId {
  readonly trustDomain: string;
  readonly path: string;
}

/** A value, or what is wrong with the text it was to be read from. */
export type Parsed<T> = { readonly value: T } | { readonly complaint: string };

const scheme = 'spiffe://';
const trustDomainCharacters = /^[a-z0-9._-]*$/;
const segmentCharacters = /^[a-zA-Z0-9._-]*$/;

const complaints = {
  empty: 'cannot be empty',
  scheme: 'scheme is missing or invalid',
  trustDomainMissing: 'trust domain is missing',
  trustDomainCharacters:
    'trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores',
  leadingSlash: 'path must have a leading slash',
  trailingSlash: 'path cannot have a trailing slash',
  emptySegment: 'path cannot contain empty segments',
  dotSegment: 'path cannot contain dot segments',
  segmentCharacters: 'path segment characters are limited to letters, numbers, dots, dashes, and underscores',
} as const;

/** What forbids `segment` as a part of a SPIFFE id's path; `undefined` when nothing does. */
export function segmentComplaint(segment: string): string | undefined {
  if (segment === '') return complaints.emptySegment;
  if (segment === '.' || segment === '..') return complaints.dotSegment;
  return segmentCharacters.test(segment) ? undefined : complaints.segmentCharacters;
}

function pathComplaint(path: string): string | undefined {
  if (path === '') return undefined;
  if (!path.startsWith('/')) return complaints.leadingSlash;
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    if (segment === '' && index === segments.length - 1) return complaints.trailingSlash;
    const complaint = segmentComplaint(segment);
    if (complaint) return complaint;
  }
  return undefined;
}

/** Id of a trust domain's name and a path, both checked (SPIFFE-ID, sections 2.1 and 2.2). */
export function spiffeIdOf(trustDomain: string, path: string): Parsed<SpiffeId> {
  if (trustDomain === '') return { complaint: complaints.trustDomainMissing };
  if (!trustDomainCharacters.test(trustDomain)) return { complaint: complaints.trustDomainCharacters };
  const complaint = pathComplaint(path);
  return complaint ? { complaint } : { value: { trustDomain, path } };
}

/** Id of a trust domain's name and path segments. */
export function spiffeIdOfSegments(trustDomain: string, segments: readonly string[]): Parsed<SpiffeId> {
  for (const segment of segments) {
    const complaint = segmentComplaint(segment);
    if (complaint) return { complaint };
  }
  return spiffeIdOf(trustDomain, segments.map((segment) => `/${segment}`).join(''));
}

/** The id with `path` after its own. */
export function appendPath(id: SpiffeId, path: string): Parsed<SpiffeId> {
  const complaint = pathComplaint(path);
  return complaint ? { complaint } : { value: { trustDomain: id.trustDomain, path: id.path + path } };
}

/** Reads a SPIFFE id by the strict rules of the SPIFFE-ID standard: no escapes, no ports, lower-case trust domain. */
export function parseSpiffeId(text: string): Parsed<SpiffeId> {
  if (text === '') return { complaint: complaints.empty };
  if (!text.startsWith(scheme)) return { complaint: complaints.scheme };
  const slash = text.indexOf('/', scheme.length);
  const end = slash < 0 ? text.length : slash;
  return spiffeIdOf(text.slice(scheme.length, end), text.slice(end));
}

/** Reads a trust domain from its bare name or from any id in it. */
export function parseTrustDomain(text: string): Parsed<string> {
  if (text.includes(':/')) {
    const parsed = parseSpiffeId(text);
    return 'value' in parsed ? { value: parsed.value.trustDomain } : parsed;
  }
  const parsed = spiffeIdOf(text, '');
  return 'value' in parsed ? { value: parsed.value.trustDomain } : parsed;
}

/** Text of an id: `spiffe://TRUST_DOMAIN/PATH`. */
export function formatSpiffeId(id: SpiffeId): string {
  return `${scheme}${id.trustDomain}${id.path}`;
}

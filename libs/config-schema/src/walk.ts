import type { Node } from './node.ts';
import type { Report } from './report.ts';
import type { Severity } from './violation.ts';

/** Where the walk stands: the path's segments, formatted already. */
export interface Walk {
  readonly path: string[];
  readonly report: Report;
  /** Severity of unknown fields: an error everywhere but in mesh config, whose fields come and go with releases. */
  readonly unknown: Severity;
}

/** Value of a node, or `undefined` when it is null or was found wrong (and reported). */
export type ValueDecoder = (node: Node, walk: Walk) => unknown;

/** Path of where the walk stands, as violations have it. */
export function pathOf(walk: Walk): string {
  const path = walk.path.join('');
  return path.startsWith('.') ? path.slice(1) : path;
}

/** Reports that the node is not what its field takes; answers the value of such a field. */
export function wrong(walk: Walk, node: Node, message: string, hint?: string): undefined {
  walk.report.at('error', { path: pathOf(walk), message, offset: node.offset, hint });
  return undefined;
}

/** Is the node null or left empty? */
export function isNull(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null;
}

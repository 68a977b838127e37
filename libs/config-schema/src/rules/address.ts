import { isIP } from 'node:net';

/** What is wrong with an IP address or CIDR range. Source: RFC 4632. */
export function subnetProblem(text: string): string | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return `"${text}" is no IP address or CIDR range`;
  if (slash < 0) return undefined;
  const bits = text.slice(slash + 1);
  const most = version === 4 ? 32 : 128;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most)
    return `"${text}" is no CIDR range: expected a prefix length of 0 to ${most}`;
  return undefined;
}

/** What is wrong with the path of a unix socket, `unix://` taken off: absolute, or abstract (`@name`), and no `..`. */
export function unixPathProblem(path: string): string | undefined {
  if (path === '') return 'the unix socket path is empty';
  if (path.startsWith('@')) return undefined;
  if (!path.startsWith('/')) return `"${path}" is not an absolute path to a socket`;
  if (path.endsWith('/')) return `"${path}" is a folder, no socket`;
  if (path.split('/').includes('..')) return `"${path}" must not climb with ".."`;
  return undefined;
}

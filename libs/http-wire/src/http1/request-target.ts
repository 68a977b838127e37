import { isAuthority } from './characters.ts';

/** What a request line's target says (RFC 9112 3.2). `authority` and `scheme` only where the target brings them. */
export interface RequestTarget {
  readonly form: 'origin' | 'absolute' | 'authority' | 'asterisk';
  readonly path: string;
  readonly authority: string | undefined;
  readonly scheme: 'http' | 'https' | undefined;
}

const asterisk: RequestTarget = { form: 'asterisk', path: '*', authority: undefined, scheme: undefined };
const absolute = /^(https?):\/\/([^/?]*)(.*)$/i;
const hostPort = /:\d{1,5}$/;

/** Target of a request line that is not origin-form; `undefined` when it is invalid. User information is refused. */
export function parseTarget(method: string, text: string): RequestTarget | undefined {
  if (method === 'CONNECT') {
    if (!isAuthority(text) || !hostPort.test(text)) return undefined;
    return { form: 'authority', path: '', authority: text, scheme: undefined };
  }
  if (text.charCodeAt(0) === 0x2f)
    return { form: 'origin', path: text, authority: undefined, scheme: undefined };
  if (text === '*') return method === 'OPTIONS' ? asterisk : undefined;
  const parts = absolute.exec(text);
  if (!parts || !isAuthority(parts[2]!)) return undefined;
  const rest = parts[3]!;
  return {
    form: 'absolute',
    path: rest.startsWith('/') ? rest : `/${rest}`,
    authority: parts[2]!,
    scheme: parts[1]!.toLowerCase() === 'https' ? 'https' : 'http',
  };
}

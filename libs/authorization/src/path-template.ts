import { compileRegex, invalidConfig, pathWithoutQuery } from '@lateen/matching';
import { anyName, type envoy_config_core_v3_TypedExtensionConfig, unpackAny } from '@lateen/protos';

const message = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';

// RFC 3986 pchar, what Envoy's templates let a wildcard stand for.
const segment = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=*]+";
const segments = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=*/]*";

function escape(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/**
 * Compiles Envoy's URI template (`/users/{*}/files/{**}`, names as `{id=*}` allowed) to a function of the path.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compilePathTemplate(
  config: envoy_config_core_v3_TypedExtensionConfig,
  path: string,
): (target: string) => boolean {
  if (!config.typedConfig || anyName(config.typedConfig) !== message) {
    throw invalidConfig(`${path}.typed_config`, `only ${message} is supported`);
  }
  const template = unpackAny(message, config.typedConfig).pathTemplate ?? '';
  const at = `${path}.typed_config.path_template`;
  if (!template.startsWith('/')) throw invalidConfig(at, `"${template}" must start with "/"`);
  let regex = '';
  for (const part of template.split(/(\{[^{}]*\}|\*\*|\*)/)) {
    const inner = part.startsWith('{') ? part.slice(1, -1).replace(/^\w+(=|$)/, '') || '*' : part;
    if (inner === '*') regex += segment;
    else if (inner === '**') regex += segments;
    else if (part.startsWith('{') || /[{}]/.test(part)) throw invalidConfig(at, `"${part}" is no wildcard`);
    else regex += escape(part);
  }
  const matches = compileRegex({ regex }, at);
  return (target) => matches(pathWithoutQuery(target));
}

import { createHash, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { invalidConfig, refuseFields } from '@lateen/matching';
import {
  durationMs,
  enumName,
  type envoy_extensions_transport_sockets_tls_v3_CertificateValidationContext,
  type envoy_extensions_transport_sockets_tls_v3_CommonTlsContext,
  type envoy_extensions_transport_sockets_tls_v3_Secret,
  type envoy_extensions_transport_sockets_tls_v3_TlsCertificate,
  type envoy_extensions_transport_sockets_tls_v3_TlsParameters,
  enumOf,
} from '@lateen/protos';
import { type Logger, messageOf, type Unsubscribe, WatchValue } from '@lateen/runtime';
import { readText } from '../bootstrap/data-source.ts';
import { fetchTimeoutMs } from '../resources/warming.ts';
import type { SecretSource, SecretWatch } from './secret-source.ts';
import { type CertificateCheck, compileCertificateCheck, subjectNames } from './subject-names.ts';

type ValidationContext = envoy_extensions_transport_sockets_tls_v3_CertificateValidationContext;
type TlsCertificate = envoy_extensions_transport_sockets_tls_v3_TlsCertificate;

/** What handshakes use, as of the newest secrets. */
export interface TlsMaterial {
  readonly options: SecureContextOptions;
  /** Is there a root to verify peers by? */
  readonly verifies: boolean;
  /** Beyond the chain. */
  readonly check: CertificateCheck | undefined;
  /** PEM of our certificate and the roots, for admin and for gRPC channels; empty without. */
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly trustBundle: string;
  readonly ownUris: readonly string[];
}

/** Material that follows its secrets. `undefined` until every secret came. */
export interface WatchedMaterial {
  readonly material: WatchValue<TlsMaterial | undefined>;
  readonly alpnProtocols: readonly string[];
  /** Longest wait for the first secrets; `undefined`: for ever. Milliseconds. */
  readonly initialFetchTimeoutMs: number | undefined;
  dispose(): void;
}

/** What TLS contexts need of the proxy. */
export interface TlsSurroundings {
  readonly secrets: SecretSource;
  readonly logger: Logger;
}

const hash = (bytes: Uint8Array): { base64: string; hex: string } => {
  const digest = createHash('sha256').update(bytes).digest();
  return { base64: digest.toString('base64'), hex: digest.toString('hex') };
};

function version(value: number | undefined, path: string): SecureVersion | undefined {
  const versions = enumOf('envoy.extensions.transport_sockets.tls.v3.TlsParameters.TlsProtocol');
  switch (value ?? versions.TLS_AUTO) {
    case versions.TLS_AUTO:
      return undefined;
    case versions.TLSv1_0:
      return 'TLSv1';
    case versions.TLSv1_1:
      return 'TLSv1.1';
    case versions.TLSv1_2:
      return 'TLSv1.2';
    case versions.TLSv1_3:
      return 'TLSv1.3';
    default:
      throw invalidConfig(path, `${value} is unknown`);
  }
}

function parameters(
  config: envoy_extensions_transport_sockets_tls_v3_TlsParameters | undefined,
  path: string,
): SecureContextOptions {
  const options: SecureContextOptions = {
    // Envoy's default for both sides.
    minVersion:
      version(config?.tlsMinimumProtocolVersion, `${path}.tls_minimum_protocol_version`) ?? 'TLSv1.2',
    maxVersion:
      version(config?.tlsMaximumProtocolVersion, `${path}.tls_maximum_protocol_version`) ?? 'TLSv1.3',
  };
  const suites = (config?.cipherSuites ?? []).map((suite) =>
    suite.replace(/^\[(.*)\]$/, '$1').replaceAll('|', ':'),
  );
  if (suites.length > 0) {
    // In OpenSSL's list the TLS 1.3 suites must be named too, or TLS 1.3 has none left.
    options.ciphers = [
      'TLS_AES_128_GCM_SHA256',
      'TLS_AES_256_GCM_SHA384',
      'TLS_CHACHA20_POLY1305_SHA256',
      ...suites,
    ].join(':');
  }
  if (config?.ecdhCurves?.length) options.ecdhCurve = config.ecdhCurves.join(':');
  if (config?.signatureAlgorithms?.length) options.sigalgs = config.signatureAlgorithms.join(':');
  return options;
}

interface KeyPair {
  readonly chain: string;
  readonly key: string;
}

function keyPairOf(certificate: TlsCertificate, path: string): KeyPair {
  refuseFields(certificate, path, ['pkcs12', 'privateKeyProvider', 'password', 'ocspStaple']);
  const chain = readText(certificate.certificateChain, `${path}.certificate_chain`) ?? '';
  const key = readText(certificate.privateKey, `${path}.private_key`) ?? '';
  if (chain === '' || key === '')
    throw invalidConfig(path, 'a certificate chain and its private key are needed');
  return { chain, key };
}

function unsupported(context: ValidationContext, path: string): void {
  refuseFields(context, path, [
    'caCertificateProviderInstance',
    'systemRootCerts',
    'requireSignedCertificateTimestamp',
    'allowExpiredCertificate',
    'customValidatorConfig',
    'onlyVerifyLeafCertCrl',
    'maxVerifyDepth',
  ]);
}

/** A secret's context on top of the default one, as protobuf merges: lists add up, single fields are replaced. */
function merge(base: ValidationContext, over: ValidationContext): ValidationContext {
  const list = <
    K extends
      | 'verifyCertificateSpki'
      | 'verifyCertificateHash'
      | 'matchTypedSubjectAltNames'
      | 'matchSubjectAltNames',
  >(
    key: K,
  ) => [...(base[key] ?? []), ...(over[key] ?? [])] as NonNullable<ValidationContext[K]>;
  return {
    trustedCa: over.trustedCa ?? base.trustedCa,
    crl: over.crl ?? base.crl,
    trustChainVerification: over.trustChainVerification || base.trustChainVerification,
    verifyCertificateSpki: list('verifyCertificateSpki'),
    verifyCertificateHash: list('verifyCertificateHash'),
    matchTypedSubjectAltNames: list('matchTypedSubjectAltNames'),
    matchSubjectAltNames: list('matchSubjectAltNames'),
  };
}

interface Parts {
  readonly base: SecureContextOptions;
  readonly pair: KeyPair | undefined;
  readonly validation: ValidationContext | undefined;
  readonly path: string;
}

function assemble({ base, pair, validation, path }: Parts): TlsMaterial {
  const options: SecureContextOptions = { ...base };
  let ownUris: readonly string[] = [];
  if (pair) {
    options.cert = pair.chain;
    options.key = pair.key;
  }
  const trust = enumName(
    'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.TrustChainVerification',
    validation?.trustChainVerification ?? 0,
  );
  const bundle =
    validation && trust === 'VERIFY_TRUST_CHAIN'
      ? readText(validation.trustedCa, `${path}.trusted_ca`)
      : undefined;
  // Without a root nobody is verified: an empty list keeps Node's own roots out.
  options.ca = bundle ?? [];
  const crl = validation && readText(validation.crl, `${path}.crl`);
  if (crl !== undefined) options.crl = crl;
  const check = validation && compileCertificateCheck(validation, path, hash);
  try {
    createSecureContext(options);
    if (pair) ownUris = subjectNames(new X509Certificate(pair.chain)).uris;
  } catch (error) {
    throw invalidConfig(path, `the certificates can't be used: ${messageOf(error)}`);
  }
  return {
    options,
    verifies: bundle !== undefined,
    check,
    certificateChain: pair?.chain ?? '',
    privateKey: pair?.key ?? '',
    trustBundle: bundle ?? '',
    ownUris,
  };
}

/** Is a secret fit for use? @throws LateenError LTN_CONFIG_INVALID saying why not; SDS answers it as a NACK */
export function checkSecret(secret: envoy_extensions_transport_sockets_tls_v3_Secret): void {
  if (secret.tlsCertificate) {
    const pair = keyPairOf(secret.tlsCertificate, 'tls_certificate');
    assemble({ base: {}, pair, validation: undefined, path: 'tls_certificate' });
  } else if (secret.validationContext) {
    unsupported(secret.validationContext, 'validation_context');
    assemble({ base: {}, pair: undefined, validation: secret.validationContext, path: 'validation_context' });
  } else {
    throw invalidConfig('secret', 'holds neither a certificate nor a validation context');
  }
}

/**
 * Compiles `CommonTlsContext` to material that follows its secrets: new handshakes use the newest, connections that
 * stand are left alone. A secret that doesn't fit keeps the last good material.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function watchMaterial(
  config: envoy_extensions_transport_sockets_tls_v3_CommonTlsContext,
  path: string,
  surroundings: TlsSurroundings,
): WatchedMaterial {
  refuseFields(config, path, [
    'tlsCertificateProviderInstance',
    'tlsCertificateCertificateProvider',
    'tlsCertificateCertificateProviderInstance',
    'validationContextCertificateProvider',
    'validationContextCertificateProviderInstance',
    'customHandshaker',
    'keyLog',
  ]);
  const base = parameters(config.tlsParams, `${path}.tls_params`);
  const certificates = config.tlsCertificates ?? [];
  const secretConfigs = config.tlsCertificateSdsSecretConfigs ?? [];
  if (certificates.length + secretConfigs.length > 1) {
    throw invalidConfig(`${path}.tls_certificates`, 'more than one certificate is not supported');
  }
  const watches: SecretWatch[] = [];
  let initialFetchTimeoutMs: number | undefined = 0;
  const watch = (secret: (typeof secretConfigs)[number], at: string): SecretWatch => {
    const timeoutMs = fetchTimeoutMs(durationMs(secret.sdsConfig?.initialFetchTimeout));
    const longest = initialFetchTimeoutMs;
    initialFetchTimeoutMs =
      timeoutMs === undefined || longest === undefined ? undefined : Math.max(longest, timeoutMs);
    const watched = surroundings.secrets.watch(secret, at);
    watches.push(watched);
    return watched;
  };
  const [inlineCertificate] = certificates;
  const inlinePair = inlineCertificate && keyPairOf(inlineCertificate, `${path}.tls_certificates[0]`);
  const [pairConfig] = secretConfigs;
  const pairWatch = pairConfig && watch(pairConfig, `${path}.tls_certificate_sds_secret_configs[0]`);

  const combined = config.combinedValidationContext;
  const inlineValidation = config.validationContext ?? combined?.defaultValidationContext;
  const validationPath = combined
    ? `${path}.combined_validation_context.default_validation_context`
    : `${path}.validation_context`;
  if (inlineValidation) unsupported(inlineValidation, validationPath);
  const validationConfig =
    config.validationContextSdsSecretConfig ?? combined?.validationContextSdsSecretConfig;
  const validationWatch =
    validationConfig && watch(validationConfig, `${path}.validation_context_sds_secret_config`);

  const material = new WatchValue<TlsMaterial | undefined>(undefined);
  const update = (): void => {
    if (watches.some(({ current }) => current === undefined)) return;
    const certificate = pairWatch?.current?.tlsCertificate;
    const fetched = validationWatch?.current?.validationContext;
    const pair = certificate ? keyPairOf(certificate, path) : inlinePair;
    const validation = fetched ? merge(inlineValidation ?? {}, fetched) : inlineValidation;
    material.set(assemble({ base, pair, validation, path: validationPath }));
  };
  // A context without secrets must be right now; with secrets the last good one stays.
  update();
  const stops: Unsubscribe[] = watches.map((watched) =>
    watched.subscribe(() => {
      try {
        update();
      } catch (error) {
        surroundings.logger.warn(
          { err: error, path },
          'new secrets do not fit, the last good ones stay in use',
        );
      }
    }),
  );
  return {
    material,
    alpnProtocols: config.alpnProtocols ?? [],
    initialFetchTimeoutMs,
    dispose: () => {
      for (const stop of stops) stop();
    },
  };
}

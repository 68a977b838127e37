import { attributesOfBag, bagOfAttributes, type AttributeBag, type MutableBag } from '@lateen/attributes';
import { decode, encode } from '@lateen/protos';

const message = 'istio.mixer.v1.Attributes';

/** Longest header that is read; what a caller claims about itself needs no more. */
const longestHeader = 16_384;

/** Value of the `x-istio-attributes` header for a bag; `undefined` for an empty one. */
export function writeForwardedAttributes(bag: AttributeBag): string | undefined {
  const attributes = attributesOfBag(bag);
  if (Object.keys(attributes.attributes ?? {}).length === 0) return undefined;
  return Buffer.from(encode(message, attributes)).toString('base64');
}

/** Bag of an `x-istio-attributes` header; `undefined` when it is too long or unreadable. */
export function readForwardedAttributes(header: string): MutableBag | undefined {
  if (header.length > longestHeader) return undefined;
  try {
    return bagOfAttributes(decode(message, Buffer.from(header, 'base64')));
  } catch {
    return undefined; // any caller may write the header; unreadable ones count as absent, as in Istio's proxy
  }
}

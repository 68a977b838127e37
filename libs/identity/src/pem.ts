/** PEM of one DER object. `label` as in `-----BEGIN LABEL-----`. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** DER of every PEM block with one of the labels, in order; other blocks and text between them are passed over. */
export function decodePem(text: string, labels: readonly string[]): Buffer[] {
  const found: Buffer[] = [];
  for (const match of text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g)) {
    if (labels.includes(match[1]!)) found.push(Buffer.from(match[2]!, 'base64'));
  }
  return found;
}

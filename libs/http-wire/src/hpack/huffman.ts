/**
 * Code lengths of the symbols 0–255 in bits, base 36 (RFC 7541 Appendix B). The code is canonical: with symbols in
 * order of length, then value, codes count up, so lengths say everything. EOS (30 ones) takes what is left.
 */
const codeLengths =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq';
const lengths = Uint8Array.from(codeLengths, (digit) => Number.parseInt(digit, 36));
const codes = new Uint32Array(256);

/** Decoder's state machine: a state is an inner node of the code's tree, a step takes four bits. */
const emits = 0x100;
const fails = 0x200;
const steps = new Uint32Array(256 * 16);
/** Nodes where a string may end: fewer than eight ones since the last symbol (RFC 7541 5.2). */
const accepting = new Uint8Array(256);

const eos = -2;
const unset = -1;

function assignCodes(): void {
  const symbols = Array.from({ length: 256 }, (_, symbol) => symbol).sort(
    (a, b) => lengths[a]! - lengths[b]! || a - b,
  );
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    code <<= lengths[symbol]! - length;
    length = lengths[symbol]!;
    codes[symbol] = code;
    code += 1;
  }
}

/** Children of inner nodes: another node, or `~symbol - 2` for a leaf. */
function growTree(): Int32Array {
  const tree = new Int32Array(512).fill(unset);
  let nodes = 1;
  const grow = (code: number, length: number, leaf: number): void => {
    let node = 0;
    for (let bit = length - 1; bit > 0; bit -= 1) {
      const place = node * 2 + ((code >>> bit) & 1);
      if (tree[place] === unset) {
        tree[place] = nodes;
        nodes += 1;
      }
      node = tree[place]!;
    }
    tree[node * 2 + (code & 1)] = leaf;
  };
  for (let symbol = 0; symbol < 256; symbol += 1) grow(codes[symbol]!, lengths[symbol]!, -3 - symbol);
  grow(0x3fffffff, 30, eos);
  return tree;
}

function fillSteps(tree: Int32Array): void {
  for (let state = 0; state < 256; state += 1) {
    for (let nibble = 0; nibble < 16; nibble += 1) {
      let node = state;
      let step = 0;
      for (let bit = 3; bit >= 0 && step !== fails; bit -= 1) {
        const next = tree[node * 2 + ((nibble >>> bit) & 1)]!;
        if (next >= 0) node = next;
        else if (next === eos || next === unset) step = fails;
        else {
          step = emits | ((-3 - next) << 16);
          node = 0;
        }
      }
      steps[state * 16 + nibble] = step === fails ? fails : step | node;
    }
  }
  let node = 0;
  for (let depth = 0; depth < 8; depth += 1) {
    accepting[node] = 1;
    node = tree[node * 2 + 1]!;
  }
}

assignCodes();
fillSteps(growTree());

/** Length of text after Huffman coding, bytes. Characters are latin1. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index += 1) bits += lengths[text.charCodeAt(index) & 255]!;
  return (bits + 7) >>> 3;
}

/** Writes text in Huffman code at `at`; answers the offset after it. There must be room for `huffmanLength`. */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  let held = 0;
  let count = 0;
  let place = at;
  for (let index = 0; index < text.length; index += 1) {
    const symbol = text.charCodeAt(index) & 255;
    const code = codes[symbol]!;
    let length = lengths[symbol]!;
    // At most 7 bits are held: 24 more fit into 31.
    if (length > 24) {
      held = (held << (length - 24)) | (code >>> 24);
      count += length - 24;
      length = 24;
      for (; count >= 8; count -= 8) target[place++] = held >>> (count - 8);
      held &= 0xff;
    }
    held = (held << length) | (code & ((1 << length) - 1));
    count += length;
    for (; count >= 8; count -= 8) target[place++] = held >>> (count - 8);
    held &= 0xff;
  }
  if (count > 0) target[place++] = (held << (8 - count)) | (0xff >>> count);
  return place;
}

/**
 * Decodes Huffman code into `target` from its start; answers the number of bytes written, or -1 when the code is
 * malformed: EOS inside, or padding that is too long or not of ones. `target` holds at least 8/5 of the input.
 */
export function huffmanDecode(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let state = 0;
  let written = 0;
  for (let at = start; at < end; at += 1) {
    const byte = source[at]!;
    let step = steps[(state << 4) | (byte >>> 4)]!;
    if ((step & (emits | fails)) !== 0) {
      if ((step & fails) !== 0) return -1;
      target[written++] = step >>> 16;
    }
    step = steps[((step & 0xff) << 4) | (byte & 15)]!;
    if ((step & (emits | fails)) !== 0) {
      if ((step & fails) !== 0) return -1;
      target[written++] = step >>> 16;
    }
    state = step & 0xff;
  }
  return accepting[state] === 1 ? written : -1;
}

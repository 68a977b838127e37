export { type AttributeBag, type AttributeSource, emptyBag, MutableBag } from './bag.ts';
export {
  type DecompressOptions,
  type Decompressed,
  decompressAttributes,
  wordAt,
} from './compression/decode.ts';
export { compressAttributes, compressInto, type DictionaryOptions, WordTable } from './compression/encode.ts';
export { firstReleaseWordCount, globalDictionary, globalWordIndex } from './dictionary.ts';
export { parseDurationText } from './duration-text.ts';
export { type Checked, checkExpression, type ExpressionScope, expressionType } from './expression/check.ts';
export {
  type Compiled,
  type CompiledExpression,
  compileExpression,
  type CompileScope,
} from './expression/compile.ts';
export { EvaluationFailure } from './expression/failure.ts';
export {
  builtinFunctions,
  type ExternFunction,
  externFunctions,
  type FunctionSignature,
  matchPattern,
} from './expression/functions.ts';
export { expressionLimits, type Parsed, parseExpression } from './expression/parse.ts';
export { attributesIn, type Expression, printExpression, requiredEqualities } from './expression/tree.ts';
export { emailParts } from './extern/email.ts';
export { parseIp } from './extern/ip.ts';
export { parseTimestamp } from './extern/timestamp.ts';
export { attributesOfBag, bagOfAttributes, compareTimes } from './plain-attributes.ts';
export { ReferenceShape } from './reference/shape.ts';
export { TrackedBag } from './reference/tracker.ts';
export {
  type AttributeKind,
  type AttributeValue,
  attribute,
  attributeOf,
  ipEqual,
  ipText,
  kindOfType,
  type RawValue,
  type StringMapView,
  type ValueType,
  valueTypeOf,
} from './value.ts';
export { standardVocabulary, type Vocabulary, vocabularyOf } from './vocabulary.ts';

import { suite as accessRules } from './access-rules.js';
import { suite as catalogueCommands } from './catalogue-commands.js';
import { suite as encode } from './encode.js';
import { suite as frameCutter } from './frame-cutter.js';
import { suite as loadGenerator } from './load-generator.js';
import { suite as publishHotPath } from './publish-hot-path.js';
import { suite as ring } from './ring.js';
import type { MicroSuite } from './suite.js';
import { suite as topicTrie } from './topic-trie.js';

export const SUITES: readonly MicroSuite[] = [
  ring,
  frameCutter,
  publishHotPath,
  encode,
  topicTrie,
  catalogueCommands,
  accessRules,
  loadGenerator,
];

'use strict';

/* Refuses what cannot work. Written so that an old Node can still read it and say what is wrong. */

exports.refuseUnknown = function refuseUnknown() {
  var numbers = process.versions.node.split('.').map(Number);
  var isNodeKnown = numbers[0] > 20 || (numbers[0] === 20 && numbers[1] >= 19);
  var isMachineKnown = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
  if (isNodeKnown && isMachineKnown) return;
  process.stderr.write(
    'RMQ-1006 this platform is not supported (Node ' +
      process.versions.node +
      ', ' +
      process.platform +
      ' ' +
      process.arch +
      '). ' +
      'Use Linux on x64 or arm64 with Node 20.19 or later, 22 or 24.\n',
  );
  process.exit(1);
};

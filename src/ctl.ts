import { runCtl } from './launcher/ctl/run.js';
import { checkLane, lanesOnDisk } from './runtime/journal-check.js';

/*
  robust-ctl: does one verb of the operator's command line. Started by `bin/robust-ctl`, which has checked the platform and the build.
*/
process.exitCode = await runCtl({ args: process.argv.slice(2), journal: { lanesOnDisk, checkLane } });

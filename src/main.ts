import { runCommand } from './launcher/run.js';
import { startByRoles } from './runtime/start.js';

/*
  robust-server: does one verb of the command line. Started by `bin/robust-server`, which has checked the platform and the build.
*/
process.exitCode = await runCommand({ args: process.argv.slice(2), scriptPath: process.argv[1], startNode: startByRoles });

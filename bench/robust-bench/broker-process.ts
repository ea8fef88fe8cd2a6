import { readFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of 1/100 s whatever the kernel's own frequency is (USER_HZ). */
const TICKS_PER_SECOND = 100;
const PAGE_KIB = 4;

/** CPU time and memory of a broker on this machine, all its threads, from /proc. */
export class BrokerProcess {
  readonly pid: number;

  constructor(pid: number) {
    this.pid = pid;
  }

  /** @throws if there is no such process. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    // The name, in parentheses, may contain spaces and parentheses: fields are counted from behind it. utime and stime are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  residentKib(): number {
    return Number(readFileSync(`/proc/${this.pid}/statm`, 'utf8').split(' ')[1]) * PAGE_KIB;
  }
}

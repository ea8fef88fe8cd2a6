#include "bus-error.h"

#include <signal.h>
#include <unistd.h>

namespace robust {

namespace {

constexpr char sentence[] =
    "RMQ-1020 disk of the journal failed (SIGBUS: a file that is mapped cannot be read any more). Look at the kernel log and the disk, then start the broker "
    "again; what was acknowledged is there, or the disk has lost it.\n";

// Only what may be called within a signal.
void onBusError(int) {
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
  ::_exit(1);
}

}  // namespace

void explainBusErrors() {
  struct sigaction action {};
  action.sa_handler = onBusError;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace robust

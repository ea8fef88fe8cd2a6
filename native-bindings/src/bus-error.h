// What the operator hears when the disk under a mapped file fails.
#pragma once

namespace robust {

// The journal's files are mapped. A page of one that the disk cannot give any more is SIGBUS, which ends the process without a word: so we say one.
void explainBusErrors();

}  // namespace robust

// What a program does that handles keys outside of locked memory.
#pragma once

namespace troupe::tools {

/// No core file, no debugger of another user: what is being worked with is on stacks and in texts.
/// Goes on in a process that is forked from here on.
void keep_secrets_in();

} // namespace troupe::tools
